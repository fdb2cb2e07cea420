/** The same as `backendProcessHost.ts` within the process of the test: faster, and enough for one. */

import { authServiceFactory } from '@backstage/backend-defaults/auth';
import { httpAuthServiceFactory } from '@backstage/backend-defaults/httpAuth';
import { BackendFeature } from '@backstage/backend-plugin-api';
import eventsPlugin from '@backstage/plugin-events-backend';
import { eventsServiceFactory } from '@backstage/plugin-events-node';
import { JsonObject } from '@backstage/types';
import eventsFeature from '../../src/eventsEntry';
import discoveryModule from '../../src/index';
import {
  apiAuthConfig,
  BackendApi,
  createBackendApi,
  webhookConfig,
} from './backendProcessApi';
import { startCatalogBackend } from '../../src/__testUtils__/testBackend';

/** A started backend, called as from outside. */
export interface InsideBackend extends BackendApi {
  readonly baseUrl: string;
  stop(): Promise<void>;
}

/**
 * Starts the catalog, the events plugin and both features of this package, with the
 * default policy: who shows no token gets no answer, except at the webhook's address.
 */
export async function startInsideBackend(
  config: JsonObject,
  ...modules: BackendFeature[]
): Promise<InsideBackend> {
  const { baseUrl, stop } = await startCatalogBackend(
    { ...config, backend: { auth: apiAuthConfig }, events: webhookConfig('never') },
    discoveryModule,
    eventsPlugin,
    eventsFeature,
    // The test backend's own keep what one plugin publishes from the others, and let
    // everybody in.
    eventsServiceFactory,
    authServiceFactory,
    httpAuthServiceFactory,
    ...modules,
  );
  return { ...createBackendApi(baseUrl), baseUrl, stop };
}
