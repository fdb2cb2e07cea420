/**
 * A Bitbucket, a catalog, a database and the processes of a backend on a fake clock, with their
 * invariants.
 */

import { EntityProviderConnection } from '@backstage/plugin-catalog-node';
import { JsonObject } from '@backstage/types';
import {
  createSimulatedBitbucket,
  Fault,
  FaultOptions,
  SimulatedBitbucket,
  WebhookRequest,
} from '../dev/simulatedBitbucket';
import { FakeClock } from '../src/__testUtils__/FakeClock';
import { createFetch } from '../src/__testUtils__/simulatedClient';
import { appConfigFor, TEST_USER } from '../src/__testUtils__/testProvider';
import { TestStores } from '../src/__testUtils__/testStores';
import { startTimer } from '../src/util/clock';
import { CatalogRefused, CatalogView } from './CatalogView';
import { watchRun } from './checkRun';
import { ProcessKilled } from './Door';
import { Invariants } from './Invariants';
import { Replica } from './Replica';
import { RequiredRepository, deriveRequirements } from './requirements';
import { ServerSettings } from './server';
import { PROVIDER_ID, ProviderSettings, toProviderConfig } from './settings';
import { WorldDatabase } from './WorldDatabase';

/** The initial state of a world. */
export interface WorldOptions {
  readonly settings: ProviderSettings;
  readonly server: ServerSettings;
  readonly replicas: number;
  readonly database: WorldDatabase;
  readonly sabotage?: Sabotage;
}

/** Makes the module look broken, to prove that the invariants notice: between it and the world. */
export interface Sabotage {
  fetch?(fetch: typeof globalThis.fetch): typeof globalThis.fetch;
  connection?(connection: EntityProviderConnection): EntityProviderConnection;
}

interface Process {
  readonly replica: Replica;
  readonly stores: TestStores;
}

/** The scheduler's time limit of runs. */
const RUN_TIMEOUT_MS = 25 * 60_000;

/** One world. */
export class World {
  readonly clock: FakeClock;
  readonly catalog: CatalogView;
  readonly invariants: Invariants;
  /** Webhooks in transit. */
  readonly webhooks: WebhookRequest[] = [];
  /** All base URLs so far in the links of the server. */
  readonly linkBases = new Set<string>();
  readonly server: ServerSettings;
  readonly #database: WorldDatabase;
  readonly #sabotage: Sabotage;
  readonly #processes: Process[] = [];
  readonly #faults: Fault[] = [];
  #bitbucket: SimulatedBitbucket;
  #settings: ProviderSettings;

  private constructor({ settings, server, database, sabotage = {} }: WorldOptions) {
    this.#sabotage = sabotage;
    this.#settings = settings;
    this.server = server;
    this.#database = database;
    this.clock = new FakeClock({ holdWhile: () => database.isBusy() });
    this.#bitbucket = this.#createServer();
    this.invariants = new Invariants(this);
    this.catalog = new CatalogView(change => this.invariants.onCatalogChange(change));
  }

  static async create(
    options: WorldOptions,
    fill: (bitbucket: SimulatedBitbucket) => void,
  ): Promise<World> {
    const world = new World(options);
    fill(world.bitbucket);
    world.changed();
    for (let index = 0; index < options.replicas; index += 1) {
      await world.#startProcess(index);
    }
    return world;
  }

  get bitbucket(): SimulatedBitbucket {
    return this.#bitbucket;
  }

  get settings(): ProviderSettings {
    return this.#settings;
  }

  get replicas(): readonly Replica[] {
    return this.#processes.map(({ replica }) => replica);
  }

  /** Returns the process at a position, modulo the number of processes. */
  replica(position: number): Replica {
    return this.#process(position).replica;
  }

  /** The stores of a live process. */
  get stores(): TestStores {
    return this.#process(0).stores;
  }

  #process(position: number): Process {
    const process = this.#processes[position % this.#processes.length];
    if (!process) {
      throw new Error('the world has no process');
    }
    return process;
  }

  /** To be called after each change of the server or of the settings. */
  changed(): void {
    this.linkBases.add(this.#bitbucket.linkBaseUrl);
    this.invariants.observe();
  }

  /** The requirements on the catalog now. */
  requirements(): RequiredRepository[] {
    const spelling = { integrationBase: this.server.baseUrl, linkBases: this.linkBases };
    return deriveRequirements(this.#bitbucket, this.#settings, spelling);
  }

  /** Whether the backend's account may currently see a repository. */
  isVisible({ projectKey, slug }: { projectKey: string; slug: string }): boolean {
    const { hidden } = this.#bitbucket.getUser(TEST_USER.name);
    const key = projectKey.toLowerCase();
    return !hidden.has(key) && !hidden.has(`${key}/${slug}`);
  }

  /** The number of requests to this server that a fault has affected. */
  get faultHits(): number {
    return this.#faults.reduce((sum, { hits }) => sum + hits, 0);
  }

  /** Adds a fault. */
  addFault(fault: FaultOptions): void {
    this.#faults.push(this.#bitbucket.faults.add(fault));
  }

  /** Replaces the server by another one at the same address. */
  swapServer(fill: (bitbucket: SimulatedBitbucket) => void): void {
    this.#bitbucket = this.#createServer();
    fill(this.#bitbucket);
    this.changed();
  }

  /** Runs discovery in the process at a position. */
  async run(position: number, options: { isManual?: boolean; timeoutMs?: number } = {}) {
    const { isManual = false, timeoutMs = RUN_TIMEOUT_MS } = options;
    const replica = this.replica(position);
    // An event may have held back removals since the last step.
    await this.invariants.checkHeld();
    const watch = watchRun(this);
    const timer = startTimer(this.clock, timeoutMs);
    let error: unknown;
    try {
      if (isManual) {
        await replica.store.requestManualRun(PROVIDER_ID);
      }
      await this.clock.run(replica.run(timer.signal).finally(timer.end));
    } catch (thrown) {
      timer.end();
      error = thrown;
      this.#judge(thrown);
    }
    await this.#reviveProcesses();
    await watch.end(error === undefined);
    return error;
  }

  #judge(error: unknown): void {
    const isExpected =
      error instanceof ProcessKilled ||
      error instanceof CatalogRefused ||
      (error instanceof Error && error.name === 'DiscoveryRunError');
    if (!isExpected) {
      this.invariants.violated(`a run has thrown an undocumented error: ${error}`);
    }
  }

  /** Delivers events; the events of a dying process are lost. */
  async deliver(webhook: WebhookRequest, position: number, topic: string): Promise<void> {
    await this.clock.run(this.replica(position).deliver(webhook, topic));
  }

  async approveRemovals(position: number): Promise<void> {
    const { clock, invariants } = this;
    invariants.approved(await this.heldTargets());
    try {
      await clock.run(this.replica(position).approveRemovals());
    } catch (error) {
      this.#judge(error);
    }
  }

  /** Targets of the removals that are held back and not approved. */
  async heldTargets(): Promise<string[]> {
    const held = await this.stores.reports.loadHeldRemovals(PROVIDER_ID);
    return held.flatMap(({ approved, entryKey }) => (approved ? [] : [entryKey]));
  }

  async configure(settings: ProviderSettings): Promise<void> {
    this.#settings = settings;
    this.changed();
    for (const replica of this.replicas) {
      await this.clock.run(replica.configure(this.#appConfig()));
    }
  }

  /** Waits for all work in progress. */
  async settle(): Promise<void> {
    await this.clock.runUntilIdle();
    await this.#reviveProcesses();
  }

  /** Stops a process, gracefully or not, and starts another one in its place. */
  async restart(position: number, isKilled: boolean): Promise<void> {
    const replica = this.replica(position);
    if (isKilled) {
      replica.kill();
      this.invariants.interrupted();
    } else {
      replica.shutDown();
    }
    await this.clock.settle();
    await this.#reviveProcesses();
  }

  async #reviveProcesses(): Promise<void> {
    for (const [index, { replica }] of this.#processes.entries()) {
      if (!replica.isAlive) {
        this.invariants.interrupted();
        this.invariants.checkLog(replica);
        await this.#startProcess(index);
      }
    }
  }

  async #startProcess(index: number): Promise<void> {
    const others = this.#processes.find(
      (other, at) => at !== index && other.replica.isAlive,
    )?.stores;
    const stores = await this.#database.open(this.clock, others);
    // A backend whose catalog refuses its mutation does not start, and is started again.
    this.catalog.refuseNothing();
    const { clock, catalog } = this;
    const sabotage = this.#sabotage;
    const fetch = this.invariants.watchRequests((...request) =>
      createFetch(this.#bitbucket)(...request),
    );
    const replica = await Replica.start({
      appConfig: this.#appConfig(),
      ...{ clock, stores },
      connectionFor: door => {
        const connection = catalog.connectionFor(door);
        return sabotage.connection?.(connection) ?? connection;
      },
      fetch: sabotage.fetch?.(fetch) ?? fetch,
    });
    this.#processes[index] = { replica, stores };
  }

  #appConfig(): JsonObject {
    const { integrations } = appConfigFor({ bitbucket: this.#bitbucket });
    const { host } = new URL(this.server.baseUrl);
    const bitbucketServer = toProviderConfig(host, this.#settings);
    return {
      integrations: integrations ?? {},
      catalog: { providers: { bitbucketServer } },
    };
  }

  #createServer(): SimulatedBitbucket {
    const { clock, server } = this;
    return createSimulatedBitbucket({ ...server, clock, users: [TEST_USER] });
  }
}
