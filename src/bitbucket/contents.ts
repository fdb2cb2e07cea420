/** Questions about what is in one repository: files, branches, and what changed. */

import { HttpRequest } from '../http/types';
import { FileChange, Lookup, RepositoryAddress } from '../model';
import { isStorable } from '../util/text';
import {
  absentOrUnknown,
  isUnknownEndpoint,
  provesRepositoryGone,
  toAbsenceReason,
} from './assessReply';
import { AskPage, PageLimits, readAll, readPages } from './pages';
import { RestUrls } from './restUrls';
import { AskOptions, Session } from './Session';
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
 * `page.max.directory.recursive.children`, which Bitbucket's own file finder asks for; halved
 * three times at most.
 */
const FILES_LIMITS: PageLimits = { limit: 100_000, least: 12_500 };

/** `page.max.changes`; who pushes more has the whole repository read again. */
const CHANGES_LIMITS: PageLimits = { limit: 1000, least: 1000 };

/** `branch`: a short branch name instead of the default branch. */
type BranchOptions = AskOptions & { readonly branch?: string };

/** `at`: as a URL names it, a branch, tag, ref or commit; it is sent as it is. */
type AtOptions = AskOptions & { readonly at?: string };

/** Whether a path is a file: one request, answered without the file's content. */
export async function findFile(
  session: Session,
  address: RepositoryAddress,
  path: string,
  options: BranchOptions = {},
): Promise<Lookup<true>> {
  const at = toRefId(options.branch);
  const url = session.urls.fileType(address, path, at);
  const answer = await session.ask({ kind: 'file-check', url }, options);
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
 * Every file of a branch, as paths from the root: one request unless the server caps the
 * page, or it is too much for one answer. Unknown where one cannot be read: it may be the
 * very file that is looked for.
 *
 * @param options - `inOnePage`: is not asked again, in smaller pages, where it is too much
 */
export async function listFiles(
  session: Session,
  address: RepositoryAddress,
  options: BranchOptions & AtOptions & { readonly inOnePage?: boolean } = {},
): Promise<Lookup<readonly string[]>> {
  const at = options.at ?? toRefId(options.branch);
  const { inOnePage = false } = options;
  const ask: AskPage = (page, { isTimeoutFinal }) => {
    const url = session.urls.files(address, page, at);
    const isFinal = inOnePage || isTimeoutFinal;
    const request = { kind: 'files-listing', url, isTimeoutFinal: isFinal } as const;
    return session.ask(request, options);
  };
  const { limit } = FILES_LIMITS;
  const limits = inOnePage ? { limit, least: limit } : FILES_LIMITS;
  const read = await readAll(ask, limits, toPath);
  if (read.kind === 'all') {
    return { kind: 'found', value: read.rows };
  }
  const reason = read.answer && toAbsenceReason(read.answer, at !== undefined);
  return reason ? { kind: 'absent', reason } : read.why;
}

/** Git allows every character but NUL. Without a schema, since there may be 100,000 of them. */
function toPath(value: unknown): string | undefined {
  return typeof value === 'string' && isStorable(value) ? value : undefined;
}

/**
 * The short name of a repository's default branch, also where no such branch exists yet.
 *
 * @remarks `GET …/default-branch` names the configured branch even where it does not
 * exist. Servers before 7.5 have `…/branches/default` only, which answers 204 for an empty
 * repository and 404 where the branch does not exist.
 * Source: Bitbucket Data Center 10.0 OpenAPI; recorded on 10.4.1.
 */
export async function getDefaultBranch(
  session: Session,
  address: RepositoryAddress,
  options: AskOptions = {},
): Promise<Lookup<string>> {
  const ask = (url: string) => session.ask({ kind: 'default-branch', url }, options);
  let answer = await ask(session.urls.defaultBranch(address));
  if (answer.kind === 'answer' && isUnknownEndpoint(answer)) {
    answer = await ask(session.urls.branchesDefault(address));
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
  // Where the repository itself is gone, there is no branch either; `getRepository` tells the two apart.
  return provesRepositoryGone(answer)
    ? { kind: 'absent', reason: 'branch-not-found' }
    : absentOrUnknown(answer, false);
}

/**
 * The files that differ between two commits: one request.
 *
 * @returns `undefined` where it cannot be told: too many, or no readable answer
 */
export async function getFileChanges(
  session: Session,
  address: RepositoryAddress,
  { fromHash, toHash }: { readonly fromHash: string; readonly toHash: string },
  options: AskOptions = {},
): Promise<readonly FileChange[] | undefined> {
  const ask: AskPage = page => {
    const url = session.urls.changes(address, page, toHash, fromHash);
    return session.ask({ kind: 'changes', url }, options);
  };
  const { value: step } = await readPages(ask, CHANGES_LIMITS).next();
  if (step?.kind !== 'page' || !step.page.isLastPage) {
    return undefined;
  }
  const { values } = step.page;
  const changes = values.flatMap(value => parse(ChangeRow, value) ?? []);
  return changes.length === values.length ? changes : undefined;
}

/** The content of a file, still to be read. */
export interface OpenContent {
  readonly headers: Headers;
  readonly stream: ReadableStream<Uint8Array>;
}

/** Asks for the content of a file, which is left to the caller to read, or to cancel. */
export async function openFile(
  session: Session,
  address: RepositoryAddress,
  path: string,
  options: AtOptions = {},
): Promise<Lookup<OpenContent>> {
  const url = session.urls.rawFile(address, path, options.at);
  return openContent(session, { kind: 'file-content', url }, options);
}

/** Asks for one commit, or a part of it, as a compressed tarball; see {@link openFile}. */
export async function openArchive(
  session: Session,
  address: RepositoryAddress,
  what: Parameters<RestUrls['archive']>[1],
  options: AskOptions = {},
): Promise<Lookup<OpenContent>> {
  const url = session.urls.archive(address, what);
  return openContent(session, { kind: 'archive', url }, { ...options, at: what.at });
}

async function openContent(
  session: Session,
  request: HttpRequest,
  { at, ...options }: AtOptions,
): Promise<Lookup<OpenContent>> {
  const answer = await session.ask(request, { ...options, unread: true });
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

/** The size of a file in bytes, as Bitbucket itself has it. */
export async function getFileSize(
  session: Session,
  address: RepositoryAddress,
  path: string,
  options: AtOptions = {},
): Promise<Lookup<number>> {
  const url = session.urls.fileSize(address, path, options.at);
  const answer = await session.ask({ kind: 'file-size', url }, options);
  if (answer.kind === 'unknown') {
    return answer;
  }
  const size = answer.read(FileSize);
  return size === undefined
    ? absentOrUnknown(answer, options.at !== undefined)
    : { kind: 'found', value: size };
}

/** The id of the newest commit of a branch, tag or ref, or that of the commit itself. */
export async function getHeadCommit(
  session: Session,
  address: RepositoryAddress,
  options: AtOptions = {},
): Promise<Lookup<string>> {
  const url = session.urls.commits(address, { start: 0, limit: 1 }, options.at);
  const answer = await session.ask({ kind: 'head-commit', url }, options);
  if (answer.kind === 'unknown') {
    return answer;
  }
  const [row] = answer.read(WirePage)?.values ?? [];
  const id = parse(CommitId, row);
  return id === undefined
    ? absentOrUnknown(answer, options.at !== undefined)
    : { kind: 'found', value: id };
}

/** `at` takes a ref id, so that a tag of the same name is not meant. */
function toRefId(branch: string | undefined): string | undefined {
  return branch === undefined ? undefined : `refs/heads/${branch}`;
}
