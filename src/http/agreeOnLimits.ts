/**
 * Finds what holds for all who ask one host, before anybody asks. Pure. Must not be
 * called again while requests are under way: who shares a limiter relies on its limits.
 */

import { RateLimitSetting } from './types';

/** What one provider wants. */
export interface WantedLimits {
  /** Id of the provider, for messages. */
  readonly providerId: string;
  /** `host` of the integration, port included; upper and lower case are the same. */
  readonly host: string;
  /** From `credentialKeyOf`: never the credential itself. */
  readonly credentialKey: string;
  readonly rateLimit: RateLimitSetting;
  /** Requests in flight it allows on this host, an integer of 1 or more. */
  readonly concurrency: number;
}

/** A rate that somebody set. */
export type FixedRate = Omit<Extract<RateLimitSetting, { kind: 'fixed' }>, 'kind'>;

/** By what the pace of a host and credential is decided; `off` is neither of the two. */
export interface PaceLimits {
  /** Keeps to the server's budget, and to what it bears. */
  readonly auto: boolean;
  /** Never faster than this. */
  readonly fixed?: FixedRate;
}

/** What holds for one host. */
export interface HostAgreement {
  /** Requests in flight. */
  readonly concurrency: number;
  readonly paceByCredential: ReadonlyMap<string, PaceLimits>;
}

/** What holds for each host, its name in lower case. */
export interface LimitAgreement {
  readonly hosts: ReadonlyMap<string, HostAgreement>;
  /** Sentences that tell who wants something else than what holds. */
  readonly warnings: readonly string[];
}

function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    groups.set(keyOf(item), [...(groups.get(keyOf(item)) ?? []), item]);
  }
  return groups;
}

function describeRate({ requestsPerSecond, burst }: FixedRate): string {
  return `${requestsPerSecond} per second, burst ${burst}`;
}

function describeSetting(setting: RateLimitSetting): string {
  return setting.kind === 'fixed' ? describeRate(setting) : setting.kind;
}

function describePace({ auto, fixed }: PaceLimits): string {
  if (!fixed) return auto ? 'auto' : 'off';
  return `${describeRate(fixed)}${auto ? ', or less where auto finds less' : ''}`;
}

/** The strictest: the lowest rate, the smallest burst, and `auto` where one wants it. */
function agreeOnPace(settings: readonly RateLimitSetting[]): PaceLimits {
  const rates = settings.flatMap(setting => (setting.kind === 'fixed' ? [setting] : []));
  const auto = settings.some(({ kind }) => kind === 'auto');
  if (rates.length === 0) return { auto };
  const requestsPerSecond = Math.min(...rates.map(rate => rate.requestsPerSecond));
  return {
    auto,
    fixed: { requestsPerSecond, burst: Math.min(...rates.map(rate => rate.burst)) },
  };
}

/** A sentence where providers differ in what they set. */
function findDifference(
  wanted: readonly WantedLimits[],
  describe: (limits: WantedLimits) => string,
  words: { readonly about: string; readonly agreed: string },
): string[] {
  if (new Set(wanted.map(describe)).size < 2) return [];
  const each = wanted.map(one => `"${one.providerId}" ${describe(one)}`).join('; ');
  return [`${words.about} differently (${each}): ${words.agreed}`];
}

/**
 * Agrees on the strictest of what all want.
 *
 * @remarks Rate limits are per user at the server, so the pace belongs to the credential;
 * requests in flight, and the pause after a 429, belong to the host.
 */
export function agreeOnLimits(wanted: readonly WantedLimits[]): LimitAgreement {
  const hosts = new Map<string, HostAgreement>();
  const warnings: string[] = [];
  for (const [key, onHost] of groupBy(wanted, ({ host }) => host.toLowerCase())) {
    const concurrency = Math.min(...onHost.map(one => one.concurrency));
    const paceByCredential = new Map<string, PaceLimits>();
    hosts.set(key, { concurrency, paceByCredential });
    for (const [credentialKey, sharing] of groupBy(onHost, one => one.credentialKey)) {
      const pace = agreeOnPace(sharing.map(({ rateLimit }) => rateLimit));
      paceByCredential.set(credentialKey, pace);
      warnings.push(
        ...findDifference(sharing, ({ rateLimit }) => describeSetting(rateLimit), {
          about: `Providers that share the rate limit of ${key} set rateLimit`,
          agreed: `the strictest holds for all, ${describePace(pace)}`,
        }),
      );
    }
    warnings.push(
      ...findDifference(onHost, one => String(one.concurrency), {
        about: `Providers of ${key} set concurrency`,
        agreed: `the lowest holds for all, ${concurrency}`,
      }),
    );
  }
  return { hosts, warnings };
}
