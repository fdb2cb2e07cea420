/** Questions about branches and what happened on them, mostly one request each. */

import { FileChange, Lookup, RepositoryAddress } from '../model';
import { absentOrUnknown, isUnknownEndpoint, provesRepositoryGone } from './assessReply';
import { readPages } from './pages';
import { PageQuery } from './restUrls';
import { AskOptions, Session } from './Session';
import { parseBranchName, parseFileChange } from './wire';

/** `page.max.changes`; who pushes more has the whole repository read again. */
const CHANGES_LIMIT = 1000;

/**
 * The short name of a repository's default branch.
 *
 * @remarks `GET …/default-branch` names the configured branch even where it does not
 * exist. Servers before 7.5 have `…/branches/default` only, which answers 204 for an empty
 * repository and 404 where the branch does not exist.
 * Source: Bitbucket Data Center 10.0 OpenAPI; recorded on 10.4.1.
 */
export async function getDefaultBranch(
  session: Session,
  address: RepositoryAddress,
  options: AskOptions,
): Promise<Lookup<string>> {
  const ask = (url: string) => session.ask({ kind: 'default-branch', url }, options);
  let answer = await ask(session.urls.defaultBranch(address));
  if (answer.kind === 'answer' && isUnknownEndpoint(answer)) {
    answer = await ask(session.urls.branchesDefault(address));
  }
  if (answer.kind === 'unknown') {
    return answer;
  }
  const name = answer.read(parseBranchName);
  if (name !== undefined) {
    return { kind: 'found', value: name };
  }
  if (answer.status === 204) {
    return { kind: 'absent', reason: 'empty-repository' };
  }
  // Where the repository itself is gone, there is no branch either: whoever needs more asks for it.
  return provesRepositoryGone(answer)
    ? { kind: 'absent', reason: 'branch-not-found' }
    : absentOrUnknown(answer, false);
}

/**
 * The files that differ between two commits.
 *
 * @returns `undefined` where the answer is not all of it, or not readable
 */
export async function getFileChanges(
  session: Session,
  address: RepositoryAddress,
  { fromHash, toHash }: { readonly fromHash: string; readonly toHash: string },
  options: AskOptions,
): Promise<readonly FileChange[] | undefined> {
  const ask = (page: PageQuery) => {
    const url = session.urls.changes(address, page, toHash, fromHash);
    return session.ask({ kind: 'changes', url }, options);
  };
  const { value: step } = await readPages(ask, CHANGES_LIMIT).next();
  if (step?.kind !== 'page' || !step.page.isLastPage) {
    return undefined;
  }
  const { values } = step.page;
  const changes = values.flatMap(value => parseFileChange(value) ?? []);
  return changes.length === values.length ? changes : undefined;
}
