/**
 * A provider as currently configured. When the configuration changes, its parts are replaced
 * as a whole: a run ends with the parts that it started with.
 */

import { isDeepStrictEqual } from 'node:util';
import { SchedulerService } from '@backstage/backend-plugin-api';
import { EntityProvider, EntityProviderConnection } from '@backstage/plugin-catalog-node';
import { CreatedProvider } from './createProviders';

/** One provider of a backend; its id and name never change. */
export class LiveProvider implements EntityProvider {
  #current: CreatedProvider;
  #connection: EntityProviderConnection | undefined;
  /** Ends the task that is scheduled now. */
  #schedule: AbortController | undefined;
  /** The run in progress in this process, if any; never rejects. */
  #running: Promise<unknown> = Promise.resolve();

  constructor(
    created: CreatedProvider,
    private readonly scheduler: Pick<SchedulerService, 'scheduleTask'>,
  ) {
    this.#current = created;
  }

  /** The current parts; read them again for each piece of work. */
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

  /** The host of the integration that it reads from. */
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
   * Continues with parts created from another configuration.
   *
   * @throws whatever the catalog or the scheduler throws; the change may then be incomplete
   * from the next run on
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
    await this.scheduler.scheduleTask({
      ...context.config.schedule,
      id: provider.taskId,
      signal: next.signal,
      fn: signal => this.#run(signal),
    });
    this.#schedule = next;
    // Ending the task would abort its run in progress.
    void this.#running.then(() => previous?.abort());
  }

  async #run(signal: AbortSignal): Promise<void> {
    const run = this.#current.provider.refresh(signal);
    this.#running = run.catch(() => undefined);
    await run;
  }
}
