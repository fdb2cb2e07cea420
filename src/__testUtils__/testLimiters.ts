/** Limiters as a backend has them, for a single caller. For tests. */

import { BitbucketServerIntegrationConfig } from '@backstage/integration';
import { agreeOnLimits } from '../http/agreeOnLimits';
import { getCredentialKey, LimiterRegistry } from '../http/LimiterRegistry';
import { RequestLimiter } from '../http/RequestLimiter';
import { RateLimitSetting } from '../http/types';
import { Clock } from '../util/clock';

/** Options of {@link createTestLimiters}. */
export interface TestLimitersOptions {
  readonly clock: Clock;
  /** Default `off`. */
  readonly rateLimit?: RateLimitSetting;
  /** Default 8. */
  readonly concurrency?: number;
}

/** Creates limiters; that of the integration has the given limits. */
export function createTestLimiters(
  integration: BitbucketServerIntegrationConfig,
  { clock, rateLimit = { kind: 'off' }, concurrency = 8 }: TestLimitersOptions,
): LimiterRegistry {
  const { host } = integration;
  const credentialKey = getCredentialKey(integration);
  const wanted = { providerId: 'test', host, credentialKey, rateLimit, concurrency };
  return new LimiterRegistry({
    ...agreeOnLimits([wanted]),
    defaultConcurrency: concurrency,
    clock,
    onWarning: () => {},
  });
}

/** The limiter of a single caller. */
export function createTestLimiter(options: TestLimitersOptions): RequestLimiter {
  const host = 'bitbucket.example.com';
  const integration = { host, apiBaseUrl: `https://${host}/rest/api/1.0` };
  return createTestLimiters(integration, options).limiterFor(integration);
}
