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
  /** From `getCredentialKey`: never the credential itself. */
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

/** What holds for all who ask one host with one credential. */
export interface AgreedLimits {
  /** In lower case. */
  readonly host: string;
  readonly credentialKey: string;
  /** Requests in flight, the same for all credentials of the host. */
  readonly concurrency: number;
  readonly pace: PaceLimits;
}

function groupBy<T>(items: readonly T[], getKey: (item: T) => string): [string, T[]][] {
  const keys = [...new Set(items.map(getKey))];
  return keys.map(key => [key, items.filter(item => getKey(item) === key)]);
}

function describeRate({ requestsPerSecond, burst }: FixedRate): string {
  return `${requestsPerSecond} per second, burst ${burst}`;
}

function describeSetting(setting: RateLimitSetting): string {
  return setting.kind === 'fixed' ? describeRate(setting) : setting.kind;
}

/** In words, for messages. */
export function describePace({ auto, fixed }: PaceLimits): string {
  if (!fixed) return auto ? 'auto' : 'off';
  return `${describeRate(fixed)}${auto ? ', or less where auto finds less' : ''}`;
}

/** The lowest rate and the smallest burst of one or more. */
export function strictestRate(rates: readonly FixedRate[]): FixedRate {
  return {
    requestsPerSecond: Math.min(...rates.map(rate => rate.requestsPerSecond)),
    burst: Math.min(...rates.map(rate => rate.burst)),
  };
}

/** The strictest: the lowest rate, the smallest burst, and `auto` where one wants it. */
export function strictestPace(paces: readonly PaceLimits[]): PaceLimits {
  const auto = paces.some(pace => pace.auto);
  const rates = paces.flatMap(({ fixed }) => fixed ?? []);
  return rates.length === 0 ? { auto } : { auto, fixed: strictestRate(rates) };
}

function toPaceLimits(setting: RateLimitSetting): PaceLimits {
  if (setting.kind !== 'fixed') return { auto: setting.kind === 'auto' };
  const { requestsPerSecond, burst } = setting;
  return { auto: false, fixed: { requestsPerSecond, burst } };
}

/** Who wants what, where they do not all want the same. */
function describeDifference(
  wanted: readonly WantedLimits[],
  describe: (limits: WantedLimits) => string,
): string | undefined {
  if (new Set(wanted.map(describe)).size < 2) return undefined;
  return wanted.map(one => `"${one.providerId}" ${describe(one)}`).join('; ');
}

/**
 * Agrees on the strictest of what all want.
 *
 * @remarks Rate limits are per user at the server, so the pace belongs to the credential;
 * requests in flight, and the pause after a 429, belong to the host.
 *
 * @returns `warnings`: sentences that tell who wants something else than what holds
 */
export function agreeOnLimits(wanted: readonly WantedLimits[]): {
  readonly agreed: readonly AgreedLimits[];
  readonly warnings: readonly string[];
} {
  const warnings: string[] = [];
  const hosts = groupBy(wanted, ({ host }) => host.toLowerCase());
  const agreed = hosts.flatMap(([host, onHost]) => {
    const concurrency = Math.min(...onHost.map(one => one.concurrency));
    const difference = describeDifference(onHost, one => String(one.concurrency));
    if (difference) {
      warnings.push(
        `Providers of ${host} set concurrency differently (${difference}): ` +
          `the lowest holds for all, ${concurrency}`,
      );
    }
    return groupBy(onHost, one => one.credentialKey).map(([credentialKey, sharing]) => ({
      host,
      credentialKey,
      concurrency,
      pace: strictestPace(sharing.map(({ rateLimit }) => toPaceLimits(rateLimit))),
      sharing,
    }));
  });
  for (const { host, pace, sharing } of agreed) {
    const difference = describeDifference(sharing, one => describeSetting(one.rateLimit));
    if (difference) {
      warnings.push(
        `Providers that share the rate limit of ${host} set rateLimit differently ` +
          `(${difference}): the strictest holds for all, ${describePace(pace)}`,
      );
    }
  }
  return { agreed: agreed.map(({ sharing, ...limits }) => limits), warnings };
}
