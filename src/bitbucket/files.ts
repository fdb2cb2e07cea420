/** Questions about the files of a repository: found, absent or unknown. */

import { Lookup, Problem, RepositoryAddress } from '../model';
import { absentOrUnknown, provenAbsence } from './assessReply';
import { readPages } from './pages';
import { PageQuery } from './restUrls';
import { AskOptions, Session } from './Session';
import { parseFileType } from './wire';
import { isStorable } from '../util/text';

/** `page.max.directory.recursive.children`, which Bitbucket's own file finder asks for. */
const FILES_LIMIT = 100_000;

const UNREADABLE_PATH: Problem = {
  reason: 'unexpected-answer',
  detail: "Bitbucket's list of files holds something that is no path",
};

/** `branch`: a short branch name instead of the default branch. */
export type BranchOptions = AskOptions & { readonly branch?: string };

/** Whether a path is a file: one request, answered without the file's content. */
export async function findFile(
  session: Session,
  address: RepositoryAddress,
  path: string,
  options: BranchOptions,
): Promise<Lookup<true>> {
  const at = refOf(options.branch);
  const url = session.urls.fileType(address, path, at);
  const answer = await session.ask({ kind: 'file-check', url }, options);
  if (answer.kind === 'unknown') {
    return answer;
  }
  const type = answer.read(parseFileType);
  if (type === 'FILE') {
    return { kind: 'found', value: true };
  }
  return type === 'DIRECTORY' || type === 'SUBMODULE'
    ? { kind: 'absent', reason: 'no-catalog-file' }
    : absentOrUnknown(answer, at !== undefined);
}

/** Every file of a branch, as paths from the root: one request unless the server caps the page. */
export async function listFiles(
  session: Session,
  address: RepositoryAddress,
  options: BranchOptions,
): Promise<Lookup<readonly string[]>> {
  const at = refOf(options.branch);
  const pages: string[][] = [];
  const ask = (page: PageQuery) => {
    const url = session.urls.files(address, page, at);
    return session.ask({ kind: 'files-listing', url }, options);
  };
  for await (const step of readPages(ask, FILES_LIMIT)) {
    if (step.kind === 'failed') {
      const reason = step.answer && provenAbsence(step.answer, at !== undefined);
      return reason ? { kind: 'absent', reason } : step.why;
    }
    const read = step.page.values.filter(isPath);
    if (read.length < step.page.values.length) {
      // What cannot be read may be the very file that is looked for.
      return { kind: 'unknown', problem: UNREADABLE_PATH };
    }
    pages.push(read);
  }
  return { kind: 'found', value: pages.flat() };
}

/** `at` takes a ref id, so that a tag of the same name is not meant. */
function refOf(branch: string | undefined): string | undefined {
  return branch === undefined ? undefined : `refs/heads/${branch}`;
}

/** Git allows every character but NUL; there may be 100,000 of them. */
function isPath(value: unknown): value is string {
  return typeof value === 'string' && isStorable(value);
}
