/**
 * Whether a change is worth a look: is it about our server, do the filters let it through,
 * and can it concern the branch the catalog files are looked for on? Most pushes end here.
 *
 * What a payload claims is never proof: ids and addresses in it only select what is asked.
 */

import { addressKey, isPlaceholderId } from '../discovery/identify';
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

/** What one provider knows that bears on a change; asked only as far as the decision needs it. */
export interface RelevanceContext {
  readonly filters: RepositoryFilters;
  /** The branch it is configured to look on; short name. */
  readonly branch?: string;
  /** Scheme, host and context path of the integration. */
  readonly webBaseUrl: string;
  /** Base URLs that self links in the listing show: they differ behind a proxy. */
  loadServerUrls(): Promise<readonly string[]>;
  /** What is known of these repositories; nothing while no run has begun. */
  findRelated(selector: RepositorySelector): Promise<readonly KnownRepository[]>;
  /** Whether repositories of one of these projects are known. */
  isProjectKnown(keys: readonly string[]): Promise<boolean>;
  /** The default branch of a repository, as Bitbucket has shown it lately or shows it now. */
  findDefaultBranch(repository: KnownRepository): Promise<Lookup<string>>;
}

/** What is to be done about a change, and why. */
export type RelevanceDecision =
  | {
      readonly kind: 'relevant';
      readonly reason: string;
      /** The branch that was pushed to, where that is why; short name. */
      readonly branch?: string;
      /** Bitbucket has shown a repository at its address before. */
      readonly isKnown?: boolean;
      /** Where it may be, or may have been: what is there may change. */
      readonly addresses?: readonly RepositoryAddress[];
    }
  | { readonly kind: 'ignored'; readonly reason: string }
  /** It depends on something that could not be found out. */
  | Unanswered;

/** Decides whether one of these changes makes a provider look at the repository again. */
export async function decideRelevance(
  changes: readonly SingleChange[],
  context: RelevanceContext,
): Promise<RelevanceDecision> {
  // A push may cost a request.
  const pushesLast = [...changes].sort(
    (a, b) => Number(a.type === 'pushed') - Number(b.type === 'pushed'),
  );
  let decision: RelevanceDecision = ignored('nothing happened to it');
  for (const change of pushesLast) {
    decision = await decideAboutOne(change, context);
    if (decision.kind === 'relevant') {
      return decision;
    }
  }
  return decision;
}

/**
 * Of which repository a file is registered whose absence is proven: that is worth a look. Not
 * where a look has told so already, and something else keeps it in the catalog; nor where
 * nobody has ever seen it, as the catalog is told by an optional presence.
 */
export function findHolder(
  related: readonly KnownRepository[],
  targetUrl: string,
): KnownRepository | undefined {
  const isIt = (one: CatalogFile) =>
    one.targetUrl === targetUrl && one.presence === 'required';
  return related.find(
    ({ conclusive }) => conclusive?.kind === 'registered' && conclusive.files.some(isIt),
  );
}

/** Decides whether a change of a whole project makes a provider look at it again. */
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
    ? ignored(`the filters leave it out (${exclusion})`)
    : { ...relevant('the project was changed'), isKnown };
}

/** The project that a change is about, and the page of what changed on the server that says so. */
export function getProject(change: RepositoryChange) {
  return change.type === 'project-modified'
    ? { projectKey: change.key, selfUrl: change.selfUrl }
    : change.repository;
}

/** Whether it is about a project of our server of which repositories are known. */
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
  'the event carries no link and is about nothing that is known',
);

async function decideAboutOne(
  change: SingleChange,
  context: RelevanceContext,
): Promise<RelevanceDecision> {
  const { selfUrl } = change.repository;
  const branches = change.type === 'pushed' ? getBranches(change.refs) : [];
  const unasked =
    change.type === 'pushed'
      ? decidePush(branches, context.branch, 'configured')
      : relevant(REASONS[change.type]);
  if (unasked?.kind === 'ignored') {
    return unasked;
  }
  if (selfUrl !== undefined && !(await isOurs(selfUrl, context))) {
    return FOREIGN;
  }
  const addresses = getAddresses(change);
  const { id } = change.repository;
  const repositoryIds = id === undefined ? [] : [id];
  const related = await context.findRelated({ repositoryIds, addresses });
  const here = addressKey(change.repository);
  const known = related.find(repository => addressKey(repository) === here);
  const decision =
    objectionTo(change, related, context) ??
    unasked ??
    (await decideByDefaultBranch(change, branches, known, context));
  if (decision.kind !== 'relevant') {
    return decision;
  }
  const itself = related.filter(({ repositoryId }) => repositoryId === id);
  const isKnown = known !== undefined;
  return { ...decision, isKnown, addresses: [...addresses, ...itself] };
}

/** @returns `undefined` for a repository of ours that the filters let through, or that may have to go */
function objectionTo(
  change: SingleChange,
  related: readonly KnownRepository[],
  { filters }: RelevanceContext,
): RelevanceDecision | undefined {
  const { repository } = change;
  const keys = getAddresses(change).map(addressKey);
  const hasId = (known: KnownRepository) => known.repositoryId === repository.id;
  const isThere = (known: KnownRepository) => keys.includes(addressKey(known));
  // Without a link, only what Bitbucket itself has shown tells our server from another one.
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
    ? ignored(`the filters leave it out (${exclusion})`)
    : undefined;
}

const REASONS = {
  unknown: 'the event does not say what changed',
  modified: 'the repository was renamed, moved, archived or changed otherwise',
  created: 'the repository is new',
  forked: 'the repository is a new fork',
  deleted: 'the repository is said to be deleted',
} as const;

/** @returns `undefined` where the default branch decides */
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

/** The default branch is that of the repository which Bitbucket has shown at the address. */
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

/** Compared as a whole: a server may have another one under a longer path. */
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

function getAddresses(change: SingleChange): RepositoryAddress[] {
  const was = change.type === 'modified' ? change.was : undefined;
  return [change.repository, ...(was ? [was] : [])];
}

function getBranches(refs: readonly RefChange[]): RefChange[] {
  return refs.filter(ref => ref.kind === 'BRANCH');
}

function relevant(reason: string, branch?: string) {
  return { kind: 'relevant', reason, ...(branch !== undefined && { branch }) } as const;
}

function ignored(reason: string) {
  return { kind: 'ignored', reason } as const;
}
