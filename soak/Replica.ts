/** One process of the backend: the module's own parts, combined as in `module.ts`. */

import { SchedulerServiceTaskInvocationDefinition } from '@backstage/backend-plugin-api';
import { mockServices } from '@backstage/backend-test-utils';
import { EntityProviderConnection } from '@backstage/plugin-catalog-node';
import { JsonObject } from '@backstage/types';
import type { WebhookRequest } from '../dev/simulatedBitbucket';
import { FakeClock } from '../src/__testUtils__/FakeClock';
import { createLogRecorder, LogRecorder } from '../src/__testUtils__/testProvider';
import { TestStores } from '../src/__testUtils__/testStores';
import { readDiscoveryConfig } from '../src/config/readProviderConfigs';
import { connectEvents } from '../src/events/connectEvents';
import { LocalEvents } from '../src/events/__testUtils__/LocalEvents';
import { createProviderFactory } from '../src/provider/createProviders';
import { createLimiters } from '../src/provider/limiters';
import { LiveConfiguration, LiveProvider } from '../src/provider/LiveConfiguration';
import { DatabaseEventStore } from '../src/store/DatabaseEventStore';
import { ProviderStateStore } from '../src/store/ProviderStateStore';
import { RepositoryStamps } from '../src/store/RepositoryStamps';
import { StampTable } from '../src/store/StampTable';
import { Door, Kill } from './Door';

/** Options of a process. */
export interface ReplicaOptions {
  readonly appConfig: JsonObject;
  readonly clock: FakeClock;
  readonly stores: TestStores;
  readonly connectionFor: (door: Door) => EntityProviderConnection;
  readonly fetch: typeof fetch;
}

/** A running process. */
export class Replica {
  readonly #config: ReturnType<typeof mockServices.rootConfig>;
  readonly #door: Door;
  readonly #shutdown = new AbortController();
  readonly #events = new LocalEvents();
  readonly #tasks = new Map<string, SchedulerServiceTaskInvocationDefinition>();
  readonly logger: LogRecorder = createLogRecorder();
  readonly store: ProviderStateStore;
  #live: LiveConfiguration | undefined;
  #provider: LiveProvider | undefined;

  private constructor(options: ReplicaOptions) {
    this.#config = mockServices.rootConfig({ data: options.appConfig });
    this.#door = new Door(() => this.#shutdown.abort(new Error('killed')));
    this.store = this.#door.guard(options.stores.store);
  }

  static async start(options: ReplicaOptions): Promise<Replica> {
    const replica = new Replica(options);
    // Reads migration files, for which no fake clock waits.
    await options.stores.tables.connect();
    await replica.#start(options);
    return replica;
  }

  async #start({ clock, connectionFor, fetch, stores }: ReplicaOptions): Promise<void> {
    const door = this.#door;
    const { logger, store } = this;
    const { signal } = this.#shutdown;
    const initial = readDiscoveryConfig(this.#config);
    const limiters = createLimiters(initial.providers, { clock, onWarning: () => {} });
    const webhooks = door.guard(stores.webhooks);
    const stamps = new RepositoryStamps({
      table: door.guard(new StampTable(stores.tables, clock)),
      ...{ clock, logger, signal },
    });
    const scheduler = {
      scheduleTask: async (task: SchedulerServiceTaskInvocationDefinition) =>
        void this.#tasks.set(task.id, task),
    };
    const createProvider = createProviderFactory({
      ...{ clock, limiters, logger, stamps, store, webhooks },
      shutdownSignal: signal,
      fetch: (...request) => door.pass(() => fetch(...request)),
    });
    const providers = initial.providers.map(
      configured => new LiveProvider(createProvider(configured), scheduler),
    );
    [this.#provider] = providers;
    for (const provider of providers) {
      await provider.connect(connectionFor(door));
    }
    await connectEvents(this.#events, {
      ...{ clock, logger, providers, signal, stamps, webhooks },
      config: this.#config,
      scmEvents: { publish: async () => {} },
      eventStore: door.guard(new DatabaseEventStore(stores.tables)),
    });
    this.#live = new LiveConfiguration({
      ...{ createProvider, initial, limiters, logger, providers, signal },
      config: this.#config,
      startIfNeeded: () => {},
    });
  }

  /** Whether the process is alive. */
  get isAlive(): boolean {
    return this.#door.isOpen && !this.#shutdown.signal.aborted;
  }

  /** Starts a run like the scheduler when it is due. */
  async run(signal: AbortSignal): Promise<void> {
    for (const task of this.#tasks.values()) {
      await task.fn(signal);
    }
  }

  /** Passes an event to the process without waiting until it is handled. */
  async deliver({ body, headers }: WebhookRequest, topic: string): Promise<void> {
    const eventPayload: unknown = JSON.parse(body);
    await this.#events.publish({ topic, eventPayload, metadata: { ...headers } });
  }

  async approveRemovals(): Promise<void> {
    await this.#provider?.approveRemovals();
  }

  /** Replaces the configuration. */
  async configure(appConfig: JsonObject): Promise<void> {
    this.#config.update({ data: appConfig });
    await this.#live?.changed();
  }

  /** Shuts down gracefully. */
  shutDown(): void {
    this.#shutdown.abort(new Error('the backend is shutting down'));
  }

  /** Dies immediately. */
  kill(): void {
    this.#door.close();
  }

  killLater(kill: Kill): void {
    this.#door.killLater(kill);
  }
}
