import { http } from 'msw';
import { setupServer } from 'msw/node';
import {
  createSimulatedBitbucket,
  FaultOptions,
  SimulatedBitbucketOptions,
} from '../../dev/simulatedBitbucket';
import { createSimulatedClient, SignIn } from '../__testUtils__/simulatedClient';

type Effect = FaultOptions['effect'];

const PASSWORD = 'Tr0ub4dor "secret" & more';
const TOKEN = 'BBDC-s3cret/token+1';
const BASIC: SignIn = { username: 'bot', password: PASSWORD };
const API = { projectKey: 'PAY', slug: 'api' };

function createServer(options: SimulatedBitbucketOptions = {}) {
  const bitbucket = createSimulatedBitbucket({
    users: [{ name: 'bot', password: PASSWORD, token: TOKEN }],
    ...options,
  });
  bitbucket.addRepository({ ...API, files: { 'catalog-info.yaml': '' } });
  return bitbucket;
}

function connect(signIn: SignIn = BASIC, options: SimulatedBitbucketOptions = {}) {
  const bitbucket = createServer(options);
  return { bitbucket, ...createSimulatedClient({ bitbucket, signIn }) };
}

describe('getRepository', () => {
  it.each([
    ['by its address', API],
    ['regardless of upper and lower case', { projectKey: 'pay', slug: 'API' }],
  ])('finds a repository %s', async (_name, address) => {
    const { bitbucket, ask, attempts } = connect();
    const { id } = bitbucket.getRepository('PAY', 'api');
    expect(await ask(client => client.getRepository(address))).toMatchObject({
      kind: 'found',
      repository: { id, projectKey: 'PAY', slug: 'api' },
    });
    expect(attempts.map(({ kind }) => kind)).toEqual(['repository']);
  });

  it('returns the new address of a renamed repository when the old one still answers', async () => {
    const { bitbucket, ask } = connect();
    const { id } = bitbucket.renameRepository('PAY', 'api', 'payments');
    const body = JSON.stringify(bitbucket.repositoryJson('PAY', 'payments'));
    bitbucket.faults.add({ effect: { type: 'status', status: 200, body } });
    expect(await ask(client => client.getRepository(API))).toMatchObject({
      repository: { id, projectKey: 'PAY', slug: 'payments' },
    });
  });

  it('returns the new address of a moved repository when the old one redirects', async () => {
    const { bitbucket, ask } = connect();
    const { id } = bitbucket.moveRepository('PAY', 'api', 'OPS');
    const to = `${bitbucket.apiBaseUrl}/projects/OPS/repos/api`;
    bitbucket.faults.add({ times: 1, effect: { type: 'redirect', to } });
    expect(await ask(client => client.getRepository(API))).toMatchObject({
      repository: { id, projectKey: 'OPS', slug: 'api' },
    });
  });

  it.each([
    ['a deleted repository', { projectKey: 'PAY', slug: 'no' }],
    ['a deleted project', { projectKey: 'NO', slug: 'api' }],
  ])('proves that %s is gone', async (_name, address) => {
    const { ask } = connect();
    expect(await ask(client => client.getRepository(address))).toEqual({ kind: 'gone' });
  });

  it.each<[string, Effect, string, number]>([
    ['a lost permission', 'lost-permission', 'not-permitted', 1],
    ['403', { type: 'status', status: 403 }, 'not-permitted', 1],
    ['404 in XML', 'xml-404', 'unexpected-answer', 1],
    [
      '404 in the JSON of a proxy',
      { type: 'status', status: 404, body: '{"message":"no"}' },
      'unexpected-answer',
      1,
    ],
    ['a login page', 'login-page', 'unexpected-answer', 1],
    ['a truncated answer', 'truncated-json', 'unexpected-answer', 1],
    [
      'JSON that is not a repository',
      { type: 'body', body: '{"id":"1"}' },
      'unexpected-answer',
      1,
    ],
    ['429 at every attempt', { type: 'status', status: 429 }, 'rate-limited', 6],
    ['500', { type: 'status', status: 500 }, 'server-error', 2],
    ['503', { type: 'status', status: 503 }, 'server-error', 4],
    ['a reset', 'reset', 'server-error', 4],
    ['no answer', 'hang', 'timeout', 4],
  ])('returns unknown after %s', async (_name, effect, reason, count) => {
    const { bitbucket, ask, attempts } = connect();
    bitbucket.faults.add({ effect });
    expect(await ask(client => client.getRepository(API))).toEqual({
      kind: 'unknown',
      problem: { reason, detail: expect.any(String) },
      // Only Bitbucket's own exception counts as a refusal.
      ...(effect === 'lost-permission' && { isRefusal: true }),
      ...(effect === 'hang' && { isTooMuch: true }),
    });
    expect(attempts).toHaveLength(count);
  });

  it.each([200, 401, 403, 429, 500])(
    'does not believe "gone" with status %d',
    async status => {
      const { bitbucket, ask } = connect();
      const exceptionName =
        'com.atlassian.bitbucket.repository.NoSuchRepositoryException';
      bitbucket.faults.add({ effect: { type: 'status', status, exceptionName } });
      expect(await ask(client => client.getRepository(API))).toMatchObject({
        kind: 'unknown',
      });
    },
  );
});

describe('fileUrl', () => {
  it('extends the self link of the listing without a request', async () => {
    const { client, list, asked } = connect(BASIC, {
      baseUrl: 'http://localhost:7990/bitbucket',
    });
    const [step] = await list(restClient => restClient.listRepositories());
    const [repository] = step?.kind === 'items' ? step.items : [];
    expect(repository && client.fileUrl(repository, 'catalog-info.yaml', 'main')).toBe(
      'http://localhost:7990/bitbucket/projects/PAY/repos/api/browse/catalog-info.yaml?at=main',
    );
    expect(asked()).toHaveLength(1);
  });
});

describe('secrets', () => {
  const SECRETS = [
    PASSWORD,
    encodeURIComponent(PASSWORD),
    TOKEN,
    encodeURIComponent(TOKEN),
    Buffer.from(`bot:${PASSWORD}`).toString('base64'),
  ];
  const echo = `You sent ${SECRETS.join(' and ')}`;
  const ECHOES: [string, Effect][] = [
    [
      'the message of a 401',
      { type: 'status', status: 401, message: echo, headers: { 'X-AUSERNAME': 'bot' } },
    ],
    ['the message of a 404', { type: 'status', status: 404, message: echo }],
    ['the message of a 429', { type: 'status', status: 429, message: echo }],
    ['the message of a 500', { type: 'status', status: 500, message: echo }],
    ['an exception name', { type: 'status', status: 400, exceptionName: `com.${echo}` }],
    ['an error page', { type: 'html', status: 502, body: `<html>${echo}</html>` }],
    [
      'a page with status 200',
      { type: 'html', status: 200, body: `<html>${echo}</html>` },
    ],
    ['an error body with status 200', { type: 'status', status: 200, message: echo }],
    [
      'a redirect',
      {
        type: 'redirect',
        to: `https://sso.example.com/${encodeURIComponent(TOKEN)}?p=${encodeURIComponent(PASSWORD)}`,
      },
    ],
  ];

  it.each(ECHOES)('that a server echoes in %s reach no answer', async (_name, effect) => {
    for (const signIn of [BASIC, { token: TOKEN }]) {
      const { bitbucket, ask, list } = connect(signIn);
      bitbucket.faults.add({ effect });
      const answers = JSON.stringify([
        await list(client => client.listRepositories()),
        await ask(client => client.getRepository(API)),
        await ask(client => client.findFile(API, 'x')),
        await ask(client => client.listFiles(API)),
      ]);
      const own =
        signIn === BASIC
          ? SECRETS.filter(secret => !secret.includes('BBDC'))
          : SECRETS.filter(secret => secret.includes('BBDC'));
      for (const secret of own) {
        expect(answers).not.toContain(secret);
        expect(answers).not.toContain(JSON.stringify(secret).slice(1, -1));
      }
    }
  });

  it('that a server echoes reach no error about credentials', async () => {
    const { bitbucket, ask } = connect();
    const exceptionName =
      'com.atlassian.bitbucket.auth.IncorrectPasswordAuthenticationException';
    bitbucket.faults.add({
      effect: { type: 'status', status: 401, message: echo, exceptionName },
    });
    const error: unknown = await ask(client => client.getRepository(API)).catch(
      (thrown: unknown) => thrown,
    );
    expect(String(error)).toContain('rejected the configured credentials');
    expect(String(error)).not.toContain(PASSWORD);
  });

  it('are in no requested URL', async () => {
    const { bitbucket, ask, list } = connect();
    await list(client => client.listRepositories());
    await ask(client => client.listFiles(API));
    const paths = bitbucket.requests.map(({ path }) => path).join();
    expect(SECRETS.filter(secret => paths.includes(secret))).toEqual([]);
  });
});

describe('on the network, as msw intercepts it', () => {
  const bitbucket = createServer({ baseUrl: 'https://bitbucket.test:8443/bitbucket' });
  const server = setupServer(
    http.all('https://bitbucket.test:8443/*', ({ request }) => bitbucket.handle(request)),
  );
  beforeAll(() => server.listen({ onUnhandledRequest: 'error' }));
  afterEach(() => bitbucket.faults.clear());
  afterAll(() => server.close());

  /** msw answers a little later than the fake clock waits, so this runs on real time; nothing here waits. */
  const { client } = createSimulatedClient({
    bitbucket,
    signIn: BASIC,
    throughGlobalFetch: true,
  });

  it('finds repositories and files below a context path', async () => {
    const step = await client.listRepositories().next();
    expect(step.value).toMatchObject({
      items: [
        {
          selfUrl: 'https://bitbucket.test:8443/bitbucket/projects/PAY/repos/api/browse',
        },
      ],
    });
    expect(await client.findFile(API, 'catalog-info.yaml')).toEqual({
      kind: 'found',
      value: true,
    });
    expect(await client.findFile(API, 'no')).toEqual({
      kind: 'absent',
      reason: 'no-catalog-file',
    });
    expect(await client.listFiles(API)).toEqual({
      kind: 'found',
      value: ['catalog-info.yaml'],
    });
    expect(await client.getRepository({ ...API, slug: 'no' })).toEqual({ kind: 'gone' });
    expect(await client.readRateLimitBudget()).toMatchObject({ enabled: false });
  });

  it('returns unknown where the configuration lacks the context path', async () => {
    const astray = createSimulatedClient({
      bitbucket,
      signIn: BASIC,
      throughGlobalFetch: true,
      apiBaseUrl: 'https://bitbucket.test:8443/rest/api/1.0',
    });
    expect(await astray.client.findFile(API, 'catalog-info.yaml')).toMatchObject({
      kind: 'unknown',
      problem: { reason: 'unexpected-answer', detail: expect.stringContaining('404') },
    });
    expect(await astray.client.getRepository(API)).toMatchObject({ kind: 'unknown' });
  });

  it('does not follow a redirect to another host', async () => {
    bitbucket.faults.add({
      effect: { type: 'redirect', to: 'https://sso.example.com/login' },
    });
    expect(await client.findFile(API, 'x')).toMatchObject({
      kind: 'unknown',
      problem: {
        detail: expect.stringContaining('a redirect to https://sso.example.com'),
      },
    });
  });

  it('ends a request that hangs when it is aborted', async () => {
    bitbucket.faults.add({ effect: 'hang' });
    const controller = new AbortController();
    const answer = client.getRepository(API, { signal: controller.signal });
    const outcome = expect(answer).rejects.toThrow('shutting down');
    controller.abort(new Error('shutting down'));
    await outcome;
  });
});
