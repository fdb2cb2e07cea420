/** Questions about the files of a repository: found, absent or unknown. */

import { Lookup, Problem } from '../model';
import { HttpReply } from '../http/types';
import { problemOf, provenAbsence } from './assessReply';
import { PageStep, readPages } from './pages';
import { PageQuery } from './restUrls';
import { AskOptions, Session } from './Session';
import { parseFileType, parseJson } from './wire';

/** `page.max.directory.recursive.children`, which Bitbucket's own file finder asks for. */
const FILES_LIMIT = 100_000;

const UNREADABLE_PATH: Problem = {
  reason: 'unexpected-answer',
  detail: "Bitbucket's list of files holds something that is no path",
};

/** `branch`: a short branch name instead of the default branch. */
type BranchOptions = AskOptions & { readonly branch?: string };

/** Whether a path is a file: one request, answered without the file's content. */
export async function findFile(
  session: Session,
  urlOf: (at: string | undefined) => string,
  options: BranchOptions,
): Promise<Lookup<true>> {
  const at = refOf(options.branch);
  const reply = await session.ask({ kind: 'file-check', url: urlOf(at) }, options);
  if ('reason' in reply) {
    return { kind: 'unknown', problem: reply };
  }
  const type = reply.status === 200 ? parseFileType(parseJson(reply.body)) : undefined;
  if (type === 'FILE') {
    return { kind: 'found', value: true };
  }
  if (type === 'DIRECTORY' || type === 'SUBMODULE') {
    return { kind: 'absent', reason: 'no-catalog-file' };
  }
  return absentOrUnknown(reply, at !== undefined);
}

/** Every file of a branch, as paths from the root: one request unless the server caps the page. */
export async function listFiles(
  session: Session,
  urlOf: (page: PageQuery, at: string | undefined) => string,
  options: BranchOptions,
): Promise<Lookup<readonly string[]>> {
  const at = refOf(options.branch);
  const pages: string[][] = [];
  const ask = (page: PageQuery) =>
    session.ask({ kind: 'files-listing', url: urlOf(page, at) }, options);
  for await (const step of readPages(ask, FILES_LIMIT)) {
    if (step.kind === 'failed') {
      return absentOrUnknownStep(step, at !== undefined);
    }
    const read = step.page.values.filter(value => typeof value === 'string');
    if (read.length < step.page.values.length) {
      // What cannot be read may be the very file that is looked for.
      return { kind: 'unknown', problem: UNREADABLE_PATH };
    }
    pages.push(read);
  }
  return { kind: 'found', value: pages.flat() };
}

function absentOrUnknown(reply: HttpReply, askedForBranch: boolean) {
  const reason = provenAbsence(reply, askedForBranch);
  return reason
    ? ({ kind: 'absent', reason } as const)
    : ({ kind: 'unknown', problem: problemOf(reply) } as const);
}

function absentOrUnknownStep(
  step: Extract<PageStep, { kind: 'failed' }>,
  askedForBranch: boolean,
) {
  const reason = step.reply && provenAbsence(step.reply, askedForBranch);
  return reason
    ? ({ kind: 'absent', reason } as const)
    : ({ kind: 'unknown', problem: step.problem } as const);
}

/** `at` takes a ref id, so that a tag of the same name is not meant. */
function refOf(branch: string | undefined): string | undefined {
  return branch === undefined ? undefined : `refs/heads/${branch}`;
}
