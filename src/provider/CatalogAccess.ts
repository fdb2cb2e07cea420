/**
 * Whether the catalog can log in where a provider with credentials of its own finds files: it
 * reads them with those of the integration, whatever the provider asks with.
 */

import { BitbucketServerIntegrationConfig } from '@backstage/integration';
import { BitbucketServerCredentialsError } from '../bitbucket/errors';
import { ProviderConfig } from '../config/types';
import { ClientFactory, createClientFactory, ClientSetup } from './createClient';
import { RequestMeter } from './RequestMeter';

/** What the catalog's access is looked at with. */
export interface CatalogAccessOptions extends Omit<
  ClientSetup,
  'integration' | 'providerId'
> {
  readonly config: ProviderConfig;
  /** As it stands in the configuration, without credentials of the provider. */
  readonly catalogIntegration: BitbucketServerIntegrationConfig;
}

/** Clients that ask with what the catalog reads with. */
export function createCatalogClients({
  config,
  catalogIntegration,
  ...setup
}: CatalogAccessOptions): ClientFactory {
  return createClientFactory({
    ...setup,
    // Whoever sets this up may have those of the provider among it.
    credentials: undefined,
    providerId: config.id,
    integration: catalogIntegration,
  });
}

/**
 * Finds out what keeps the catalog from reading what the provider finds; one request, none
 * where the provider has no credentials of its own.
 *
 * @returns cause and remedy; `undefined` where nothing is known to be wrong
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
    return `The catalog reads the files that are found with the credentials of ${place}, which has none, and not with those of the provider: it can read only what is public. Add a token, or username and password, that may read the same repositories`;
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
