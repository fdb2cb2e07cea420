import path from 'node:path';
import { ConfigReader } from '@backstage/config';
import type { Knex } from 'knex';
import { createSimulatedBitbucket } from '../../dev/simulatedBitbucket';
import { FakeClock } from '../__testUtils__/FakeClock';
import {
  createRecordingConnection,
  RecordingConnection,
} from '../__testUtils__/recordingConnection';
import { createFetch } from '../__testUtils__/simulatedClient';
import { asDatabaseService, createTestDatabases } from '../__testUtils__/testDatabases';
import {
  appConfigFor,
  createLogRecorder,
  TEST_USER,
} from '../__testUtils__/testProvider';
import { createConflictServices } from '../conflicts/createConflictServices';
import { ANNOTATION_REPROCESS_REQUESTED_AT } from '../util/annotations';
import { readDiscoveryConfig } from '../config/readProviderConfigs';
import { createProviders } from './createProviders';
import { createStores } from './createStores';
import { plainLocationRef, providerName } from './locationEntities';

const databases = createTestDatabases();

const CATALOG = path.dirname(
  require.resolve('@backstage/plugin-catalog-backend/package.json'),
);

const toTarget = (slug: string) =>
  `http://bitbucket.test/projects/PAY/repos/${slug}/browse/catalog-info.yaml`;

const endings: (() => void)[] = [];

afterEach(() => endings.splice(0).forEach(end => end()));

/** A provider that finds a file in each of these repositories, and a catalog beside it. */
async function setUp(...slugs: readonly string[]) {
  const bitbucket = createSimulatedBitbucket({ users: [TEST_USER] });
  for (const slug of slugs) {
    const files = { 'catalog-info.yaml': 'kind: Component' };
    bitbucket.addRepository({ projectKey: 'PAY', slug, files });
  }
  const knex = await databases.init('SQLITE_3');
  await knex.migrate.latest({ directory: path.join(CATALOG, 'migrations') });
  const logger = createLogRecorder();
  const config = new ConfigReader(appConfigFor({ bitbucket }));
  const { tables, store, reports } = createStores(asDatabaseService(knex), logger);
  const clock = new FakeClock();
  const ending = new AbortController();
  endings.push(() => ending.abort());
  const conflicts = createConflictServices({
    providers: new Map([[providerName('default'), 'default']]),
    locationRef: plainLocationRef,
    tables,
    reports,
    logger,
    clock,
    signal: ending.signal,
  });
  const [created] = createProviders(readDiscoveryConfig(config), {
    logger,
    store,
    conflicts,
    clock,
    fetch: createFetch(bitbucket),
  });
  if (!created) {
    throw new Error('a provider is configured');
  }
  const connection = createRecordingConnection();
  await created.provider.connect(connection);
  const run = async (signal?: AbortSignal) => {
    let isOver = false;
    const running = created.provider.refresh(signal).finally(() => {
      isOver = true;
    });
    // Awaited below, once the run is over.
    running.catch(() => {});
    while (!isOver) {
      await clock.advance(10);
    }
    await running;
  };
  return { bitbucket, clock, conflicts, connection, knex, logger, reports, run, store };
}

/** The catalog has an entity. */
async function hold(knex: Knex, entityRef: string, locationKey: string): Promise<void> {
  await knex('refresh_state').insert({
    entity_id: entityRef,
    entity_ref: entityRef,
    unprocessed_entity: '{}',
    unprocessed_hash: '',
    errors: '',
    location_key: locationKey,
    next_update_at: knex.fn.now(),
    last_discovery_at: knex.fn.now(),
  });
}

/** Somebody else has the Location of a repository's file. */
const holdElsewhere = (knex: Knex, slug: string) =>
  hold(knex, plainLocationRef(toTarget(slug)), 'another-provider');

const sentence = (slug: string) =>
  `The catalog has the Location of catalog-info.yaml of PAY/${slug} from the entity provider another-provider and does not accept it from provider default of this configuration.`;

describe('the log of a run', () => {
  it('does not mention conflicts if there are none', async () => {
    const { logger, run } = await setUp('api');

    await run();

    expect(logger.messages('warn')).toEqual([]);
  });

  it('warns about a conflict after every run until it is resolved', async () => {
    const { knex, logger, run } = await setUp('api', 'web');
    await holdElsewhere(knex, 'api');

    await run();
    await run();
    await knex('refresh_state').delete();
    await run();

    const line = `1 entity is claimed twice: ${sentence('api')}`;
    expect(logger.messages('warn')).toEqual([line, line]);
  });

  it('warns about many conflicts in one line with the first few names, and lists all at DEBUG', async () => {
    const slugs = Array.from({ length: 7 }, (_, index) => `r${index}`);
    const { knex, logger, run } = await setUp(...slugs);
    await Promise.all(slugs.map(slug => holdElsewhere(knex, slug)));

    await run();

    const named = slugs.slice(0, 5).map(sentence);
    expect(logger.messages('warn')).toEqual([
      `7 entities are claimed twice: ${named.join(' ')} …`,
    ]);
    const debug = logger
      .messages('debug')
      .filter(message => message.startsWith('The catalog has'));
    expect(debug).toHaveLength(7);
    expect(debug.every(message => message.includes('Exclude the file from one'))).toBe(
      true,
    );
  });

  it('does not report conflicts after an aborted run, which must end without delay', async () => {
    const { knex, logger, run } = await setUp('api', 'web');
    await holdElsewhere(knex, 'api');
    await run();
    const before = logger.messages('warn').length;

    await expect(run(AbortSignal.abort(new Error('the end')))).rejects.toThrow();

    expect(logger.messages('warn')).toHaveLength(before);
  });

  it('says that conflicts could not be checked, while the run still succeeds', async () => {
    const { knex, logger, reports, run } = await setUp('api');
    await knex.schema.renameTable('refresh_state', 'away');

    await run();

    expect(await reports.loadDiscovery('default')).toMatchObject({
      running: false,
      lastRun: { status: 'succeeded' },
    });
    expect(logger.messages('warn')).toContainEqual(
      expect.stringMatching(
        /^It could not be checked whether the catalog has accepted everything/,
      ),
    );
  });
});

describe('the Location of a file whose entity no longer has an owner', () => {
  /** The catalog has refused it to `api`, and who had it is gone. */
  async function startReleased() {
    const started = await setUp('api', 'web');
    const { conflicts, knex, run } = started;
    await run();
    await hold(knex, plainLocationRef(toTarget('api')), providerName('default'));
    await hold(knex, 'component:default/api', 'url:https://elsewhere.test/api.yaml');
    await conflicts.store.recordRefused([
      {
        entityRef: 'component:default/api',
        targetUrl: toTarget('api'),
        holderKey: 'url:https://elsewhere.test/api.yaml',
      },
    ]);
    await knex('refresh_state').where('entity_ref', 'component:default/api').delete();
    return started;
  }
  const reprocessed = (connection: RecordingConnection) =>
    [...connection.held.values()].flatMap(({ entity }) =>
      entity.metadata.annotations?.[ANNOTATION_REPROCESS_REQUESTED_AT]
        ? [entity.spec?.target]
        : [],
    );

  it('is emitted with a new annotation, and without one by the next run', async () => {
    const { clock, conflicts, connection, knex, run } = await startReleased();
    const uids = [...connection.held.keys()].sort();

    conflicts.resolver.check();
    await clock.advance(1);

    expect(reprocessed(connection)).toEqual([toTarget('api')]);
    expect([...connection.held.keys()].sort()).toEqual(uids);
    await knex('refresh_state').delete();
    await run();
    expect(reprocessed(connection)).toEqual([]);
  });

  it('is not emitted while another change is applied, nor after its removal', async () => {
    const { clock, conflicts, connection, store } = await startReleased();

    await store.exclusively('default', async () => {
      conflicts.resolver.check();
      await clock.advance(1);
      expect(reprocessed(connection)).toEqual([]);
      const { repositories = [] } = (await store.load('default')) ?? {};
      await store.recordApproval(
        'default',
        repositories.map(repository => ({ ...repository, files: [] })),
        0,
      );
    });
    await clock.advance(1);

    expect(reprocessed(connection)).toEqual([]);
  });
});
