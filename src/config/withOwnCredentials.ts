/** The integration as one provider uses it. Pure. */

import { BitbucketServerIntegrationConfig } from '@backstage/integration';
import { ProviderCredentials } from './types';

/**
 * Puts a provider's own credentials in the place of the integration's, all of them: a
 * token beside a user would win over it.
 *
 * @param credentials - of the provider; the integration stays as it is without them
 */
export function withOwnCredentials(
  integration: BitbucketServerIntegrationConfig,
  credentials: ProviderCredentials | undefined,
): BitbucketServerIntegrationConfig {
  return credentials
    ? {
        ...integration,
        token: undefined,
        username: undefined,
        password: undefined,
        ...credentials,
      }
    : integration;
}
