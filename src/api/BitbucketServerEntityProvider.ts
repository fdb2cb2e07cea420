/** The public entity provider, for catalogs that are assembled in code. */

import {
  DatabaseService,
  LoggerService,
  SchedulerService,
  SchedulerServiceTaskRunner,
} from '@backstage/backend-plugin-api';
import { Config } from '@backstage/config';
import { InputError } from '@backstage/errors';
import { EntityProvider, EntityProviderConnection } from '@backstage/plugin-catalog-node';
import { readDiscoveryConfig } from '../config/readProviderConfigs';
import { createProviders } from '../provider/createProviders';
import { createStores } from '../provider/createStores';
import { getLimiters } from '../provider/limiters';
import { LiveProvider } from '../provider/LiveConfiguration';
import { createFileParser } from './createFileParser';
import { BitbucketServerLocationParser } from './locationParser';

/**
 * Discovers catalog files in a Bitbucket Server or Data Center and keeps one Location
 * per file in the catalog.
 *
 * @remarks Not needed if this package is installed with `backend.add(...)`: the module
 * creates the providers together with events, report, metrics and the manual trigger. A
 * provider that is created here discovers by its schedule only.
 *
 * @public
 */
export class BitbucketServerEntityProvider implements EntityProvider {
  readonly #provider: LiveProvider;

  private constructor(provider: LiveProvider) {
    this.#provider = provider;
  }

  /**
   * Creates one provider per entry of `catalog.providers.bitbucketServer`.
   *
   * @param options - `database`: the catalog's, in which providers keep their state;
   * `schedule`: runs discovery in place of the configured schedule; `scheduler`: for the
   * configured schedule, unless there is a `schedule`; `parser`: a custom location parser
   * @throws InputError for an invalid configuration, with each key and remedy, and if there
   * is neither `schedule` nor `scheduler`
   */
  static fromConfig(
    config: Config,
    options: {
      logger: LoggerService;
      database: DatabaseService;
      scheduler?: SchedulerService;
      schedule?: SchedulerServiceTaskRunner;
      parser?: BitbucketServerLocationParser;
    },
  ): BitbucketServerEntityProvider[] {
    const { logger, database, parser } = options;
    const scheduler = toScheduler(options);
    const { outcomes, store } = createStores(database, logger);
    const created = createProviders(readDiscoveryConfig(config), {
      logger,
      store,
      outcomes,
      limiters: getLimiters(config, logger),
      createFileParser: parser && (setup => createFileParser(parser, setup)),
    });
    return created.map(
      parts => new BitbucketServerEntityProvider(new LiveProvider(parts, scheduler)),
    );
  }

  /** `bitbucketServer-provider:<id>`, which is its location key as well. */
  getProviderName(): string {
    return this.#provider.getProviderName();
  }

  /**
   * Announces the discovery in the catalog and sets up its schedule, without a request to
   * Bitbucket. Called by the catalog.
   */
  async connect(connection: EntityProviderConnection): Promise<void> {
    await this.#provider.connect(connection);
  }

  /**
   * Runs discovery once and brings the catalog up to date.
   *
   * @param signal - ends the run early; results obtained until then are kept
   * @throws DiscoveryRunError if the listing could not be read, the credentials do not work
   * or the run was aborted; nothing is removed then
   */
  async refresh(signal?: AbortSignal): Promise<void> {
    await this.#provider.current.provider.refresh(signal);
  }
}

function toScheduler(options: {
  scheduler?: SchedulerService;
  schedule?: SchedulerServiceTaskRunner;
}): Pick<SchedulerService, 'scheduleTask'> {
  const { schedule, scheduler } = options;
  if (schedule) {
    return { scheduleTask: ({ id, fn }) => schedule.run({ id, fn }) };
  }
  if (!scheduler) {
    throw new InputError(
      'BitbucketServerEntityProvider.fromConfig needs a scheduler, or a schedule that runs discovery',
    );
  }
  return scheduler;
}
