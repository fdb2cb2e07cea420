/**
 * Finds out whether a change matters to one provider: loads what `decideRelevance` has to
 * know, and looks the default branch up where only that can tell.
 */

import { addressKey } from '../discovery/identify';
import { assessAddress } from '../filters/repositoryFilter';
import { Lookup, RepositoryAddress } from '../model';
import { ProviderConfig } from '../config/types';
import { EventStore } from '../store/EventStore';
import { ProviderMemoryStore } from '../store/ProviderMemoryStore';
import { Clock } from '../util/clock';
import { decideRelevance, ProviderView } from './decideRelevance';
import { SingleChange } from './pendingRepository';
import { ChangedRepository, RepositoryChange } from './repositoryChanges';

/** A default branch counts as known for so long: no event tells that it is another one. */
const BRANCH_KNOWN_FOR_MS = 24 * 3_600_000;

/** What is found out about a change. */
export type Verdict =
  | {
      readonly kind: 'relevant';
      readonly reason: string;
      /** The branch that was pushed to, where that is why; short name. */
      readonly branch?: string;
    }
  | { readonly kind: 'ignored'; readonly reason: string }
  | { readonly kind: 'unknown'; readonly detail: string };

/** What it is found out with. */
export interface RelevanceTools {
  readonly config: ProviderConfig;
  /** Scheme, host and context path of the integration. */
  readonly webBaseUrl: string;
  readonly store: ProviderMemoryStore;
  readonly branches: EventStore;
  readonly clock: Pick<Clock, 'now'>;
}

/** Asks Bitbucket for a default branch. */
export type BranchLookup = (address: RepositoryAddress) => Promise<Lookup<string>>;

/** Judges changes for one provider. */
export class Relevance {
  readonly #tools: RelevanceTools;

  constructor(tools: RelevanceTools) {
    this.#tools = tools;
  }

  /** @param lookUp - called at most once, and only for a push that may matter */
  async ofRepository(change: SingleChange, lookUp: BranchLookup): Promise<Verdict> {
    const { repository } = change;
    const outOfScope = await this.#reasonForLeavingOut(change);
    if (outOfScope) {
      return { kind: 'ignored', reason: outOfScope };
    }
    const view = await this.#viewOfRepository(repository);
    const decided = toVerdict(decideRelevance(change, view), view);
    if (decided) {
      return decided;
    }
    const lookup = await lookUp(repository);
    if (lookup.kind === 'unknown') {
      return { kind: 'unknown', detail: lookup.problem.detail };
    }
    if (lookup.kind === 'absent') {
      return { kind: 'relevant', reason: 'there is no default branch' };
    }
    const known = { ...view, defaultBranch: lookup.value };
    await this.#remember(repository, lookup.value);
    return (
      toVerdict(decideRelevance(change, known), known) ?? {
        kind: 'relevant',
        reason: 'the default branch may have changed',
      }
    );
  }

  /** Whether a change of a whole project matters. */
  async ofProject(
    change: RepositoryChange & { type: 'project-modified' },
  ): Promise<Verdict> {
    const { config, store } = this.#tools;
    const memory = change.selfUrl === undefined ? await store.load(config.id) : undefined;
    const knownProjectKeys = new Set(memory?.repositories.map(one => one.projectKey));
    const view = { baseUrls: await this.#baseUrls(), knownProjectKeys };
    const { evaluate, reason } = decideRelevance(change, view);
    return { kind: evaluate === true ? 'relevant' : 'ignored', reason };
  }

  /** The default branch of a repository that was renamed, moved or reconfigured may be another one. */
  async forgetDefaultBranch({ id }: ChangedRepository): Promise<void> {
    if (id !== undefined) {
      await this.#tools.branches.forgetDefaultBranch(this.#tools.config.host, id);
    }
  }

  /**
   * A repository whose address no filter lets through costs nothing, unless it was let
   * through under another one and has to go.
   */
  async #reasonForLeavingOut(change: SingleChange): Promise<string | undefined> {
    const { repository } = change;
    const { config, store } = this.#tools;
    const reason = assessAddress(repository, config.filters);
    if (reason === undefined) {
      return undefined;
    }
    const was = change.type === 'modified' ? change.was : undefined;
    const addresses = [repository, ...(was ? [was] : [])];
    const keys = addresses.map(addressKey);
    const near = await store.loadNear(config.id, {
      repositoryIds: repository.id === undefined ? [] : [repository.id],
      addresses,
    });
    const isHeld = near?.some(
      one =>
        one.files.length > 0 &&
        (one.repositoryId === repository.id || keys.includes(addressKey(one))),
    );
    return isHeld ? undefined : `the filters leave it out (${reason})`;
  }

  async #viewOfRepository(repository: ChangedRepository): Promise<ProviderView> {
    const { config, store, branches, clock } = this.#tools;
    const { id, selfUrl } = repository;
    const near =
      id === undefined || selfUrl !== undefined
        ? []
        : await store.loadNear(config.id, { repositoryIds: [id], addresses: [] });
    const known = near?.find(one => one.repositoryId === id);
    const notBeforeMs = clock.now() - BRANCH_KNOWN_FOR_MS;
    const defaultBranch =
      id === undefined || config.branch !== undefined
        ? undefined
        : await branches.loadDefaultBranch(config.host, id, notBeforeMs);
    return {
      baseUrls: await this.#baseUrls(),
      ...(config.branch !== undefined && { branch: config.branch }),
      ...(defaultBranch !== undefined && { defaultBranch }),
      ...(known && { known }),
    };
  }

  async #baseUrls(): Promise<string[]> {
    const { config, store, webBaseUrl } = this.#tools;
    return [webBaseUrl, ...(await store.loadServerUrls(config.id))];
  }

  async #remember({ id }: ChangedRepository, name: string): Promise<void> {
    const { branches, clock, config } = this.#tools;
    if (id !== undefined) {
      const branch = { name, readAtMs: clock.now() };
      await branches.saveDefaultBranch(config.host, id, branch);
    }
  }
}

/** @returns `undefined` where the default branch has to be looked up first */
function toVerdict(
  { evaluate, reason }: ReturnType<typeof decideRelevance>,
  { branch, defaultBranch }: ProviderView,
): Verdict | undefined {
  if (evaluate === 'needs-default-branch') {
    return undefined;
  }
  const pushedTo = branch ?? defaultBranch;
  return evaluate
    ? { kind: 'relevant', reason, ...(pushedTo !== undefined && { branch: pushedTo }) }
    : { kind: 'ignored', reason };
}
