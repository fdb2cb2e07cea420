/** Starts real Backstage backends with the real catalog: the one way in which tests do it. */

import { authServiceFactory } from '@backstage/backend-defaults/auth';
import { httpAuthServiceFactory } from '@backstage/backend-defaults/httpAuth';
import { rootConfigServiceFactory } from '@backstage/backend-defaults/rootConfig';
import {
  BackendFeature,
  coreServices,
  createServiceFactory,
} from '@backstage/backend-plugin-api';
import { mockServices, startTestBackend } from '@backstage/backend-test-utils';
import catalogPlugin from '@backstage/plugin-catalog-backend';
import eventsPlugin from '@backstage/plugin-events-backend';
import { DefaultEventsService, eventsServiceRef } from '@backstage/plugin-events-node';
import { JsonObject } from '@backstage/types';
import eventsFeature from '../eventsEntry';
import discoveryModule from '../index';
import {
  apiAuthConfig,
  BackendApi,
  createBackendApi,
  TOKEN,
  webhookConfig,
} from './backendApi';
import { startProcess } from './backendProcess';

/** For {@link startBackend}. */
export interface BackendOptions {
  /** Files that are read and watched, as a backend of its own does; in place of `config`. */
  readonly configFiles?: readonly string[];
  /** Of the app. With `webhooks` and in a process of its own, `backend` is filled in. */
  readonly config?: JsonObject;
  /** What stands beside the catalog, in the process of the test only. */
  readonly features?: readonly BackendFeature[];
  /**
   * Adds the events plugin and both features of this package, with the default policy: who
   * shows no token gets no answer, except at the webhook's address. A backend in a process
   * of its own always has them.
   */
  readonly webhooks?: boolean;
  /**
   * `false`: a process of its own, as a replica of an installation is one, that a test can
   * kill. In the process of the test it is faster.
   */
  readonly inProcess?: boolean;
  /**
   * Of a backend in a process of its own: a connection string of PostgreSQL, where each
   * plugin gets a schema. The others have SQLite in memory, unless `features` or `config`
   * say otherwise.
   */
  readonly database?: string;
  /** `false`: only webhooks are received; only in a process of its own. */
  readonly withCatalog?: boolean;
}

/** A started backend, called as from outside. */
export interface TestBackend extends BackendApi {
  /** Ends it; one in a process of its own with SIGKILL. */
  stop(): Promise<void>;
}

/** Starts a backend, and waits until it serves; rejects when it refuses to start. */
export async function startBackend(options: BackendOptions): Promise<TestBackend> {
  const { config = {}, configFiles, features = [], webhooks, database } = options;
  if (options.inProcess === false) {
    const { withCatalog = true } = options;
    const { baseUrl, stop } = await startProcess({
      config,
      database,
      withCatalog,
    });
    return { ...createBackendApi(baseUrl, TOKEN), stop };
  }
  const backend = await startTestBackend({
    features: [
      catalogPlugin,
      ...(webhooks ? PRODUCTION_FEATURES : []),
      ...features,
      configFiles
        ? rootConfigServiceFactory({
            argv: configFiles.flatMap(file => ['--config', file]),
            watch: true,
          })
        : mockServices.rootConfig.factory({
            data: webhooks
              ? {
                  ...config,
                  backend: { ...Object(config.backend), auth: apiAuthConfig },
                  events: webhookConfig('never'),
                }
              : config,
          }),
    ],
  });
  const baseUrl = `http://localhost:${backend.server.port()}`;
  return {
    ...createBackendApi(baseUrl, webhooks ? TOKEN : undefined),
    stop: () => backend.stop(),
  };
}

/**
 * As the default one, but published to until the process ends: the catalog waits for nobody
 * to take the errors that it publishes, so one that it publishes while its backend stops
 * would be a rejection that nobody handles.
 */
const lastingEventsServiceFactory = createServiceFactory({
  service: eventsServiceRef,
  deps: {
    pluginMetadata: coreServices.pluginMetadata,
    rootLogger: coreServices.rootLogger,
    discovery: coreServices.discovery,
    logger: coreServices.logger,
    lifecycle: coreServices.lifecycle,
    auth: coreServices.auth,
    config: coreServices.rootConfig,
  },
  createRootContext: ({ rootLogger, config }) =>
    DefaultEventsService.create({ logger: rootLogger, config }),
  factory: ({ pluginMetadata, discovery, logger, lifecycle, auth }, events) =>
    events.forPlugin(pluginMetadata.getId(), {
      discovery,
      logger,
      lifecycle: {
        addStartupHook: hook => lifecycle.addStartupHook(hook),
        addShutdownHook: () => {},
      },
      auth,
    }),
});

const PRODUCTION_FEATURES: readonly BackendFeature[] = [
  discoveryModule,
  eventsPlugin,
  eventsFeature,
  // The test backend's own keep what one plugin publishes from the others, and let
  // everybody in.
  lastingEventsServiceFactory,
  authServiceFactory,
  httpAuthServiceFactory,
];
