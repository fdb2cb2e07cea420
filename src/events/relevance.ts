/**
 * Decides whether a change requires a check: whether it is about our server, passes the filters
 * and may concern the branch of the catalog files. Most pushes are ignored here.
 *
 * The claims of a payload are never proof: its ids and addresses only select what is queried.
 */

import { addressKey, isPlaceholderId } from '../discovery/identify';
import { getRegisteredFiles } from '../discovery/locations';
import { KnownRepository, RepositorySelector } from '../discovery/types';
import { assessAddress, assessProject } from '../filters/steps';
import { RepositoryFilters } from '../filters/types';
import { CatalogFile, Lookup, RepositoryAddress, Unanswered } from '../model';
import { toWebBase, findWebBase } from '../util/parseUrls';
import {
  ProjectChange,
  RefChange,
  RepositoryChange,
  SingleChange,
} from './repositoryChanges';

/** The knowledge of one provider about a change; queried only as far as the decision needs it. */
export interface RelevanceContext {
  readonly filters: RepositoryFilters;
  /** The configured branch, short name; `undefined` for the default branch. */
  readonly branch?: string;
  /** Scheme, host and context path of the integration. */
  readonly webBaseUrl: string;
  /** Base URLs from the self links in the listing; they differ behind a proxy. */
  loadServerUrls(): Promise<readonly string[]>;
  /** Returns the known state of these repositories; empty until a run has started. */
  findRelated(selector: RepositorySelector): Promise<readonly KnownRepository[]>;
  /** Whether a repository of at least one of these projects is known. */
  isProjectKnown(keys: readonly string[]): Promise<boolean>;
  /** Returns the default branch of a repository, from a recent answer of Bitbucket or a new one. */
  findDefaultBranch(repository: KnownRepository): Promise<Lookup<string>>;
}

/** The decision about a change, and its reason. */
export type RelevanceDecision =
  | {
      readonly kind: 'relevant';
      readonly reason: string;
      /** The branch of the push, short name, if that is the reason. */
      readonly branch?: string;
      /** Whether Bitbucket has returned a repository at its address before. */
      readonly isKnown?: boolean;
      /** Its possible current and former addresses, whose state may change. */
      readonly addresses?: readonly RepositoryAddress[];
    }
  | { readonly kind: 'ignored'; readonly reason: string }
  /** The decision depends on a request that failed. */
  | Unanswered;

/** Decides whether one of these changes requires a provider to check the repository again. */
export async function decideRelevance(
  changes: readonly SingleChange[],
  context: RelevanceContext,
): Promise<RelevanceDecision> {
  // Deciding about a push may need a request.
  const pushesLast = [...changes].sort(
    (a, b) => Number(a.type === 'pushed') - Number(b.type === 'pushed'),
  );
  let decision: RelevanceDecision = ignored('nothing happened to it');
  for (const change of pushesLast) {
    decision = await decideAboutChange(change, context);
    if (decision.kind === 'relevant') {
      return decision;
    }
  }
  return decision;
}

/**
 * Finds the repository of a registered file that is proven to be missing: it has to be checked
 * again.
 *
 * @returns `undefined` if the last check has already found the file missing, and it stays in the
 * catalog for another reason; also if it was registered without a check, which its optional
 * presence shows
 */
export function findHolder(
  related: readonly KnownRepository[],
  targetUrl: string,
): KnownRepository | undefined {
  const isMissingFile = (file: CatalogFile) =>
    file.targetUrl === targetUrl && file.presence === 'required';
  return related.find(({ conclusive }) =>
    getRegisteredFiles(conclusive).some(isMissingFile),
  );
}

/** Decides whether a change of a whole project requires a provider to list it again. */
export async function decideProjectRelevance(
  { key, formerKey, selfUrl }: ProjectChange,
  context: RelevanceContext,
): Promise<Exclude<RelevanceDecision, Unanswered>> {
  if (selfUrl !== undefined && !(await isOurs(selfUrl, context))) {
    return FOREIGN;
  }
  const keys = [key, ...(formerKey === undefined ? [] : [formerKey])];
  const isKnown = await context.isProjectKnown(keys);
  const exclusion = assessProject({ projectKey: key }, context.filters);
  if (!isKnown && selfUrl === undefined) {
    return ABOUT_NOTHING_KNOWN;
  }
  return !isKnown && exclusion
    ? ignored(`the filters exclude it (${exclusion})`)
    : { ...relevant('the project was changed'), isKnown };
}

/** Returns the project of a change, and the web page of what changed on the server that sent it. */
export function getProject(change: RepositoryChange) {
  return change.type === 'project-modified'
    ? { projectKey: change.key, selfUrl: change.selfUrl }
    : change.repository;
}

/** Whether a change is about a project on our server with known repositories. */
export async function isAboutKnownProject(
  change: RepositoryChange,
  context: RelevanceContext,
): Promise<boolean> {
  const { projectKey, selfUrl } = getProject(change);
  if (selfUrl !== undefined) {
    return (
      (await isOurs(selfUrl, context)) && (await context.isProjectKnown([projectKey]))
    );
  }
  if (change.type === 'project-modified') {
    return context.isProjectKnown([projectKey]);
  }
  const { id, slug } = change.repository;
  const key = addressKey({ projectKey, slug });
  const repositoryIds = id === undefined ? [] : [id];
  const related = await context.findRelated({ repositoryIds, addresses: [] });
  return related.some(known => known.repositoryId === id && addressKey(known) === key);
}

const FOREIGN = ignored('the event comes from another server');
const ABOUT_NOTHING_KNOWN = ignored(
  'the event contains no link and is about nothing known',
);

async function decideAboutChange(
  change: SingleChange,
  context: RelevanceContext,
): Promise<RelevanceDecision> {
  const { selfUrl } = change.repository;
  const refs = change.type === 'pushed' ? change.refs : [];
  const branches = refs.filter(ref => ref.kind === 'BRANCH');
  const decidedLocally =
    change.type === 'pushed'
      ? decidePush(branches, context.branch, 'configured')
      : relevant(REASONS[change.type]);
  if (decidedLocally?.kind === 'ignored') {
    return decidedLocally;
  }
  if (selfUrl !== undefined && !(await isOurs(selfUrl, context))) {
    return FOREIGN;
  }
  const addresses = getAddresses(change);
  const { id } = change.repository;
  const repositoryIds = id === undefined ? [] : [id];
  const related = await context.findRelated({ repositoryIds, addresses });
  const currentKey = addressKey(change.repository);
  const known = related.find(repository => addressKey(repository) === currentKey);
  const decision =
    objectionTo(change, related, context) ??
    decidedLocally ??
    (await decideByDefaultBranch(change, branches, known, context));
  if (decision.kind !== 'relevant') {
    return decision;
  }
  const itself = related.filter(({ repositoryId }) => repositoryId === id);
  const isKnown = known !== undefined;
  return { ...decision, isKnown, addresses: [...addresses, ...itself] };
}

/** @returns `undefined` for a repository on our server that passes the filters or may have to be removed */
function objectionTo(
  change: SingleChange,
  related: readonly KnownRepository[],
  { filters }: RelevanceContext,
): RelevanceDecision | undefined {
  const { repository } = change;
  const keys = getAddresses(change).map(addressKey);
  const hasId = (known: KnownRepository) => known.repositoryId === repository.id;
  const isThere = (known: KnownRepository) => keys.includes(addressKey(known));
  // Without a link, only earlier answers of Bitbucket distinguish our server from another one.
  if (
    repository.selfUrl === undefined &&
    !related.some(known => hasId(known) && isThere(known))
  ) {
    return ABOUT_NOTHING_KNOWN;
  }
  const exclusion = assessAddress(repository, filters);
  const isHeld = related.some(
    known => known.files.length > 0 && (hasId(known) || isThere(known)),
  );
  return exclusion && !isHeld
    ? ignored(`the filters exclude it (${exclusion})`)
    : undefined;
}

const REASONS = {
  unknown: 'the event does not say what changed',
  modified: 'the repository was renamed, moved, archived or otherwise changed',
  created: 'the repository is new',
  forked: 'the repository is a new fork',
  deleted: 'the repository was reported as deleted',
} as const;

/** @returns `undefined` if the default branch has to decide */
function decidePush(
  branches: readonly RefChange[],
  branch: string | undefined,
  which: 'configured' | 'default',
): RelevanceDecision | undefined {
  if (branches.length === 0) {
    return ignored('only tags changed');
  }
  if (branch === undefined) {
    return undefined;
  }
  const refId = branch.startsWith('refs/') ? branch : `refs/heads/${branch}`;
  const match = branches.find(ref => ref.refId === refId);
  return match
    ? relevant(`the ${which} branch was ${CHANGED[match.change]}`, branch)
    : ignored('only other branches changed');
}

const CHANGED = { ADD: 'created', UPDATE: 'updated', DELETE: 'deleted' } as const;

/** Decides by the default branch of the repository that Bitbucket has returned for the address. */
async function decideByDefaultBranch(
  { repository }: SingleChange,
  branches: readonly RefChange[],
  known: KnownRepository | undefined,
  context: RelevanceContext,
): Promise<RelevanceDecision> {
  if (!known || isPlaceholderId(known.repositoryId)) {
    return relevant('branches changed, and the repository is not known yet');
  }
  if (repository.id !== undefined && repository.id !== known.repositoryId) {
    return relevant('branches changed, and another repository was known at its address');
  }
  const lookup = await context.findDefaultBranch(known);
  switch (lookup.kind) {
    case 'unknown':
      return lookup;
    case 'absent':
      return relevant('there is no default branch');
    case 'found':
      return (
        decidePush(branches, lookup.value, 'default') ?? relevant('branches changed')
      );
    default:
      return lookup satisfies never;
  }
}

/** Compares whole base URLs: another server may live under a longer path of the same host. */
async function isOurs(selfUrl: string, context: RelevanceContext): Promise<boolean> {
  const base = findWebBase(selfUrl);
  if (base === undefined) {
    return false;
  }
  if (toWebBase(context.webBaseUrl) === base) {
    return true;
  }
  const shown = await context.loadServerUrls();
  return shown.some(url => toWebBase(url) === base);
}

/** Returns the current address of a changed repository, and the former one if it has moved. */
export function getAddresses(change: SingleChange): RepositoryAddress[] {
  const formerAddress = change.type === 'modified' ? change.formerAddress : undefined;
  return [change.repository, ...(formerAddress ? [formerAddress] : [])];
}

function relevant(reason: string, branch?: string) {
  return { kind: 'relevant', reason, ...(branch !== undefined && { branch }) } as const;
}

function ignored(reason: string) {
  return { kind: 'ignored', reason } as const;
}
