/**
 * Checks that the catalog itself can read from the server of a provider that has its own
 * credentials: the catalog always reads files with the credentials of the integration.
 */

import { BitbucketServerIntegrationConfig } from '@backstage/integration';
import { BitbucketServerCredentialsError } from '../bitbucket/errors';
import { ProviderConfig } from '../config/types';
import { ClientFactory, createClientFactory, ClientSetup } from './createClient';
import { RequestMeter } from './RequestMeter';

/** Options for {@link createCatalogClients} and {@link findAccessProblem}. */
export interface CatalogAccessOptions extends Omit<
  ClientSetup,
  'integration' | 'providerId'
> {
  readonly config: ProviderConfig;
  /** The integration as configured, without the provider's own credentials. */
  readonly catalogIntegration: BitbucketServerIntegrationConfig;
}

/** Creates clients that use the credentials with which the catalog reads files. */
export function createCatalogClients({
  config,
  catalogIntegration,
  ...setup
}: CatalogAccessOptions): ClientFactory {
  return createClientFactory({
    ...setup,
    // The setup may contain the credentials of the provider.
    credentials: undefined,
    providerId: config.id,
    integration: catalogIntegration,
  });
}

/**
 * Finds out what keeps the catalog from reading the files that the provider finds. Sends one
 * request, or none if the provider has no credentials of its own.
 *
 * @returns cause and remedy; `undefined` if no problem is known
 * @throws the signal's reason when aborted
 */
export async function findAccessProblem(
  options: CatalogAccessOptions,
  signal?: AbortSignal,
): Promise<string | undefined> {
  const { credentials, host } = options.config;
  if (!credentials) {
    return undefined;
  }
  const place = `integrations.bitbucketServer, host ${host}`;
  const clients = createCatalogClients(options);
  if (!clients.areAuthenticated) {
    return `The catalog reads the files that are found with the credentials of ${place}, not with those of the provider, and none are configured there: it can read only what is public. Add a token, or username and password, that may read the same repositories`;
  }
  try {
    await clients.create(new RequestMeter()).readServerInfo({ signal });
    return undefined;
  } catch (error) {
    signal?.throwIfAborted();
    return error instanceof BitbucketServerCredentialsError
      ? `The catalog reads the files that are found with the credentials of ${place}, not with those of the provider, and they do not work. ${error.message}`
      : undefined;
  }
}
