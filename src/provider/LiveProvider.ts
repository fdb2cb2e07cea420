/**
 * A provider as it is configured at the moment. What it is made of is replaced as a whole
 * when the configuration changes: a run ends with what it began with.
 */

import { isDeepStrictEqual } from 'node:util';
import { SchedulerService } from '@backstage/backend-plugin-api';
import { EntityProvider, EntityProviderConnection } from '@backstage/plugin-catalog-node';
import { CreatedProvider } from './createProviders';

/** One provider of a backend, under the same id and name all the time. */
export class LiveProvider implements EntityProvider {
  #current: CreatedProvider;
  readonly #scheduler: Pick<SchedulerService, 'scheduleTask'>;
  #connection: EntityProviderConnection | undefined;
  /** Ends the task that is scheduled now. */
  #schedule: AbortController | undefined;
  /** The run that goes on in this process, if any; never rejects. */
  #running: Promise<unknown> = Promise.resolve();

  constructor(
    created: CreatedProvider,
    scheduler: Pick<SchedulerService, 'scheduleTask'>,
  ) {
    this.#current = created;
    this.#scheduler = scheduler;
  }

  /** What it is made of now; not to be kept from one piece of work to the next. */
  get current(): CreatedProvider {
    return this.#current;
  }

  /** {@inheritdoc @backstage/plugin-catalog-node#EntityProvider.getProviderName} */
  getProviderName(): string {
    return this.#current.provider.getProviderName();
  }

  /** `default`, or its key under `catalog.providers.bitbucketServer`. */
  get id(): string {
    return this.#current.provider.id;
  }

  /** Of the integration it reads from. */
  get host(): string {
    return this.#current.provider.host;
  }

  /** {@inheritdoc DiscoveryProvider.approveRemovals} */
  approveRemovals(): Promise<number> {
    return this.#current.provider.approveRemovals();
  }

  /** {@inheritdoc @backstage/plugin-catalog-node#EntityProvider.connect} */
  async connect(connection: EntityProviderConnection): Promise<void> {
    this.#connection = connection;
    await this.#current.provider.attach(connection);
    await this.#scheduleTask();
  }

  /**
   * Goes on with parts made from another configuration.
   *
   * @throws what the catalog or the scheduler throws; then the next run is the first that
   * may miss something of it
   */
  async replace(next: CreatedProvider): Promise<void> {
    const previous = this.#current;
    if (this.#connection) {
      await next.provider.attach(this.#connection);
    }
    this.#current = next;
    const { schedule } = next.context.config;
    if (
      this.#schedule &&
      !isDeepStrictEqual(schedule, previous.context.config.schedule)
    ) {
      await this.#scheduleTask();
    }
  }

  async #scheduleTask(): Promise<void> {
    const { context, provider } = this.#current;
    const previous = this.#schedule;
    const next = new AbortController();
    await this.#scheduler.scheduleTask({
      ...context.config.schedule,
      id: provider.taskId,
      signal: next.signal,
      fn: signal => this.#run(signal),
    });
    this.#schedule = next;
    // With its task, a run would end before its time.
    void this.#running.then(() => previous?.abort());
  }

  async #run(signal: AbortSignal): Promise<void> {
    const run = this.#current.provider.refresh(signal);
    this.#running = run.catch(() => undefined);
    await run;
  }
}
