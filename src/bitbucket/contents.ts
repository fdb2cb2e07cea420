/** Requests about the content of one repository: files, branches and changes. */

import { HttpRequest } from '../http/types';
import { FileChange, Lookup, RepositoryAddress } from '../model';
import { isStorable } from '../util/text';
import {
  absentOrUnknown,
  isUnknownEndpoint,
  provesRepositoryGone,
  toAbsenceReason,
} from './assessReply';
import { ReadPage, PageLimits, readAll, readOnlyPage, readPages } from './pages';
import { RestUrls } from './restUrls';
import { RequestOptions, Session } from './Session';
import {
  BranchName,
  ChangeRow,
  CommitId,
  FileSize,
  FileType,
  parse,
  WirePage,
} from './wire';

/**
 * `page.max.directory.recursive.children`, the limit that Bitbucket's own file finder uses;
 * halved three times at most.
 */
const FILES_LIMITS: PageLimits = { limit: 100_000, least: 12_500 };

/** `page.max.changes`; after a larger push the whole repository is read again. */
const CHANGES_LIMITS: PageLimits = { limit: 1000, least: 1000 };

/** `branch`: a short branch name instead of the default branch. */
type BranchOptions = RequestOptions & { readonly branch?: string };

/** `at`: a branch, tag, ref or commit as a URL names it; sent unchanged. */
type AtOptions = RequestOptions & { readonly at?: string };

/** Checks whether a path is a file: one request, answered without the file's content. */
export async function findFile(
  session: Session,
  address: RepositoryAddress,
  path: string,
  options: BranchOptions = {},
): Promise<Lookup<true>> {
  const at = toRefId(options.branch);
  const url = session.urls.fileType(address, path, at);
  const answer = await session.send({ kind: 'file-check', url }, options);
  if (answer.kind === 'unknown') {
    return answer;
  }
  const type = answer.read(FileType);
  if (type === 'FILE') {
    return { kind: 'found', value: true };
  }
  return type === 'DIRECTORY' || type === 'SUBMODULE'
    ? { kind: 'absent', reason: 'no-catalog-file' }
    : absentOrUnknown(answer, at !== undefined);
}

/**
 * Lists every file of a branch, as paths from the root: one request unless the server caps the
 * page, or the page is too much for one answer. Several pages are read at one commit. Unknown
 * where a path cannot be read, since it may be the very file that the caller is looking for.
 *
 * @param options - `inOnePage`: does not retry with smaller pages where the page is too much
 */
export async function listFiles(
  session: Session,
  address: RepositoryAddress,
  options: BranchOptions & AtOptions & { readonly inOnePage?: boolean } = {},
): Promise<Lookup<readonly string[]>> {
  const at = options.at ?? toRefId(options.branch);
  const { limit } = FILES_LIMITS;
  const limits = options.inOnePage ? { limit, least: limit } : FILES_LIMITS;
  const readPage =
    (ref: string | undefined): ReadPage =>
    (page, { isTimeoutFinal }) => {
      const url = session.urls.files(address, page, ref);
      const isFinal = options.inOnePage || isTimeoutFinal;
      const request = { kind: 'files-listing', url, isTimeoutFinal: isFinal } as const;
      return session.send(request, options);
    };
  const read = await readOnlyPage(readPage(at), limits, toPath);
  if (read.kind === 'all') {
    return { kind: 'found', value: read.rows };
  }
  if (read.kind === 'failed') {
    const reason = read.answer && toAbsenceReason(read.answer, at !== undefined);
    return reason ? { kind: 'absent', reason } : read.why;
  }
  // A push between two pages shifts the files after it, and the next page would omit some.
  const commit = await getHeadCommit(session, address, { ...options, at });
  if (commit.kind !== 'found') {
    return commit;
  }
  const smaller = { ...limits, limit: Math.min(limit, read.limit ?? limit) };
  const pinned = await readAll(readPage(commit.value), smaller, toPath);
  return pinned.kind === 'all' ? { kind: 'found', value: pinned.rows } : pinned.why;
}

/** Git allows every character but NUL. Without a schema, since there may be 100,000 paths. */
function toPath(value: unknown): string | undefined {
  return typeof value === 'string' && isStorable(value) ? value : undefined;
}

/**
 * Returns the short name of a repository's default branch, also where that branch does not
 * exist yet.
 *
 * @remarks `GET …/default-branch` names the configured branch even where it does not
 * exist. Servers before 7.5 have `…/branches/default` only, which answers 204 for an empty
 * repository and 404 where the branch does not exist.
 * Source: Bitbucket Data Center 10.0 OpenAPI; recorded on 10.4.1.
 */
export async function getDefaultBranch(
  session: Session,
  address: RepositoryAddress,
  options: RequestOptions = {},
): Promise<Lookup<string>> {
  const send = (url: string) => session.send({ kind: 'default-branch', url }, options);
  let answer = await send(session.urls.defaultBranch(address));
  if (answer.kind === 'answer' && isUnknownEndpoint(answer)) {
    answer = await send(session.urls.branchesDefault(address));
  }
  if (answer.kind === 'unknown') {
    return answer;
  }
  const name = answer.read(BranchName);
  if (name !== undefined) {
    return { kind: 'found', value: name };
  }
  if (answer.status === 204) {
    return { kind: 'absent', reason: 'empty-repository' };
  }
  // A repository that is gone has no branch either; `getRepository` distinguishes the two.
  return provesRepositoryGone(answer)
    ? { kind: 'absent', reason: 'branch-not-found' }
    : absentOrUnknown(answer, false);
}

/**
 * Returns the files that differ between two commits: one request.
 *
 * @returns `undefined` where they are not known: too many files, or no readable answer
 */
export async function getFileChanges(
  session: Session,
  address: RepositoryAddress,
  { fromHash, toHash }: { readonly fromHash: string; readonly toHash: string },
  options: RequestOptions = {},
): Promise<readonly FileChange[] | undefined> {
  const readPage: ReadPage = page => {
    const url = session.urls.changes(address, page, toHash, fromHash);
    return session.send({ kind: 'changes', url }, options);
  };
  const { value: step } = await readPages(readPage, CHANGES_LIMITS).next();
  if (step?.kind !== 'page' || !step.page.isLastPage) {
    return undefined;
  }
  const { values } = step.page;
  const changes = values.flatMap(value => parse(ChangeRow, value) ?? []);
  return changes.length === values.length ? changes : undefined;
}

/** The content of a file that has not been read yet. */
export interface OpenContent {
  readonly headers: Headers;
  readonly stream: ReadableStream<Uint8Array>;
}

/** Requests the content of a file; the caller has to read or cancel the stream. */
export async function openFile(
  session: Session,
  address: RepositoryAddress,
  path: string,
  options: AtOptions = {},
): Promise<Lookup<OpenContent>> {
  const url = session.urls.rawFile(address, path, options.at);
  return openContent(session, { kind: 'file-content', url }, options);
}

/** Requests one commit, or a part of it, as a compressed tarball; see {@link openFile}. */
export async function openArchive(
  session: Session,
  address: RepositoryAddress,
  what: Parameters<RestUrls['archive']>[1],
  options: RequestOptions = {},
): Promise<Lookup<OpenContent>> {
  const url = session.urls.archive(address, what);
  return openContent(session, { kind: 'archive', url }, { ...options, at: what.at });
}

async function openContent(
  session: Session,
  request: HttpRequest,
  { at, ...options }: AtOptions,
): Promise<Lookup<OpenContent>> {
  const answer = await session.send(request, { ...options, unread: true });
  if (answer.kind === 'unknown') {
    return answer;
  }
  const { headers, stream = emptyStream() } = answer.reply;
  if (answer.status === 200) {
    return { kind: 'found', value: { headers, stream } };
  }
  await stream.cancel();
  return absentOrUnknown(answer, at !== undefined);
}

function emptyStream(): ReadableStream<Uint8Array> {
  return new ReadableStream({ start: controller => controller.close() });
}

/** Returns the size of a file in bytes, as Bitbucket states it. */
export async function getFileSize(
  session: Session,
  address: RepositoryAddress,
  path: string,
  options: AtOptions = {},
): Promise<Lookup<number>> {
  const url = session.urls.fileSize(address, path, options.at);
  const answer = await session.send({ kind: 'file-size', url }, options);
  if (answer.kind === 'unknown') {
    return answer;
  }
  const size = answer.read(FileSize);
  return size === undefined
    ? absentOrUnknown(answer, options.at !== undefined)
    : { kind: 'found', value: size };
}

/** Returns the id of the newest commit of a branch, tag or ref, or of the commit itself. */
export async function getHeadCommit(
  session: Session,
  address: RepositoryAddress,
  options: AtOptions = {},
): Promise<Lookup<string>> {
  const url = session.urls.commits(address, { start: 0, limit: 1 }, options.at);
  const answer = await session.send({ kind: 'head-commit', url }, options);
  if (answer.kind === 'unknown') {
    return answer;
  }
  const [row] = answer.read(WirePage)?.values ?? [];
  const id = parse(CommitId, row);
  return id === undefined
    ? absentOrUnknown(answer, options.at !== undefined)
    : { kind: 'found', value: id };
}

/** A ref id, so that Bitbucket does not take a tag of the same name. */
export function toRefId(branch: string | undefined): string | undefined {
  return branch === undefined ? undefined : `refs/heads/${branch}`;
}
