/** The invariants that hold at any time, and the record of their violations. */

import { SECRETS } from '../src/__testUtils__/matrixFaults';
import { CatalogChange } from './CatalogView';
import { Replica } from './Replica';
import { PROVIDER_ID } from './settings';
import type { World } from './World';

const HOUR_MS = 3_600_000;

/** The number of removals that are never held back, unless they are all Locations. */
const ALWAYS_ALLOWED = 5;

/** A file of a repository. */
interface Owner {
  readonly repositoryId: number;
  readonly path: string;
}

/** Checks the invariants of one world. */
export class Invariants {
  readonly #world: World;
  readonly #violations: string[] = [];
  /** Counts changes of the requirements. */
  #version = 0;
  /** The version at which no work was in progress. */
  #quietVersion = 0;
  #settingsVersion = 0;
  /** The version since which a target has continuously belonged in the catalog. */
  readonly #wantedSince = new Map<string, number>();
  readonly #owners = new Map<string, Owner>();
  readonly #approved = new Set<string>();
  readonly #heldSinceMs = new Map<string, number>();
  /** Whether a process has died, or the catalog has refused a mutation, since the last complete run. */
  #isDisturbed = false;
  #settings: unknown;

  constructor(world: World) {
    this.#world = world;
  }

  get version(): number {
    return this.#version;
  }

  violated(what: string): void {
    this.#violations.push(what);
  }

  /** @throws Error that names all violations so far */
  throwIfViolated(): void {
    if (this.#violations.length > 0) {
      throw new Error(`Violated: ${this.#violations.join('; and ')}`);
    }
  }

  /** Records that the requirements may have changed. */
  observe(): void {
    this.#version += 1;
    if (this.#settings !== this.#world.settings) {
      this.#settings = this.#world.settings;
      this.#settingsVersion = this.#version;
    }
    const wanted = new Set<string>();
    for (const { id, files } of this.#world.requirements()) {
      for (const { path, targets } of files) {
        for (const target of targets) {
          wanted.add(target);
          this.#owners.set(target, { repositoryId: id, path });
        }
      }
    }
    for (const target of this.#wantedSince.keys()) {
      if (!wanted.has(target)) {
        this.#wantedSince.delete(target);
      }
    }
    wanted.forEach(target => {
      if (!this.#wantedSince.has(target)) {
        this.#wantedSince.set(target, this.#version);
      }
    });
  }

  /** Records that no work is in progress: work that ends later has begun later. */
  quiet(): void {
    this.#quietVersion = this.#version;
  }

  /** Records the approval of removals. */
  approved(targets: readonly string[]): void {
    targets.forEach(target => this.#approved.add(target));
  }

  /** Records that work in progress may have been lost. */
  interrupted(): void {
    this.#isDisturbed = true;
  }

  /** Records that the catalog matches the result of a complete run. */
  completed(): void {
    this.#isDisturbed = false;
  }

  onCatalogChange({ after, before, refs, type }: CatalogChange): void {
    if (new Set(refs).size < refs.length) {
      this.violated('one mutation names an entity twice');
    }
    if (type === 'full' && !refs.includes('bitbucket-server-default')) {
      this.violated('a full mutation lacks the anchor');
    }
    const removed = [...before].filter(target => !after.has(target));
    const unasked = removed.filter(target => !this.#approved.has(target));
    for (const target of unasked) {
      const since = this.#wantedSince.get(target);
      if (since !== undefined && since <= this.#quietVersion) {
        this.violated(`${target} was removed from the catalog although it belongs there`);
      }
    }
    if (this.#settingsVersion <= this.#quietVersion) {
      this.#checkGuard(unasked, before, after);
    }
  }

  /** Checks that no more Locations are removed together than allowed. */
  #checkGuard(
    unasked: readonly string[],
    before: ReadonlySet<string>,
    after: ReadonlySet<string>,
  ): void {
    const { holdForHours, maxPercentage } = this.#world.settings;
    const nowMs = this.#world.clock.now();
    const held = (target: string) => this.#heldSinceMs.get(target);
    const isHeldLongEnough = (target: string) =>
      maxPercentage > 0 &&
      nowMs - (held(target) ?? nowMs) >= holdForHours * HOUR_MS &&
      held(target) !== undefined;
    const sudden = unasked.filter(target => !isHeldLongEnough(target));
    if (maxPercentage >= 100 || sudden.length === 0) {
      return;
    }
    const isMany =
      sudden.length > ALWAYS_ALLOWED &&
      sudden.length * 100 > maxPercentage * Math.max(before.size, 1);
    if (isMany || after.size === 0) {
      this.violated(
        `${sudden.length} of ${before.size} were removed from the catalog together`,
      );
    }
    const lost = sudden.filter(target => !this.#isReplaced(target, after));
    if (maxPercentage === 0 && lost.length > 0) {
      this.violated(`${lost[0]} was removed from the catalog although nothing may be`);
    }
  }

  /** Whether the catalog has the same file under another URL, even if that file no longer exists. */
  #isReplaced(target: string, after: ReadonlySet<string>): boolean {
    const owner = this.#owners.get(target);
    return [...after].some(other => {
      const { path, repositoryId } = this.#owners.get(other) ?? {};
      return (
        other !== target && repositoryId === owner?.repositoryId && path === owner?.path
      );
    });
  }

  /** Records the removals held back, whose Locations have to be in the catalog. */
  async checkHeld(): Promise<void> {
    const { catalog, stores } = this.#world;
    const held = await stores.reports.loadHeldRemovals(PROVIDER_ID);
    this.#heldSinceMs.clear();
    const targets = catalog.targets();
    // Approved removals are listed, as such, until the next run.
    for (const { entryKey, sinceMs } of held.filter(removal => !removal.approved)) {
      this.#heldSinceMs.set(entryKey, sinceMs);
      if (!this.#isDisturbed && !targets.has(entryKey)) {
        this.violated(`${entryKey} is held back but not in the catalog`);
      }
    }
  }

  /** Checks that the stored state matches the catalog; to be called while no work is in progress. */
  async checkStored(): Promise<void> {
    const { catalog, stores } = this.#world;
    if (this.#isDisturbed) {
      return;
    }
    const memory = await stores.store.load(PROVIDER_ID);
    const stored = (memory?.repositories ?? []).flatMap(({ files }) =>
      files.map(file => file.targetUrl),
    );
    const targets = catalog.targets();
    const missing = [...targets].filter(target => !stored.includes(target));
    const surplus = stored.filter(target => !targets.has(target));
    if (missing.length > 0) {
      this.violated(
        `the catalog has ${missing.join(', ')}, which the stored state lacks`,
      );
    }
    if (surplus.length > 0) {
      this.violated(`${surplus.join(', ')} is stored but not in the catalog`);
    }
    if (new Set(stored).size < stored.length) {
      this.violated('a Location is stored for two repositories');
    }
  }

  /** Checks that no secret was logged. */
  checkLog({ logger }: Pick<Replica, 'logger'>): void {
    const text = logger.text();
    const shown = SECRETS.filter(secret => text.includes(secret));
    if (shown.length > 0) {
      this.violated('the log shows a secret');
    }
  }

  /** Wraps `fetch` and checks the configured rate and concurrency. */
  watchRequests(fetch: typeof globalThis.fetch): typeof globalThis.fetch {
    let inFlight = 0;
    let tokens = Infinity;
    let atMs = 0;
    let budget: unknown;
    return async (...request) => {
      const { clock, settings } = this.#world;
      const { concurrency, rateLimit } = settings;
      const isSettled = this.#settingsVersion <= this.#quietVersion;
      inFlight += 1;
      if (isSettled && inFlight > concurrency) {
        this.violated(`${inFlight} requests in flight where ${concurrency} are allowed`);
      }
      if (typeof rateLimit === 'object') {
        const { burst, requestsPerSecond } = rateLimit;
        const nowMs = clock.monotonicMs();
        const isSame = budget === rateLimit && isSettled;
        const refill = ((nowMs - atMs) / 1000) * requestsPerSecond;
        tokens = isSame ? Math.min(burst, tokens + refill) : Infinity;
        tokens = tokens === Infinity ? burst - 1 : tokens - 1;
        atMs = nowMs;
        if (tokens < -0.01) {
          this.violated('more requests than the configured rate allows');
        }
      }
      budget = rateLimit;
      try {
        return await fetch(...request);
      } finally {
        inFlight -= 1;
      }
    };
  }
}
