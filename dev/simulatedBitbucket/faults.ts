/**
 * Faults on demand: which requests fail, and how often. `faultEffects.ts` has the effects on
 * answers; `handle.ts` looks up the fault once per request.
 */
import type { FaultEffect } from './faultEffects';
import type { RequestFacts } from './facts';
import type { SimulatedRequestKind } from './routes/route';

/** Effects without parameters. */
export type PlainEffect =
  | 'reset'
  | 'hang'
  | 'truncated-json'
  | 'login-page'
  | 'empty-page'
  | 'looping-page'
  | 'null-next-page-start'
  | 'xml-404'
  | 'bad-item'
  | 'lost-permission';

/** The requests that a fault affects: every given condition must hold. */
export interface FaultMatch {
  /** Tested against the path below the context path, including the query. */
  readonly path?: RegExp;
  readonly kind?: SimulatedRequestKind | readonly SimulatedRequestKind[];
  /** Case-insensitive. */
  readonly projectKey?: string;
  /** Case-insensitive. */
  readonly repositorySlug?: string;
  /** Value of the query parameter `start`; no `start` counts as 0. */
  readonly start?: number;
}

/** A fault to be added. */
export interface FaultOptions {
  /** Default: every request. */
  match?: FaultMatch | ((request: RequestFacts) => boolean);
  /** How many requests it hits. Default: all. */
  times?: number;
  /** How many matching requests it lets pass first. Default 0. */
  after?: number;
  effect: FaultEffect | PlainEffect;
}

/** A fault in force. */
export interface Fault {
  /** Requests it hit so far. */
  readonly hits: number;
  /** Ends it. */
  remove(): void;
}

interface ActiveFault {
  readonly matches: (request: RequestFacts) => boolean;
  readonly effect: FaultEffect;
  readonly times: number;
  skip: number;
  hits: number;
}

/** The faults of one simulated server. */
export class Faults {
  readonly #active = new Set<ActiveFault>();

  /**
   * Adds a fault. Of several that fit one request the first added decides; delays add up.
   */
  add({ match = {}, times = Infinity, after = 0, effect }: FaultOptions): Fault {
    const fault: ActiveFault = {
      matches: typeof match === 'function' ? match : toPredicate(match),
      effect: typeof effect === 'string' ? { type: effect } : effect,
      times,
      skip: after,
      hits: 0,
    };
    this.#active.add(fault);
    return {
      get hits() {
        return fault.hits;
      },
      remove: () => {
        this.#active.delete(fault);
      },
    };
  }

  /** Ends all faults. */
  clear(): void {
    this.#active.clear();
  }

  /** What happens to this request; counts as a hit of each fault named. */
  hit(request: RequestFacts): readonly FaultEffect[] {
    const effects: FaultEffect[] = [];
    for (const fault of this.#active) {
      if (fault.hits >= fault.times || !fault.matches(request)) {
        continue;
      }
      const decided = effects.some(({ type }) => type !== 'delay');
      if (decided && fault.effect.type !== 'delay') {
        continue;
      }
      if (fault.skip > 0) {
        fault.skip -= 1;
        continue;
      }
      fault.hits += 1;
      effects.push(fault.effect);
    }
    return effects;
  }
}

function toPredicate(match: FaultMatch): (request: RequestFacts) => boolean {
  const kinds = match.kind === undefined ? undefined : [match.kind].flat();
  return ({ path, query, kind, projectKey, repositorySlug }) => {
    const search = query.size > 0 ? `?${query}` : '';
    return (
      (match.path === undefined || `${path}${search}`.search(match.path) >= 0) &&
      (kinds === undefined || kinds.includes(kind)) &&
      sameText(match.projectKey, projectKey) &&
      sameText(match.repositorySlug, repositorySlug) &&
      (match.start === undefined || match.start === Number(query.get('start') ?? 0))
    );
  };
}

function sameText(wanted: string | undefined, text: string | undefined): boolean {
  return wanted === undefined || wanted.toLowerCase() === text?.toLowerCase();
}
