/**
 * Determines the limits that apply to all providers of a host, before the first request. Pure.
 * Called again only when the configuration changes.
 */

import { RateLimitSetting } from './types';

/** The limits that one provider asks for. */
export interface WantedLimits {
  /** Id of the provider, for messages. */
  readonly providerId: string;
  /** `host` of the integration, including the port; case-insensitive. */
  readonly host: string;
  /** From `getCredentialKey`: never the credential itself. */
  readonly credentialKey: string;
  readonly rateLimit: RateLimitSetting;
  /** Requests in flight that it allows on this host, an integer of 1 or more. */
  readonly concurrency: number;
}

/** A rate and burst, such as those that `rateLimit` sets. */
export type FixedRate = Omit<Extract<RateLimitSetting, { kind: 'fixed' }>, 'kind'>;

/** What determines the pace for a host and credential; `off` has neither of the two. */
export interface PaceLimits {
  /** Whether to keep to the server's budget, and to the pace found by its 429 answers. */
  readonly auto: boolean;
  /** The configured maximum. */
  readonly fixed?: FixedRate;
}

/** The limits that apply to all requests to one host with one credential. */
export interface AgreedLimits {
  /** In lower case. */
  readonly host: string;
  readonly credentialKey: string;
  /** Requests in flight, shared by all credentials of the host. */
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

/** Describes a pace in words, for messages. */
export function describePace({ auto, fixed }: PaceLimits): string {
  if (!fixed) return auto ? 'auto' : 'off';
  return `${describeRate(fixed)}${auto ? ', or less where auto finds less' : ''}`;
}

/** Returns the lowest rate and the smallest burst of one or more rates. */
export function strictestRate(rates: readonly FixedRate[]): FixedRate {
  return {
    requestsPerSecond: Math.min(...rates.map(rate => rate.requestsPerSecond)),
    burst: Math.min(...rates.map(rate => rate.burst)),
  };
}

/** Returns the lowest rate, the smallest burst, and `auto` if at least one has it. */
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

/** Lists what each provider asks for; `undefined` if all ask for the same. */
function describeDifference(
  wanted: readonly WantedLimits[],
  describe: (limits: WantedLimits) => string,
): string | undefined {
  if (new Set(wanted.map(describe)).size < 2) return undefined;
  return wanted.map(limits => `"${limits.providerId}" ${describe(limits)}`).join('; ');
}

/**
 * Combines the limits that providers ask for into the strictest of them.
 *
 * @remarks Rate limits are per user at the server, so the pace belongs to the credential;
 * requests in flight, and the pause after a 429, belong to the host.
 *
 * @returns `warnings`: sentences about providers that ask for different limits
 */
export function agreeOnLimits(wanted: readonly WantedLimits[]): {
  readonly agreed: readonly AgreedLimits[];
  readonly warnings: readonly string[];
} {
  const warnings: string[] = [];
  const hosts = groupBy(wanted, ({ host }) => host.toLowerCase());
  const agreed = hosts.flatMap(([host, onHost]) => {
    const concurrency = Math.min(...onHost.map(limits => limits.concurrency));
    const difference = describeDifference(onHost, limits => String(limits.concurrency));
    if (difference) {
      warnings.push(
        `Providers of ${host} set concurrency differently (${difference}): ` +
          `the lowest applies to all, ${concurrency}`,
      );
    }
    const credentials = groupBy(onHost, limits => limits.credentialKey);
    return credentials.map(([credentialKey, sharing]) => ({
      host,
      credentialKey,
      concurrency,
      pace: strictestPace(sharing.map(({ rateLimit }) => toPaceLimits(rateLimit))),
      sharing,
    }));
  });
  for (const { host, pace, sharing } of agreed) {
    const difference = describeDifference(sharing, ({ rateLimit }) =>
      describeSetting(rateLimit),
    );
    if (difference) {
      warnings.push(
        `Providers that share the rate limit of ${host} set rateLimit differently ` +
          `(${difference}): the strictest applies to all, ${describePace(pace)}`,
      );
    }
  }
  return { agreed: agreed.map(({ sharing, ...limits }) => limits), warnings };
}
