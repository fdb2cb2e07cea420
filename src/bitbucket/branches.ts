/** Questions about branches and what happened on them, one request each. */

import { FileChange, Lookup } from '../model';
import { HttpReply } from '../http/types';
import { provenAbsence, provesRepositoryGone, unanswered } from './assessReply';
import { AskOptions, Session } from './Session';
import { parseBranchName, parseFileChange, parseJson, parsePage } from './wire';

/**
 * The short name of a repository's default branch.
 *
 * @remarks `GET …/default-branch` names the configured branch even where it does not
 * exist. Source: Bitbucket Data Center 10.0 OpenAPI; recorded on 10.4.1.
 */
export async function getDefaultBranch(
  session: Session,
  url: string,
  options: AskOptions,
): Promise<Lookup<string>> {
  const reply = await session.ask({ kind: 'default-branch', url }, options);
  if ('reason' in reply) {
    return { kind: 'unknown', problem: reply };
  }
  const name = reply.status === 200 ? parseBranchName(parseJson(reply.body)) : undefined;
  if (name !== undefined) {
    return { kind: 'found', value: name };
  }
  return absentReason(reply) ?? unanswered(reply);
}

/** Where the repository itself is gone, there is no branch either: whoever needs more asks for it. */
function absentReason(
  reply: HttpReply,
): Extract<Lookup<string>, { kind: 'absent' }> | undefined {
  // 204: an empty repository, on versions that say so.
  const reason = reply.status === 204 ? 'empty-repository' : provenAbsence(reply, false);
  if (reason) {
    return { kind: 'absent', reason };
  }
  return provesRepositoryGone(reply)
    ? { kind: 'absent', reason: 'branch-not-found' }
    : undefined;
}

/**
 * The files that differ between two commits.
 *
 * @returns `undefined` where the answer is not all of it, or not readable
 */
export async function getFileChanges(
  session: Session,
  url: string,
  options: AskOptions,
): Promise<readonly FileChange[] | undefined> {
  const reply = await session.ask({ kind: 'changes', url }, options);
  if ('reason' in reply || reply.status !== 200) {
    return undefined;
  }
  const page = parsePage(parseJson(reply.body));
  if (!page?.isLastPage) {
    return undefined;
  }
  const changes = page.values.flatMap(value => parseFileChange(value) ?? []);
  return changes.length === page.values.length ? changes : undefined;
}
