/** Several replicas check the same repositories at the same time: two pools on one PostgreSQL. */

import { ConfigReader } from '@backstage/config';
import knexFactory, { Knex } from 'knex';
import {
  createSimulatedBitbucket,
  SimulatedBitbucket,
} from '../../dev/simulatedBitbucket';
import { createRecordingConnection } from '../__testUtils__/recordingConnection';
import { createFetch } from '../__testUtils__/simulatedClient';
import {
  asDatabaseService,
  createTestDatabases,
  emptyDatabase,
} from '../__testUtils__/testDatabases';
import {
  appConfigFor,
  createLogRecorder,
  TEST_USER,
} from '../__testUtils__/testProvider';
import { DiscoveryDatabase } from '../store/DiscoveryDatabase';
import { ProviderStateStore } from '../store/ProviderStateStore';
import { systemClock } from '../util/clock';
import { readDiscoveryConfig } from '../config/readProviderConfigs';
import { createProviders } from './createProviders';
import { EvaluationRequest } from './RepositoryEvaluator';

const CATALOG_FILE = 'catalog-info.yaml';
const databases = createTestDatabases();
const postgres = databases.supports('POSTGRES_15');
const title = 'replicas on one PostgreSQL';

const pools: Knex[] = [];

afterEach(async () => {
  await Promise.all(pools.splice(0).map(pool => pool.destroy()));
});

/** Which answer of Bitbucket a replica is kept waiting for, once. */
type Slow = 'file' | 'repository';

/** What keeps an answer back: it is as Bitbucket gave it, however much has changed since. */
function createDelay(fetch: typeof globalThis.fetch) {
  const delay = { of: undefined as Slow | undefined, arrived: () => {}, end: () => {} };
  const delayed: typeof globalThis.fetch = async (...asked) => {
    const answer = await fetch(...asked);
    const [address] = asked;
    const kind = String(address).includes('/browse/') ? 'file' : 'repository';
    if (delay.of === kind) {
      delay.of = undefined;
      await new Promise<void>(resolve => {
        delay.end = resolve;
        delay.arrived();
      });
    }
    return answer;
  };
  return {
    fetch: delayed,
    /** @returns once that answer has come, and is kept back */
    next: (kind: Slow) =>
      new Promise<void>(resolve => {
        delay.of = kind;
        delay.arrived = resolve;
      }),
    end: () => delay.end(),
  };
}

async function createReplicas() {
  const bitbucket = createSimulatedBitbucket({ users: [TEST_USER] });
  for (const slug of ['a', 'b', 'c']) {
    const files = { [CATALOG_FILE]: 'kind: Component' };
    bitbucket.addRepository({ projectKey: 'PAY', slug, files });
  }
  const first = await emptyDatabase(databases, 'POSTGRES_15');
  const second = knexFactory({ ...first.client.config });
  pools.push(second);
  const connection = createRecordingConnection();
  const replicas = [
    await createReplica(first, bitbucket, connection),
    await createReplica(second, bitbucket, connection),
  ] as const;
  await replicas[0].provider.refresh();
  const known = async () => {
    const state = await replicas[1].store.load('default');
    return state?.repositories
      .filter(repository => repository.files.length > 0)
      .map(repository => repository.slug)
      .sort();
  };
  const inCatalog = () =>
    connection.targets().map(target => /\/repos\/([^/]+)\//.exec(target)?.[1]);
  return { bitbucket, replicas, known, inCatalog };
}

async function createReplica(
  knex: Knex,
  bitbucket: SimulatedBitbucket,
  connection: ReturnType<typeof createRecordingConnection>,
) {
  const delay = createDelay(createFetch(bitbucket));
  const store = new ProviderStateStore(new DiscoveryDatabase(asDatabaseService(knex)), {
    clock: systemClock,
    readBaseline: async () => ({ repositories: [], held: [] }),
  });
  const [created] = createProviders(
    readDiscoveryConfig(new ConfigReader(appConfigFor({ bitbucket }))),
    {
      logger: createLogRecorder(),
      store,
      fetch: delay.fetch,
    },
  );
  if (!created) {
    throw new Error('the configuration describes no provider');
  }
  const { context, evaluator, provider } = created;
  await provider.connect(connection);
  const evaluate = (request: EvaluationRequest) =>
    evaluator.evaluate(request, context.clients.createForEvent());
  return { provider, store, evaluate, delay };
}

const at = (slug: string) => ({ projectKey: 'PAY', slug });

(postgres ? describe : describe.skip)(
  postgres ? title : `${title} (SKIPPED: there is none)`,
  () => {
    it.each([
      ['there again', true],
      ['gone', false],
    ])('believe who asked last: the file is %s', async (_, isThere) => {
      const { bitbucket, replicas, known, inCatalog } = await createReplicas();
      const change = (exists: boolean) =>
        exists
          ? bitbucket.writeFile('PAY', 'a', CATALOG_FILE, 'kind: Component')
          : bitbucket.removeFile('PAY', 'a', CATALOG_FILE);
      const [slow, quick] = replicas;
      if (isThere) {
        change(false);
      }
      const isKeptBack = slow.delay.next('file');
      const older = slow.evaluate({ address: at('a') });
      await isKeptBack;

      change(isThere);
      await quick.evaluate({ address: at('a') });
      slow.delay.end();
      await older;

      const expected = isThere ? ['a', 'b', 'c'] : ['b', 'c'];
      expect(inCatalog()).toEqual(expected);
      expect(await known()).toEqual(expected);
    });

    const EVENTS = [
      { address: at('old'), formerAddress: at('a') },
      { address: at('a'), formerAddress: at('b') },
    ] as const;

    it.each(
      ([0, 1] as const).flatMap(event =>
        (['file', 'repository', 'none'] as const).map(kind => [event, kind] as const),
      ),
    )(
      'lose nothing where a becomes old and b becomes a: event %i is handled first, its slow answer is %s',
      async (event, kind) => {
        const { bitbucket, replicas, known, inCatalog } = await createReplicas();
        bitbucket.renameRepository('PAY', 'a', 'old');
        bitbucket.renameRepository('PAY', 'b', 'a');
        const [slow, quick] = replicas;
        const isKeptBack = kind !== 'none' && slow.delay.next(kind);

        const first = slow.evaluate(EVENTS[event]);
        await isKeptBack;
        const other = quick.evaluate(EVENTS[event === 0 ? 1 : 0]);
        if (isKeptBack) {
          await other;
          slow.delay.end();
        }
        await Promise.all([first, other]);

        expect(inCatalog()).toEqual(['a', 'c', 'old']);
        expect(await known()).toEqual(['a', 'c', 'old']);
      },
    );
  },
);
