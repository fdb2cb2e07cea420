/**
 * Finds the limiter that a provider shares with others: one per host and credential. Must
 * not keep state in the module, so that two backends in one process (tests, the command
 * line) do not slow each other down. Created once by whoever wires things up.
 */

import { createHash } from 'node:crypto';
import { Clock } from '../util/clock';
import { HostLane } from './HostLane';
import { RequestLimiter } from './RequestLimiter';
import { RateLimitSetting } from './types';

/** For {@link LimiterRegistry.limiterFor}. */
export interface LimiterForOptions {
  /** `host` of the integration, port included; upper and lower case are the same. */
  readonly host: string;
  /** From {@link credentialKeyOf}: never the credential itself. */
  readonly credentialKey: string;
  /** How this requester wants to be limited. */
  readonly setting: RateLimitSetting;
  /** Requests in flight it allows on this host, an integer of 1 or more. */
  readonly concurrency: number;
  readonly clock: Clock;
  /** Id of the provider, for messages. */
  readonly requester: string;
  /** Told in a sentence when another provider of the host wants something else, or the server tells of a budget that cannot be meant. */
  readonly onWarning?: (message: string) => void;
}

/**
 * Makes the key under which requests with the same credential share a limiter.
 *
 * @param authorization - value of the `Authorization` header, `undefined` for anonymous
 * @returns its SHA-256, hexadecimal; `anonymous` without one
 */
export function credentialKeyOf(authorization: string | undefined): string {
  if (!authorization) return 'anonymous';
  return createHash('sha256').update(authorization).digest('hex');
}

function describeSetting(setting: RateLimitSetting): string {
  return setting.kind === 'fixed'
    ? `${setting.requestsPerSecond} per second, burst ${setting.burst}`
    : setting.kind;
}

/** What holds when two settings meet: `fixed` and `auto` both limit, `off` does not. */
function describeStricter(one: RateLimitSetting, other: RateLimitSetting): string {
  if (one.kind === 'off') return describeSetting(other);
  if (other.kind === 'off') return describeSetting(one);
  if (one.kind === 'fixed' && other.kind === 'fixed') {
    return describeSetting({
      kind: 'fixed',
      requestsPerSecond: Math.min(one.requestsPerSecond, other.requestsPerSecond),
      burst: Math.min(one.burst, other.burst),
    });
  }
  const fixed = one.kind === 'fixed' ? one : other;
  return `${describeSetting(fixed)}, or less where auto finds less`;
}

/** Limits that differ are told of once per pair of providers; the stricter one holds. */
function findRateConflict(
  limiter: RequestLimiter,
  { host, requester, setting }: LimiterForOptions,
): string | undefined {
  for (const [other, held] of limiter.settings) {
    if (other === requester || describeSetting(held) === describeSetting(setting)) {
      continue;
    }
    return (
      `Providers "${other}" and "${requester}" share the rate limit of ${host} but set ` +
      `rateLimit differently (${describeSetting(held)}; ${describeSetting(setting)}): ` +
      `the stricter holds for both, ${describeStricter(held, setting)}`
    );
  }
  return undefined;
}

interface Host {
  readonly lane: HostLane;
  /** The provider whose `concurrency` holds. */
  strictest: string;
  readonly limiters: Map<string, RequestLimiter>;
}

/** The limiters of a process. */
export class LimiterRegistry {
  readonly #hosts = new Map<string, Host>();

  /**
   * Finds or makes the limiter, and makes it heed this requester's limits as well.
   *
   * @remarks Rate limits are per user at the server, so the pace belongs to the
   * credential; requests in flight and the pause after a 429 belong to the host.
   */
  limiterFor(options: LimiterForOptions): RequestLimiter {
    const host = this.#hostFor(options);
    this.#adoptConcurrency(host, options);
    const limiter =
      host.limiters.get(options.credentialKey) ??
      new RequestLimiter({
        lane: host.lane,
        clock: options.clock,
        onDoubt: doubt => options.onWarning?.(`Bitbucket at ${options.host} ${doubt}`),
      });
    host.limiters.set(options.credentialKey, limiter);
    const conflict = findRateConflict(limiter, options);
    if (conflict) options.onWarning?.(conflict);
    limiter.heed(options.requester, options.setting);
    return limiter;
  }

  #hostFor({ host, concurrency, requester, clock }: LimiterForOptions): Host {
    const key = host.toLowerCase();
    const found = this.#hosts.get(key);
    if (found) return found;
    const made: Host = {
      lane: new HostLane({ concurrency, clock }),
      strictest: requester,
      limiters: new Map(),
    };
    this.#hosts.set(key, made);
    return made;
  }

  #adoptConcurrency(host: Host, options: LimiterForOptions): void {
    const held = host.lane.concurrency;
    const { concurrency, requester } = options;
    if (concurrency === held || host.strictest === requester) {
      host.lane.narrowTo(concurrency);
      return;
    }
    const [winner, lower] =
      concurrency < held ? [requester, concurrency] : [host.strictest, held];
    options.onWarning?.(
      `Providers "${host.strictest}" and "${requester}" set concurrency for ` +
        `${options.host} differently (${held}; ${concurrency}): ` +
        `the lower one, ${lower} of "${winner}", holds for all`,
    );
    host.lane.narrowTo(concurrency);
    host.strictest = winner;
  }
}
