import knexFactory, { Knex } from 'knex';
import { JsonObject } from '@backstage/types';
import { z } from 'zod';
import {
  createSimulatedBitbucket,
  LoggedRequest,
  serve,
  SimulatedBitbucket,
} from '../dev/simulatedBitbucket';
import { componentYaml } from '../dev/seed';
import { WEBHOOK_SECRET, webhookConfig } from '../src/__testUtils__/backendApi';
import { eventually } from '../src/__testUtils__/eventually';
import { startBackend, TestBackend } from '../src/__testUtils__/startBackend';
import {
  appConfigFor,
  EACH_RUN_CHECKS,
  TEST_USER,
} from '../src/__testUtils__/testProvider';

const VARIABLE = 'BACKSTAGE_TEST_DATABASE_POSTGRES15_CONNECTION_STRING';
const server = process.env[VARIABLE];
const title = 'replicas on one PostgreSQL database';

const OFTEN_SLUGS = ['red', 'green', 'blue'];
const CHECKED_RUNS = 5;
const PUSHED_SLUGS = ['to-first', 'to-second', 'to-bus', 'to-both'];
const MANUAL = { trigger: 'manual' };
const HOUR_MS = 60 * 60_000;

const endings: (() => Promise<unknown>)[] = [];

/** A database of this test run alone. */
async function createDatabase(serverUrl: string): Promise<string> {
  const createKnex = (url: URL) => knexFactory({ client: 'pg', connection: url.href });
  const name = `bitbucket_replicas_${process.pid}_${Date.now()}`;
  const admin = createKnex(new URL('/postgres', serverUrl));
  endings.push(() => admin.destroy());
  await admin.raw('CREATE DATABASE ??', [name]);
  endings.push(() => admin.raw('DROP DATABASE ?? WITH (FORCE)', [name]));
  return new URL(`/${name}`, serverUrl).href;
}

function openDatabase(connection: string): Knex {
  const knex = knexFactory({ client: 'pg', connection, pool: { min: 0, max: 1 } });
  endings.push(() => knex.destroy());
  return knex;
}

/**
 * One provider per project; `often` runs again and again, `one` and `two` only on demand.
 *
 * @param main - more of the provider of that id
 */
function configFor(
  bitbucket: SimulatedBitbucket,
  userName: string,
  main: JsonObject = {},
): JsonObject {
  const { host } = new URL(bitbucket.baseUrl);
  const provider = (projectKey: string, frequency: JsonObject): JsonObject => ({
    host,
    ...EACH_RUN_CHECKS,
    filters: { projectKey: `^${projectKey}$` },
    schedule: { frequency, timeout: { seconds: 6 } },
  });
  const user = bitbucket.addUser({ ...TEST_USER, name: userName });
  const integration = { username: user.name, password: TEST_USER.password };
  return {
    ...appConfigFor({ bitbucket, integration }),
    events: webhookConfig('always'),
    catalog: {
      processingInterval: { seconds: 5 },
      providers: {
        bitbucketServer: {
          often: provider('OFTEN', { seconds: 1 }),
          main: { ...provider('PAY', { hours: 1 }), ...main },
          one: provider('ONE', MANUAL),
          two: provider('TWO', MANUAL),
        },
      },
    },
  };
}

async function serveBitbucket(): Promise<SimulatedBitbucket> {
  const bitbucket = createSimulatedBitbucket({ users: [TEST_USER] });
  const add = (projectKey: string, slug: string, path = 'catalog-info.yaml') => {
    const files = { [path]: componentYaml(slug, 'a service') };
    bitbucket.addRepository({ projectKey, slug, files });
  };
  OFTEN_SLUGS.forEach(slug => add('OFTEN', slug));
  ['api', 'web', 'batch'].forEach(slug => add('PAY', slug));
  [...PUSHED_SLUGS, 'fence', 'lost'].forEach(slug => add('PAY', slug, 'not-yet.yaml'));
  add('ONE', 'first-manual');
  add('TWO', 'second-manual');
  // Two runs at once would take long enough to be seen.
  const effect = { type: 'delay', ms: 30 } as const;
  bitbucket.faults.add({ match: { projectKey: 'OFTEN' }, effect });
  const served = await serve(bitbucket);
  endings.push(() => served.close());
  return bitbucket;
}

const isListingOf = (projectKey: string) => (request: LoggedRequest) =>
  request.path.includes(`/projects/${projectKey}/repos?`);

const isReadOf = (slug: string) => (request: LoggedRequest) =>
  request.path.includes(`/repos/${slug}/raw/`);

/** A request for the repository itself, which only an event causes, never a run. */
const isEvaluationOf = (slug: string) => (request: LoggedRequest) =>
  request.path.endsWith(`/repos/${slug}`);

const isCheck = ({ path }: LoggedRequest) => path.includes('type=true');

/** The requests of each finished run, which begins with its listing. */
function getRuns(bitbucket: SimulatedBitbucket, projectKey: string): LoggedRequest[][] {
  const runs: LoggedRequest[][] = [];
  for (const request of bitbucket.requests) {
    if (isListingOf(projectKey)(request)) {
      runs.push([request]);
    } else if (request.path.includes(`/${projectKey}/`) && isCheck(request)) {
      runs.at(-1)?.push(request);
    }
  }
  return runs.slice(0, -1);
}

const Tasks = z.object({
  tasks: z.array(
    z.object({
      taskId: z.string(),
      taskState: z.object({ status: z.string(), startsAt: z.string().optional() }),
    }),
  ),
});

async function getTask(replica: TestBackend, providerId: string) {
  const response = await replica.send('/api/catalog/.backstage/scheduler/v1/tasks');
  const { tasks } = Tasks.parse(await response.json());
  return tasks.find(
    task => task.taskId === `bitbucketServer-provider:${providerId}:refresh`,
  );
}

async function getUids(replica: TestBackend): Promise<Record<string, string>> {
  const components = await replica.entities('kind=component');
  return Object.fromEntries(
    components.map(({ metadata: { name, uid = 'no uid' } }) => [name, uid]),
  );
}

const UNLOCKED = { current_run_ticket: null, current_run_expires_at: null };

const tasksIn = (knex: Knex) =>
  knex.withSchema('catalog').from('backstage_backend_tasks__tasks');

const toAnchor = (providerId: string) =>
  `location:default/bitbucket-server-${providerId}`;

(server ? describe : describe.skip)(
  server ? title : `${title} (SKIPPED: set ${VARIABLE} or start one at 127.0.0.1:5432)`,
  () => {
    let bitbucket: SimulatedBitbucket;
    let connection: string;
    let first: TestBackend;
    let second: TestBackend;
    let receiver: TestBackend;

    const replicas: TestBackend[] = [];

    const startReplica = async (userName: string, withCatalog = true, main = {}) => {
      const config = configFor(bitbucket, userName, main);
      const replica = await startBackend({
        config,
        database: connection,
        inProcess: false,
        withCatalog,
      });
      endings.push(() => replica.stop());
      replicas.push(replica);
      return replica;
    };

    const pushFile = (slug: string) => {
      const change = bitbucket.writeFile(
        'PAY',
        slug,
        'catalog-info.yaml',
        componentYaml(slug, 'pushed'),
      );
      return bitbucket.webhook(
        'repo:refs_changed',
        { projectKey: 'PAY', slug, changes: [change] },
        { secret: WEBHOOK_SECRET },
      );
    };

    const count = (matches: (request: LoggedRequest) => boolean) =>
      bitbucket.requests.filter(matches).length;

    const evaluations = () =>
      [...PUSHED_SLUGS, 'fence'].map(slug => count(isEvaluationOf(slug)));

    beforeAll(async () => {
      bitbucket = await serveBitbucket();
      connection = await createDatabase(server ?? '');
      first = await startReplica('first-replica');
      [second, receiver] = await Promise.all([
        startReplica('second-replica'),
        startReplica('no-replica', false),
      ]);
    });

    afterAll(async () => {
      for (const end of endings.splice(0).reverse()) {
        await end();
      }
    });

    it('run the task of a provider one at a time, whichever of them does', async () => {
      for (const replica of [first, second]) {
        expect(await getTask(replica, 'often')).toBeDefined();
      }
      bitbucket.clearRequests();

      await eventually(async () =>
        expect(count(isListingOf('OFTEN'))).toBeGreaterThan(CHECKED_RUNS),
      );

      const runs = getRuns(bitbucket, 'OFTEN').slice(1);
      expect(runs.length).toBeGreaterThanOrEqual(CHECKED_RUNS - 1);
      for (const [listing, ...checks] of runs) {
        expect(checks).toHaveLength(OFTEN_SLUGS.length);
        expect(new Set(checks.map(request => request.user))).toEqual(
          new Set([listing?.user]),
        );
      }
    });

    it('show the same catalog', async () => {
      await first.component('api');
      await first.component('blue');

      const seen = await Promise.all(
        [first, second].map(replica => replica.entities('kind=component,kind=location')),
      );

      expect(seen[1]).toEqual(seen[0]);
      expect(await getUids(second)).toEqual(await getUids(first));
    });

    it('evaluate a webhook once, whichever receives it, also one without a catalog', async () => {
      expect(await first.deliver(pushFile('to-first'))).toBe(202);
      expect(await second.deliver(pushFile('to-second'))).toBe(202);
      expect(await receiver.deliver(pushFile('to-bus'))).toBe(202);
      const twice = pushFile('to-both');
      expect(await first.deliver(twice)).toBe(202);
      expect(await second.deliver(twice)).toBe(202);
      await Promise.all(PUSHED_SLUGS.map(slug => second.component(slug)));

      // Whatever came before it on the bus has been worked on when this one is.
      expect(await receiver.deliver(pushFile('fence'))).toBe(202);
      await first.component('fence');

      expect(evaluations()).toEqual([1, 1, 1, 1, 1]);
    });

    it('start one run for a refresh of the anchor, whichever replica receives it', async () => {
      expect(count(isListingOf('ONE')) + count(isListingOf('TWO'))).toBe(0);
      expect(await first.refresh(toAnchor('one'))).toBe(200);
      expect(await second.refresh(toAnchor('two'))).toBe(200);

      await second.component('first-manual');
      await first.component('second-manual');

      for (const id of ['one', 'two']) {
        await eventually(async () =>
          expect((await getTask(first, id))?.taskState).toEqual({ status: 'idle' }),
        );
      }
      expect([count(isListingOf('ONE')), count(isListingOf('TWO'))]).toEqual([1, 1]);
    });

    /** Which of both has sent a request of a kind: the one with an index, or the latest. */
    const getSender = (matches: (request: LoggedRequest) => boolean, index = -1) =>
      bitbucket.requests.filter(matches).at(index)?.user === 'first-replica'
        ? { sender: first, other: second, name: 'first-replica' }
        : { sender: second, other: first, name: 'second-replica' };

    it('show the file that a replica was reading when it was killed, and find with the next run the change whose event had reached it', async () => {
      const before = await getUids(second);
      const readsBefore = count(isReadOf('api'));
      const slow = bitbucket.faults.add({
        match: { kind: 'raw', repositorySlug: 'api' },
        times: 1,
        effect: { type: 'slow-body', ms: HOUR_MS },
      });
      expect(await first.deliver(pushFile('api'))).toBe(202);
      await eventually(async () => expect(slow.hits).toBe(1));
      const {
        sender: killed,
        other: survivor,
        name,
      } = getSender(isReadOf('api'), readsBefore);
      // However late it is killed, no event tells a replica about this repository.
      const unanswered = bitbucket.faults.add({
        match: { kind: 'repository', repositorySlug: 'lost' },
        effect: 'hang',
      });
      expect(await killed.deliver(pushFile('lost'))).toBe(202);
      await killed.stop();
      expect(await survivor.entities('kind=component,metadata.name=lost')).toEqual([]);

      // Once the interval is over after which the file is processed again.
      await eventually(async () => {
        const { metadata } = await survivor.component('api');
        expect(metadata.description).toBe('pushed');
      });
      expect(await survivor.refresh(toAnchor('main'))).toBe(200);
      await survivor.component('lost');
      unanswered.remove();
      expect(await getUids(survivor)).toMatchObject(before);

      const successor = await startReplica(name);
      [first, second] = killed === first ? [successor, survivor] : [survivor, successor];
    });

    it('finish the run in which one of them was killed, and remove nothing', async () => {
      const before = await getUids(second);
      const hang = bitbucket.faults.add({
        match: { kind: 'file-check', projectKey: 'PAY' },
        after: 2,
        effect: 'hang',
      });
      expect(await second.refresh(toAnchor('main'))).toBe(200);
      await eventually(async () => expect(hang.hits).toBeGreaterThan(0));
      const { sender: killed, other: survivor } = getSender(isListingOf('PAY'));

      await killed.stop();
      hang.remove();
      const files = { 'catalog-info.yaml': componentYaml('since-then', 'a service') };
      bitbucket.addRepository({ projectKey: 'PAY', slug: 'since-then', files });

      expect(await getUids(survivor)).toEqual(before);
      // As each scheduler does once a minute, free the lock that the dead one has held too long.
      const tasks = openDatabase(connection);
      await eventually(async () =>
        expect(
          await tasksIn(tasks)
            .where('id', 'bitbucketServer-provider:main:refresh')
            .andWhere('current_run_expires_at', '<', tasks.fn.now())
            .update(UNLOCKED),
        ).toBe(1),
      );
      await survivor.component('since-then');
      expect(await getUids(survivor)).toMatchObject(before);
    });

    it('check nothing twice for one webhook, not even later', () => {
      expect(evaluations()).toEqual([1, 1, 1, 1, 1]);
    });

    it('share one run when they start together with another configuration', async () => {
      await Promise.all(replicas.map(replica => replica.stop()));
      // A replica that stops during a run may leave its lock, which is released later.
      await tasksIn(openDatabase(connection)).update(UNLOCKED);
      bitbucket.clearRequests();

      const main = { maxFilesPerRepository: 7 };
      await Promise.all(
        ['third', 'fourth'].map(name => startReplica(`${name}-replica`, true, main)),
      );
      await eventually(async () => expect(count(isListingOf('PAY'))).toBe(1));

      // By then, a replica that found that run in progress has checked again.
      const before = count(isListingOf('OFTEN'));
      await eventually(async () =>
        expect(count(isListingOf('OFTEN')) - before).toBeGreaterThan(CHECKED_RUNS),
      );
      expect(count(isListingOf('PAY'))).toBe(1);
    });
  },
);
