/** Starts real Backstage backends with the real catalog, for all tests. */

import { authServiceFactory } from '@backstage/backend-defaults/auth';
import { httpAuthServiceFactory } from '@backstage/backend-defaults/httpAuth';
import {
  BackendFeature,
  coreServices,
  createServiceFactory,
} from '@backstage/backend-plugin-api';
import { ConfigSources } from '@backstage/config-loader';
import { mockServices, startTestBackend } from '@backstage/backend-test-utils';
import catalogPlugin from '@backstage/plugin-catalog-backend';
import eventsPlugin from '@backstage/plugin-events-backend';
import { DefaultEventsService, eventsServiceRef } from '@backstage/plugin-events-node';
import { JsonObject } from '@backstage/types';
import { Knex } from 'knex';
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
import { closableDatabase } from './closableDatabase';

/** Options of {@link startBackend}. */
export interface BackendOptions {
  /** Files that are read and watched as in production; in place of `config`. */
  readonly configFiles?: readonly string[];
  /** The configuration of the app. With `webhooks` and in its own process, `backend` is filled in. */
  readonly config?: JsonObject;
  /** Features in addition to the catalog, in the process of the test only. */
  readonly features?: readonly BackendFeature[];
  /**
   * Adds the events plugin and both features of this package, with the default policy: requests
   * without a token are refused, except at the webhook's address. A backend in its own process
   * always has them.
   */
  readonly webhooks?: boolean;
  /**
   * `false`: the backend has its own process, like a replica of an installation, that a test can
   * kill. In the process of the test it is faster.
   */
  readonly inProcess?: boolean;
  /**
   * For a backend in its own process: a connection string of PostgreSQL, where each plugin gets
   * a schema. Other backends use SQLite in memory, unless `config` sets another database.
   */
  readonly database?: string;
  /** In the process of the test: the database of all plugins, which the test closes. */
  readonly knex?: Knex;
  /** `false`: the backend only receives webhooks; only in its own process. */
  readonly withCatalog?: boolean;
}

/** A started backend, called from outside. */
export interface TestBackend extends BackendApi {
  /** Stops the backend; with SIGKILL in its own process. */
  stop(): Promise<void>;
}

/** Starts a backend, and waits until it serves; rejects when it refuses to start. */
export async function startBackend(options: BackendOptions): Promise<TestBackend> {
  const { config = {}, configFiles, features = [], webhooks, database, knex } = options;
  if (options.inProcess === false) {
    const { withCatalog = true } = options;
    const { baseUrl, stop } = await startProcess({
      config,
      database,
      features: [...RECEIVING, ...(withCatalog ? DISCOVERING : [])],
    });
    return { ...createBackendApi(baseUrl, TOKEN), stop };
  }
  const watched = configFiles && (await watchConfig(configFiles));
  const opened = closableDatabase();
  const close = async () => {
    await opened.close();
    watched?.close();
  };
  const starting = startTestBackend({
    features: [
      catalogPlugin,
      knex ? mockServices.database.factory({ knex }) : opened.feature,
      ...(webhooks ? PRODUCTION_FEATURES : []),
      ...features,
      watched
        ? createServiceFactory({
            service: coreServices.rootConfig,
            deps: {},
            factory: () => watched,
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
  const backend = await starting.catch(async error => {
    await close();
    throw error;
  });
  const baseUrl = `http://localhost:${backend.server.port()}`;
  return {
    ...createBackendApi(baseUrl, webhooks ? TOKEN : undefined),
    async stop() {
      await backend.stop();
      await close();
    },
  };
}

/** As the default service does, which also writes the names of the files to the console. */
const watchConfig = (files: readonly string[]) =>
  ConfigSources.toConfig(
    ConfigSources.default({
      argv: files.flatMap(file => ['--config', file]),
      watch: true,
    }),
  );

/**
 * Like the default service, but accepts events until the process ends: the catalog does not
 * await the errors that it publishes, so an error published while its backend stops would
 * otherwise be an unhandled rejection.
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

/** Of a backend in a process of its own. */
const RECEIVING = ['events', 'webhooks'] as const;
const DISCOVERING = ['catalog', 'discovery', 'url-reader'] as const;

const PRODUCTION_FEATURES: readonly BackendFeature[] = [
  discoveryModule,
  eventsPlugin,
  eventsFeature,
  // The services of the test backend do not pass events between plugins, and accept every
  // request.
  lastingEventsServiceFactory,
  authServiceFactory,
  httpAuthServiceFactory,
];
