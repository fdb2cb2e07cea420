/**
 * Finds the catalog files of one repository that passed the filters. Shared by runs,
 * events and previews.
 */

import { CatalogFile, Lookup, Problem, Repository, RepositoryOutcome } from '../model';
import { matchCatalogPaths } from '../filters/catalogPaths';
import { CatalogPath } from '../filters/types';
import { yieldToEventLoop } from '../util/clock';
import { keepSpelling } from '../util/parseUrls';
import { hasSameFiles } from './locations';
import { DiscoveryScope, ParsedFiles, ParseFiles, RepositorySource } from './types';

const EMPTY_LIST: Problem = {
  reason: 'unexpected-answer',
  detail: "Bitbucket's list of files is empty although the repository has files",
};

/** How to check one repository, decided without any request. */
export type LookupPlan =
  | { readonly kind: 'decided'; readonly outcome: RepositoryOutcome }
  | { readonly kind: 'register-unchecked'; readonly paths: readonly string[] }
  | { readonly kind: 'check-file'; readonly path: string }
  | {
      readonly kind: 'list-files';
      readonly paths: readonly CatalogPath[];
      /** Registered whether or not the listing contains them. */
      readonly unchecked: readonly string[];
    };

/**
 * Decides which requests a repository needs: none, one check for a single plain path, or
 * one listing of its files for globs and for several paths.
 */
export function planLookup(repository: Repository, scope: DiscoveryScope): LookupPlan {
  if (repository.state !== undefined && repository.state !== 'AVAILABLE') {
    const detail = `the repository is in state ${repository.state}`;
    return {
      kind: 'decided',
      outcome: { kind: 'unknown', reason: 'not-available', detail },
    };
  }
  const plain = scope.catalogPaths.flatMap(catalogPath =>
    catalogPath.kind === 'plain' ? [catalogPath.path] : [],
  );
  const globs = scope.catalogPaths.filter(catalogPath => catalogPath.kind === 'glob');
  if (!scope.validateLocationsExist) {
    return globs.length === 0
      ? { kind: 'register-unchecked', paths: plain }
      : { kind: 'list-files', paths: globs, unchecked: plain };
  }
  const [only] = plain;
  if (only !== undefined && scope.catalogPaths.length === 1) {
    return { kind: 'check-file', path: only };
  }
  return { kind: 'list-files', paths: scope.catalogPaths, unchecked: [] };
}

/** Dependencies and input of a check. */
export interface LookupTools {
  readonly source: RepositorySource;
  /** Omitted if the catalog reads the files itself. */
  readonly parseFiles?: ParseFiles;
  /** The files that the catalog holds for the repository. */
  readonly before?: readonly CatalogFile[];
  readonly signal?: AbortSignal;
}

/** Checks one repository. Throws only what the source throws. */
export async function findCatalogFiles(
  repository: Repository,
  scope: DiscoveryScope,
  { source, parseFiles, before = [], signal }: LookupTools,
): Promise<RepositoryOutcome> {
  const plan = planLookup(repository, scope);
  const options = { branch: scope.branch, signal };
  const registered = (paths: readonly string[], proven: readonly string[]) => {
    const files = toCatalogFiles(repository, paths, scope, { source, before, proven });
    return parseFiles
      ? parseFiles(repository, files, { signal }).then(toParsedOutcome)
      : ({
          kind: 'registered',
          files: hasSameFiles(files, before) ? before : files,
        } as const);
  };
  switch (plan.kind) {
    case 'decided':
      return plan.outcome;
    case 'register-unchecked':
      return registered(plan.paths, []);
    case 'check-file': {
      const lookup = await source.findFile(repository, plan.path, options);
      return lookup.kind === 'found'
        ? registered([plan.path], [plan.path])
        : toOutcome(lookup);
    }
    case 'list-files': {
      const lookup = await listMatching(repository, plan, source, options);
      if (lookup.kind !== 'found') {
        return toOutcome(lookup);
      }
      const paths = [...new Set([...plan.unchecked, ...lookup.value])].sort();
      if (paths.length > scope.maxFilesPerRepository) {
        return tooManyFiles(paths.length, scope.maxFilesPerRepository);
      }
      return paths.length > 0
        ? registered(paths, lookup.value)
        : { kind: 'absent', reason: 'no-catalog-file' };
    }
    default:
      return plan satisfies never;
  }
}

/**
 * Converts paths to catalog files. Files that the catalog already holds keep the spelling
 * of their URL there.
 *
 * @param tools - `proven`: the paths that are proven to be files
 */
export function toCatalogFiles(
  repository: Repository,
  paths: readonly string[],
  scope: Pick<DiscoveryScope, 'host' | 'branch'>,
  {
    source,
    before,
    proven,
  }: {
    readonly source: Pick<RepositorySource, 'fileUrl'>;
    readonly before: readonly CatalogFile[];
    readonly proven: readonly string[];
  },
): CatalogFile[] {
  const isProven = new Set(proven);
  const spell = keepSpelling(
    before.map(file => file.targetUrl),
    scope.host,
  );
  return paths.map((path, index) => {
    const targetUrl = spell(source.fileUrl(repository, path, scope.branch));
    const presence = isProven.has(path) ? 'required' : 'optional';
    const known = before[index];
    // In most runs all files are as before: copies of them would take much memory.
    const isAsBefore =
      known?.path === path &&
      known.targetUrl === targetUrl &&
      known.presence === presence &&
      known.entity === undefined;
    return isAsBefore ? known : { path, targetUrl, presence };
  });
}

/**
 * Returns the files that match; an empty list instead of absence if other paths are
 * registered unchecked.
 */
async function listMatching(
  repository: Repository,
  { paths, unchecked }: Extract<LookupPlan, { kind: 'list-files' }>,
  source: RepositorySource,
  options: { branch?: string; signal?: AbortSignal },
): Promise<Lookup<readonly string[]>> {
  const lookup = await listFiles(repository, paths, source, options);
  switch (lookup.kind) {
    case 'found':
      return { kind: 'found', value: await matchInTurns(paths, lookup.value) };
    case 'absent':
      return unchecked.length > 0 ? { kind: 'found', value: [] } : lookup;
    default:
      return lookup;
  }
}

/**
 * Number of files to match before yielding to the event loop: a few milliseconds of work.
 */
const FILES_PER_TURN = 2_000;

/**
 * Like `matchCatalogPaths`, but without blocking the process: a repository may have
 * 100,000 files.
 */
async function matchInTurns(
  paths: readonly CatalogPath[],
  allFiles: readonly string[],
): Promise<string[]> {
  const matching: string[] = [];
  for (let start = 0; start < allFiles.length; start += FILES_PER_TURN) {
    if (start > 0) {
      await yieldToEventLoop();
    }
    const files = allFiles.slice(start, start + FILES_PER_TURN);
    matching.push(...matchCatalogPaths(paths, files));
  }
  return [...new Set(matching)];
}

function tooManyFiles(count: number, maxCount: number): RepositoryOutcome {
  return {
    kind: 'unknown',
    reason: 'too-many-files',
    detail: `${count} files match catalogPath, more than maxFilesPerRepository (${maxCount}) allows`,
  };
}

function toParsedOutcome(parsed: ParsedFiles): RepositoryOutcome {
  if (parsed.kind === 'failed') {
    return { kind: 'unknown', ...parsed.problem };
  }
  return parsed.files.length > 0
    ? { kind: 'registered', files: parsed.files }
    : { kind: 'absent', reason: 'no-catalog-file' };
}

/**
 * Lists every file of a repository or, for plain paths, those that are files if a
 * complete list is too much for Bitbucket. An empty list may be a broken answer that
 * would remove all files from the catalog: the check of one path has to confirm that
 * there is none.
 */
async function listFiles(
  repository: Repository,
  paths: readonly CatalogPath[],
  source: RepositorySource,
  options: { branch?: string; signal?: AbortSignal },
): Promise<Lookup<readonly string[]>> {
  const plain = paths.flatMap(catalogPath =>
    catalogPath.kind === 'plain' ? [catalogPath.path] : [],
  );
  const inOnePage = plain.length === paths.length;
  const listing = await source.listFiles(repository, { ...options, inOnePage });
  if (inOnePage && listing.kind === 'unknown' && listing.isTooMuch) {
    return findEach(repository, plain, source, options);
  }
  const [first] = paths;
  if (listing.kind !== 'found' || listing.value.length > 0 || first === undefined) {
    return listing;
  }
  const check = await source.findFile(repository, toExamplePath(first), options);
  return check.kind === 'found' ? { kind: 'unknown', problem: EMPTY_LIST } : check;
}

/** Returns the paths that are files, with one check each; unknown if any check is. */
async function findEach(
  repository: Repository,
  paths: readonly string[],
  source: RepositorySource,
  options: { branch?: string; signal?: AbortSignal },
): Promise<Lookup<readonly string[]>> {
  const found: string[] = [];
  for (const path of paths) {
    const lookup = await source.findFile(repository, path, options);
    if (lookup.kind === 'found') {
      found.push(path);
    } else if (lookup.kind === 'unknown' || lookup.reason !== 'no-catalog-file') {
      return lookup;
    }
  }
  return found.length > 0
    ? { kind: 'found', value: found }
    : { kind: 'absent', reason: 'no-catalog-file' };
}

/** Returns a path to check: for a glob, its file name at the root. */
function toExamplePath(path: CatalogPath): string {
  return path.kind === 'plain'
    ? path.path
    : path.pattern.slice(path.pattern.lastIndexOf('/') + 1);
}

function toOutcome(
  lookup: Exclude<Lookup<unknown>, { kind: 'found' }>,
): RepositoryOutcome {
  return lookup.kind === 'absent'
    ? { kind: 'absent', reason: lookup.reason }
    : { kind: 'unknown', ...lookup.problem };
}
