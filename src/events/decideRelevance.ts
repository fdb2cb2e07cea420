/**
 * Whether a change is worth a request: is it about our server, and can it concern the branch
 * the catalog files are looked for on? Pure; most pushes end here. The filters of the
 * provider are the engine's business, not this file's.
 */

import { RepositoryAddress } from '../model';
import { RefChange, RepositoryChange } from './repositoryChanges';
import { toWebBase, webBaseOf } from '../util/webBase';

/** What one provider knows that bears on a change. */
export interface ProviderView {
  /** The branch it is configured to look on; short name. */
  readonly branch?: string;
  /** The repository's default branch, where it is remembered; short name. */
  readonly defaultBranch?: string;
  /**
   * The integration's web base and the base URL that self links in the listing show: they
   * differ behind a proxy.
   */
  readonly baseUrls: readonly string[];
  /** Where the repository with the id of the change was last seen, if it is remembered. */
  readonly known?: RepositoryAddress;
  /** Keys of the projects of which repositories are remembered. */
  readonly knownProjectKeys?: ReadonlySet<string>;
}

/** What is to be done about a change, and why. */
export interface Relevance {
  /**
   * `needs-default-branch`: look the default branch up and ask again. Where there is none,
   * the repository is to be evaluated.
   */
  readonly evaluate: boolean | 'needs-default-branch';
  readonly reason: string;
}

/** Decides whether a change makes a provider look at the repository or project again. */
export function decideRelevance(change: RepositoryChange, view: ProviderView): Relevance {
  return decideForeign(change, view) ?? decideOwn(change, view);
}

/** @returns `undefined` for a change that is ours */
function decideForeign(
  change: RepositoryChange,
  view: ProviderView,
): Relevance | undefined {
  const selfUrl =
    change.type === 'project-modified' ? change.selfUrl : change.repository.selfUrl;
  if (selfUrl === undefined) {
    return isKnown(change, view)
      ? undefined
      : no('the event carries no link and is about nothing that is known');
  }
  const base = webBaseOf(selfUrl);
  const own = base !== undefined && view.baseUrls.some(url => toWebBase(url) === base);
  return own ? undefined : no('the event comes from another server');
}

/** Without a link, only what is remembered tells our server from another one. */
function isKnown(change: RepositoryChange, view: ProviderView): boolean {
  if (change.type === 'project-modified') {
    const keys = [change.key, change.formerKey];
    return keys.some(key => key !== undefined && view.knownProjectKeys?.has(key));
  }
  const { known } = view;
  if (change.repository.id === undefined || known === undefined) {
    return false;
  }
  const addresses = [
    change.repository,
    change.type === 'modified' ? change.was : undefined,
  ];
  return addresses.some(
    one => one?.projectKey === known.projectKey && one.slug === known.slug,
  );
}

function decideOwn(change: RepositoryChange, view: ProviderView): Relevance {
  switch (change.type) {
    case 'pushed':
      return decidePush(change.refs, view);
    case 'unknown':
      return yes('the event does not say what changed');
    case 'modified':
      return yes('the repository was renamed, moved, archived or changed otherwise');
    case 'created':
      return yes('the repository is new');
    case 'forked':
      return yes('the repository is a new fork');
    case 'deleted':
      return yes('the repository is said to be deleted');
    case 'project-modified':
      return yes('the project was changed');
  }
}

function decidePush(refs: readonly RefChange[], view: ProviderView): Relevance {
  const branches = refs.filter(ref => ref.kind === 'BRANCH');
  if (branches.length === 0) {
    return no('only tags changed');
  }
  const branch = view.branch ?? view.defaultBranch;
  if (branch === undefined) {
    return {
      evaluate: 'needs-default-branch',
      reason: 'branches changed and the default branch is not known',
    };
  }
  const refId = toRefId(branch);
  const match = branches.find(ref => ref.refId === refId);
  if (!match) {
    return no('only other branches changed');
  }
  const which = view.branch === undefined ? 'default' : 'configured';
  return yes(`the ${which} branch was ${CHANGED[match.change]}`);
}

const CHANGED = { ADD: 'created', UPDATE: 'updated', DELETE: 'deleted' } as const;

function toRefId(branch: string): string {
  return branch.startsWith('refs/') ? branch : `refs/heads/${branch}`;
}

function yes(reason: string): Relevance {
  return { evaluate: true, reason };
}

function no(reason: string): Relevance {
  return { evaluate: false, reason };
}
