/** Providers with credentials of their own, and tokens that may see no more than a project. */

import { JsonObject } from '@backstage/types';
import {
  createSimulatedBitbucket,
  SimulatedBitbucketOptions,
} from '../../dev/simulatedBitbucket';
import { FakeClock } from '../__testUtils__/FakeClock';
import { createRecordingConnection } from '../__testUtils__/recordingConnection';
import { countRequests } from '../__testUtils__/simulatedSource';
import {
  connectTestProvider,
  createTestProviders,
  EACH_RUN_CHECKS,
  TEST_USER,
} from '../__testUtils__/testProvider';

const PAY_TOKEN = 'BBDC-pay-project-token';
const OPS_TOKEN = 'BBDC-ops-project-token';
const SECRETS = [PAY_TOKEN, OPS_TOKEN, TEST_USER.password];

const PAY_USER = { name: 'access-token-user/1/7', token: PAY_TOKEN, projects: ['PAY'] };
const OPS_USER = { name: 'access-token-user/1/8', token: OPS_TOKEN, projects: ['OPS'] };

const toTarget = (at: string) => {
  const [key, slug] = at.split('/');
  return `http://bitbucket.test/projects/${key}/repos/${slug}/browse/catalog-info.yaml`;
};

function createServer(options: SimulatedBitbucketOptions = {}) {
  const bitbucket = createSimulatedBitbucket({
    users: [TEST_USER, PAY_USER, OPS_USER],
    ...options,
  });
  for (const at of ['PAY/api', 'PAY/web', 'OPS/db']) {
    const [projectKey = '', slug = ''] = at.split('/');
    const files = { 'catalog-info.yaml': 'kind: Component' };
    bitbucket.addRepository({ projectKey, slug, files, labels: ['service'] });
  }
  return bitbucket;
}

/** Whether the catalog can log in is asked with what the catalog reads with. */
const withoutAccessCheck = ({ requests }: ReturnType<typeof createServer>) =>
  requests.filter(({ path }) => !path.endsWith('/application-properties'));

const getUsers = (bitbucket: ReturnType<typeof createServer>) => [
  ...new Set(withoutAccessCheck(bitbucket).map(({ user }) => user)),
];

describe('a provider with a token of a project', () => {
  const config = { token: PAY_TOKEN, filters: { projectKey: '^PAY$' } };

  it.each<[string, JsonObject, JsonObject | undefined]>([
    ['its own', config, undefined],
    [
      'that of the integration',
      { filters: { projectKey: '^PAY$' } },
      { token: PAY_TOKEN },
    ],
  ])('finds the files of the project with %s', async (_, keys, integration) => {
    const bitbucket = createServer();
    const provider = await connectTestProvider({ bitbucket, config: keys, integration });
    await provider.run();
    expect(provider.connection.targets()).toEqual(['PAY/api', 'PAY/web'].map(toTarget));
    expect(getUsers(bitbucket)).toEqual([PAY_USER.name]);
    const { repositories, projects, ...rest } = countRequests(bitbucket);
    expect([repositories, projects]).toEqual([undefined, undefined]);
    expect(rest).toMatchObject({ 'project-repositories': 1, 'file-check': 2 });
    expect(rest).not.toHaveProperty('authentication-check');
  });

  it('finds the files of the project if Bitbucket does not name the user of the token', async () => {
    const bitbucket = createServer({
      users: [{ ...PAY_USER, nameless: true }],
      anonymousAccess: true,
    });
    const provider = await connectTestProvider({ bitbucket, config });
    await provider.run();
    expect(provider.connection.targets()).toEqual(['PAY/api', 'PAY/web'].map(toTarget));
  });

  it('filters by label', async () => {
    const bitbucket = createServer();
    bitbucket.setLabels('PAY', 'web', []);
    const filters = { projectKey: '^PAY$', labels: ['service'] };
    const provider = await connectTestProvider({
      bitbucket,
      config: { ...config, filters },
    });
    await provider.run();
    expect(provider.connection.targets()).toEqual([toTarget('PAY/api')]);
  });

  it('leaves a project that the token may not read unknown, and finds the files of the other one', async () => {
    const bitbucket = createServer();
    const filters = { projectKey: '^(OPS|PAY)$' };
    const provider = await connectTestProvider({
      bitbucket,
      config: { token: PAY_TOKEN, filters },
    });
    await provider.run();
    expect(provider.connection.targets()).toEqual(['PAY/api', 'PAY/web'].map(toTarget));
  });

  it('fails and removes nothing if no filter names the projects', async () => {
    const bitbucket = createServer();
    const provider = await connectTestProvider({ bitbucket, config });
    await provider.run();
    const { clock, store, connection } = provider;
    const wider = await connectTestProvider({
      ...{ bitbucket, clock, store, connection },
      config: { token: PAY_TOKEN, filters: { projectKey: 'PAY' } },
    });
    await expect(wider.run()).rejects.toThrow('not permitted');
    expect(connection.targets()).toEqual(['PAY/api', 'PAY/web'].map(toTarget));
  });
});

describe('credentials of a provider', () => {
  it.each<[string, JsonObject, JsonObject, string]>([
    [
      'a user instead of the token of the integration',
      { username: TEST_USER.name, password: TEST_USER.password },
      { token: 'BBDC-of-nobody' },
      TEST_USER.name,
    ],
    [
      'a token instead of the user of the integration',
      { token: PAY_TOKEN },
      { username: 'nobody', password: 'BBDC-of-nobody' },
      PAY_USER.name,
    ],
  ])('replace all others: %s', async (_, own, integration, user) => {
    const bitbucket = createServer();
    const config = { ...own, filters: { projectKey: '^PAY$' } };
    await (await connectTestProvider({ bitbucket, config, integration })).run();
    expect(getUsers(bitbucket)).toEqual([user]);
  });

  it('are named by their own key, and never revealed, if they do not work', async () => {
    const bitbucket = createServer({
      users: [TEST_USER, { ...PAY_USER, expired: true }],
    });
    const config = { token: PAY_TOKEN, filters: { projectKey: '^PAY$' } };
    const provider = await connectTestProvider({ bitbucket, config });
    await expect(provider.run()).rejects.toThrow(
      /rejected the configured credentials.*catalog\.providers\.bitbucketServer, provider default/,
    );
    expect(withoutAccessCheck(bitbucket)).toHaveLength(1);
    expect(provider.logger.text()).not.toContain(PAY_TOKEN);
  });

  it.each<[string, JsonObject, RegExp]>([
    [
      'has no credentials',
      {},
      /reads the files that are found with the credentials of integrations\.bitbucketServer, host bitbucket\.test, .*none are configured there.*only what is public/,
    ],
    [
      'has wrong credentials',
      { username: 'nobody', password: 'BBDC-of-nobody' },
      /not with those of the provider, and they do not work\. Bitbucket rejected.*\(integrations\.bitbucketServer, host bitbucket\.test\)/,
    ],
  ])(
    'lead to one warning in the first run if the integration, which the catalog reads with, %s',
    async (_, integration, warning) => {
      const bitbucket = createServer();
      const config = { token: PAY_TOKEN, filters: { projectKey: '^PAY$' } };
      const provider = await connectTestProvider({ bitbucket, config, integration });
      await provider.run();
      await provider.run();

      const warnings = provider.logger.messages('warn');
      expect(warnings.filter(message => warning.test(message))).toHaveLength(1);
      expect(provider.connection.targets()).toEqual(['PAY/api', 'PAY/web'].map(toTarget));
      expect(provider.logger.text()).not.toContain('BBDC-of-nobody');
    },
  );

  it('lead to no warning if the integration can log in, or the server does not answer', async () => {
    const bitbucket = createServer();
    const config = { token: PAY_TOKEN, filters: { projectKey: '^PAY$' } };
    const works = await connectTestProvider({ bitbucket, config });
    await works.run();
    bitbucket.faults.add({
      match: { kind: 'application-properties' },
      effect: { type: 'status', status: 500 },
    });
    const fails = await connectTestProvider({ bitbucket, config });
    await fails.run();

    expect([...works.logger.messages('warn'), ...fails.logger.messages('warn')]).toEqual(
      [],
    );
  });

  it('keep the backend from starting if incomplete, since Bitbucket would answer as to an anonymous user', async () => {
    const bitbucket = createServer({ anonymousAccess: true });
    const started = connectTestProvider({ bitbucket, integration: { username: 'bot' } });
    await expect(started).rejects.toThrow(
      /integrations\.bitbucketServer\[0\]\.password is missing/,
    );
  });

  it('are reported at the start if none are configured', async () => {
    const bitbucket = createServer({ anonymousAccess: true });
    const { logger } = await connectTestProvider({ bitbucket, integration: {} });
    expect(logger.messages('warn')).toEqual([
      expect.stringContaining('integrations.bitbucketServer[0] has no credentials'),
    ]);
  });

  it('are named as missing by a run that needs them', async () => {
    const provider = await connectTestProvider({
      bitbucket: createServer(),
      integration: {},
    });
    await expect(provider.run()).rejects.toThrow(
      /No credentials are configured \(integrations\.bitbucketServer, host bitbucket\.test\)/,
    );
  });

  it('of the integration are named by the key of the integration', async () => {
    const bitbucket = createServer({ users: [] });
    const provider = await connectTestProvider({ bitbucket });
    await expect(provider.run()).rejects.toThrow(
      'integrations.bitbucketServer, host bitbucket.test',
    );
  });

  it.each([
    ['plain', PAY_TOKEN],
    ['in base64', Buffer.from(PAY_TOKEN).toString('base64')],
  ])('are removed from answers that echo them: %s', async (_, echo) => {
    const bitbucket = createServer();
    bitbucket.faults.add({
      effect: { type: 'status', status: 400, message: `you sent ${echo}` },
    });
    const config = { token: PAY_TOKEN, filters: { projectKey: '^PAY$' } };
    const provider = await connectTestProvider({ bitbucket, config });
    const error = await provider.run().catch(String);
    expect(error).toContain('you sent [redacted]');
    expect(`${error}${provider.logger.text()}`).not.toContain(echo);
  });
});

describe('credentials that Bitbucket suddenly treats as an anonymous user', () => {
  const GONE = 'com.atlassian.bitbucket.repository.NoSuchRepositoryException';
  const ALL = ['OPS/db', 'PAY/api', 'PAY/web'].map(toTarget);

  /** Once discovered; then the token expires, and anonymous users get a 404 for what is private. */
  async function discoverThenExpire(config: JsonObject = {}) {
    const users = [TEST_USER, { ...PAY_USER, projects: undefined }];
    const bitbucket = createServer({
      users,
      anonymousAccess: true,
      invalidTokens: 'anonymous',
    });
    bitbucket.addRepository({ projectKey: 'OPEN', slug: 'public', public: true });
    const integration = { token: PAY_TOKEN };
    const provider = await connectTestProvider({ bitbucket, config, integration });
    await provider.run();
    expect([...provider.connection.targets()].sort()).toEqual(ALL);
    bitbucket.getUser(PAY_USER.name).expired = true;
    bitbucket.faults.add({
      match: ({ path }) => /\/projects\/(PAY|OPS)/.test(path),
      effect: { type: 'status', status: 404, exceptionName: GONE },
    });
    return provider;
  }

  it.each<[string, JsonObject]>([
    ['the listing of all repositories', {}],
    ['listings of single projects', { filters: { projectKey: '^(PAY|OPS|OPEN)$' } }],
  ])('remove nothing in a run that reads %s', async (_, config) => {
    const provider = await discoverThenExpire(config);
    await expect(provider.run()).rejects.toThrow('treats the configured credentials');
    expect([...provider.connection.targets()].sort()).toEqual(ALL);
  });

  it('remove nothing with an event', async () => {
    const { clock, connection, context, evaluator } = await discoverThenExpire();
    const client = context.clients.createForEvent();
    const address = { projectKey: 'PAY', slug: 'api' };
    expect(await clock.run(evaluator.evaluate({ address }, client))).toMatchObject({
      kind: 'unknown',
      problem: { reason: 'not-permitted' },
    });
    expect([...connection.targets()].sort()).toEqual(ALL);
  });
});

describe('credentials that are removed from the configuration', () => {
  const GONE = 'com.atlassian.bitbucket.repository.NoSuchRepositoryException';
  const PRIVATE = ['OPS/db', 'PAY/api', 'PAY/web'].map(toTarget);

  /** Once discovered with credentials; anonymous users get a 404 for what is private. */
  async function discoverThenForget() {
    const bitbucket = createServer({ anonymousAccess: true });
    for (let index = 0; index < 10; index += 1) {
      const files = { 'catalog-info.yaml': 'kind: Component' };
      const slug = `public-${index}`;
      bitbucket.addRepository({ projectKey: 'OPEN', slug, files, public: true });
    }
    const first = await connectTestProvider({ bitbucket, config: EACH_RUN_CHECKS });
    await first.run();
    expect(first.connection.targets()).toHaveLength(13);
    bitbucket.faults.add({
      match: ({ path }) => /\/projects\/(PAY|OPS)/.test(path),
      effect: { type: 'status', status: 404, exceptionName: GONE },
    });
    const { clock, connection, store } = first;
    const config = EACH_RUN_CHECKS;
    const without = { bitbucket, clock, connection, store, config, integration: {} };
    return { ...(await connectTestProvider(without)), without };
  }

  it('remove nothing in a run without approval, however long runs confirm it', async () => {
    const { run, clock, connection, logger, provider } = await discoverThenForget();
    for (let time = 0; time < 3; time += 1) {
      await run();
      expect(connection.targets()).toEqual(expect.arrayContaining(PRIVATE));
      await clock.advance(48 * 3_600_000);
    }
    expect(logger.messages('warn')).toContainEqual(
      expect.stringMatching(
        /held back: 3 of 13 Locations would be removed; no credentials are configured, although earlier runs had some, so nothing is removed without approval/,
      ),
    );
    expect(await clock.run(provider.approveRemovals())).toBe(3);
    expect(connection.targets()).toHaveLength(10);
  });

  it('remove nothing with an event', async () => {
    const { clock, connection, context, evaluator } = await discoverThenForget();
    const client = context.clients.createForEvent();
    const address = { projectKey: 'PAY', slug: 'api' };
    await clock.run(evaluator.evaluate({ address }, client));
    expect(connection.targets()).toHaveLength(13);
  });

  it('are no longer missed once nothing is lost without them', async () => {
    const { run, connection, provider, clock, without } = await discoverThenForget();
    await run();
    await clock.run(provider.approveRemovals());
    await run();
    without.bitbucket.removeFile('OPEN', 'public-0', 'catalog-info.yaml');
    await run();
    expect(connection.targets()).toHaveLength(9);
  });

  it('restore everything once they are configured again', async () => {
    const { run, connection, without } = await discoverThenForget();
    await run();
    const { bitbucket, integration: _, ...others } = without;
    bitbucket.faults.clear();
    const again = await connectTestProvider({ bitbucket, ...others });
    await again.run();
    expect(connection.targets()).toHaveLength(13);
    const discovery = await again.reports.loadHeldRemovals('default');
    expect(discovery).toEqual([]);
  });
});

describe('several providers on one host', () => {
  async function createSeveral(bitbucketServer: JsonObject, rateLimited = false) {
    const clock = new FakeClock();
    const bitbucket = createServer({
      clock,
      ...(rateLimited && { rateLimit: { capacity: 60, fillRate: 5 } }),
    });
    const { created, logger } = await createTestProviders(
      bitbucket,
      clock,
      bitbucketServer,
    );
    return { bitbucket, clock, logger, created };
  }

  const host = 'bitbucket.test';
  const pay = { host, token: PAY_TOKEN, filters: { projectKey: '^PAY$' } };
  const ops = { host, token: OPS_TOKEN, filters: { projectKey: '^OPS$' } };

  it('each use their own credentials, and the last one those of the integration', async () => {
    const { bitbucket, clock, logger, created } = await createSeveral({
      pay,
      ops,
      all: { host, catalogPath: 'README.md' },
    });
    const asked: unknown[] = [];
    for (const { provider } of created) {
      bitbucket.clearRequests();
      await provider.connect(createRecordingConnection());
      await clock.run(provider.refresh());
      asked.push(getUsers(bitbucket));
    }
    expect(asked).toEqual([[PAY_USER.name], [OPS_USER.name], [TEST_USER.name]]);
    SECRETS.forEach(secret => expect(logger.text()).not.toContain(secret));
  });

  it('have separate limits: the rate of one does not limit another', async () => {
    const slow = { requestsPerSecond: 1, burst: 1 };
    const apart = await createSeveral({ pay: { ...pay, rateLimit: slow }, ops });
    expect(apart.logger.messages('warn')).toEqual([]);
    const together = await createSeveral({
      pay: { ...pay, rateLimit: slow },
      ops: { ...ops, token: PAY_TOKEN },
    });
    expect(together.logger.messages('warn')).toEqual([
      expect.stringContaining('share the rate limit of bitbucket.test'),
    ]);
  });

  it('each read the budget of their own account', async () => {
    const { bitbucket, clock, created } = await createSeveral({ pay, ops }, true);
    await clock.run(
      Promise.all(
        created.map(async ({ provider }) => {
          await provider.connect(createRecordingConnection());
          await provider.refresh();
        }),
      ),
    );
    const settings = bitbucket.requests.filter(({ path }) =>
      path.endsWith('/admin/rate-limit/settings'),
    );
    expect(settings.map(({ user }) => user).sort()).toEqual([
      PAY_USER.name,
      OPS_USER.name,
    ]);
  });
});
