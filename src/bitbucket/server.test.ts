import {
  createSimulatedBitbucket,
  FaultOptions,
  RateLimitOptions,
  UserOptions,
} from '../../dev/simulatedBitbucket';
import { createSimulatedClient } from '../__testUtils__/simulatedClient';

const SETTINGS = '/admin/rate-limit/settings';
const LIMIT = { capacity: 60, fillRate: 5 };

function connect(
  options: {
    rateLimit?: RateLimitOptions;
    user?: Partial<UserOptions>;
    userHeaders?: boolean;
  } = {},
) {
  const user = { name: 'bot', token: 'BBDC-s3cret', ...options.user };
  const bitbucket = createSimulatedBitbucket({ ...options, users: [user] });
  const signIn = { token: user.token };
  return { bitbucket, ...createSimulatedClient({ bitbucket, signIn }) };
}

describe('the rate limit budget', () => {
  it('is the default bucket, with two requests', async () => {
    const { ask, asked, attempts } = connect({ rateLimit: LIMIT });
    expect(await ask(client => client.readRateLimitBudget())).toEqual({
      enabled: true,
      ...LIMIT,
    });
    expect(asked()).toEqual([SETTINGS, `${SETTINGS}/users/bot`]);
    expect(attempts.map(({ kind }) => kind)).toEqual(
      Array(2).fill('rate-limit-settings'),
    );
  });

  it('is the bucket of the user where one is set', async () => {
    const own = { capacity: 600, fillRate: 50 };
    const { ask } = connect({ rateLimit: { ...LIMIT, users: { bot: own } } });
    expect(await ask(client => client.readRateLimitBudget())).toEqual({
      enabled: true,
      ...own,
    });
  });

  it('is unlimited for a whitelisted user', async () => {
    const { ask } = connect({ rateLimit: LIMIT, user: { whitelisted: true } });
    expect(await ask(client => client.readRateLimitBudget())).toBe('whitelisted');
  });

  it('is reported as switched off, with one request', async () => {
    const { ask, asked } = connect();
    expect(await ask(client => client.readRateLimitBudget())).toMatchObject({
      enabled: false,
    });
    expect(asked()).toEqual([SETTINGS]);
  });

  it.each([
    ['Bot', 'bot'],
    ['jane.doe@example.com', 'jane.doe_example.com'],
    ['Jane Doe', 'jane_doe'],
  ])('is requested for the user %s by its slug', async (name, slug) => {
    const { ask, asked } = connect({ rateLimit: LIMIT, user: { name } });
    expect(await ask(client => client.readRateLimitBudget())).toMatchObject(LIMIT);
    expect(asked()).toEqual([SETTINGS, `${SETTINGS}/users/${slug}`]);
  });

  it('is the default bucket where the answer does not name the user', async () => {
    const { ask, asked } = connect({ rateLimit: LIMIT, userHeaders: false });
    expect(await ask(client => client.readRateLimitBudget())).toMatchObject(LIMIT);
    expect(asked()).toEqual([SETTINGS]);
  });

  it.each<[string, FaultOptions['effect']]>([
    ['refused', { type: 'status', status: 401 }],
    ['not there', 'xml-404'],
    ['down', { type: 'status', status: 503 }],
    ['foreign', { type: 'body', body: '{"hello":"world"}' }],
  ])('is what everybody gets where the own settings are %s', async (_name, effect) => {
    const { bitbucket, ask } = connect({ rateLimit: LIMIT });
    bitbucket.faults.add({ match: { path: /\/users\// }, effect });
    expect(await ask(client => client.readRateLimitBudget())).toEqual({
      enabled: true,
      ...LIMIT,
    });
  });

  it.each<[string, FaultOptions['effect']]>([
    [
      '401',
      {
        type: 'status',
        status: 401,
        exceptionName: 'com.atlassian.bitbucket.AuthorisationException',
      },
    ],
    ['403', { type: 'status', status: 403 }],
    ['404 of a server before 6.6', 'xml-404'],
    ['JSON of another shape', { type: 'body', body: '{"enabled":true}' }],
  ])('is unknown for good after %s', async (_name, effect) => {
    const { bitbucket, ask, asked } = connect({ rateLimit: LIMIT });
    bitbucket.faults.add({ effect });
    expect(await ask(client => client.readRateLimitBudget())).toBe('unknown');
    expect(asked()).toHaveLength(1);
  });

  it.each<[string, FaultOptions['effect']]>([
    ['500', { type: 'status', status: 500 }],
    ['503', { type: 'status', status: 503 }],
    ['429', { type: 'status', status: 429 }],
    ['a reset', 'reset'],
    ['a timeout', 'hang'],
    ['a login page', 'login-page'],
    ['half an answer', 'truncated-json'],
  ])('has to be requested again after %s', async (_name, effect) => {
    const { bitbucket, ask } = connect({ rateLimit: LIMIT });
    bitbucket.faults.add({ effect });
    expect(await ask(client => client.readRateLimitBudget())).toBeUndefined();
  });

  it('is unknown where users may not read it', async () => {
    const { ask } = connect({ rateLimit: { ...LIMIT, settingsReadable: false } });
    expect(await ask(client => client.readRateLimitBudget())).toBe('unknown');
  });
});

describe('the server information', () => {
  it('consists of version, name and user, with one request', async () => {
    const { ask, asked } = connect({ user: { name: 'jane doe' } });
    expect(await ask(client => client.readServerInfo())).toMatchObject({
      kind: 'found',
      value: {
        version: expect.any(String),
        displayName: 'Bitbucket',
        userName: 'jane doe',
      },
    });
    expect(asked()).toEqual(['/application-properties']);
  });

  it('is quoted on one line, shortened and without terminal control characters', async () => {
    const { bitbucket, ask } = connect();
    const body = { version: '9.4\n\u001b[2J', displayName: 'x'.repeat(1_000) };
    const headers = { 'X-AUSERNAME': '%1B[2J' };
    bitbucket.faults.add({ effect: { type: 'status', status: 200, body, headers } });
    expect(await ask(client => client.readServerInfo())).toEqual({
      kind: 'found',
      value: {
        version: '9.4 \uFFFD[2J',
        displayName: `${'x'.repeat(300)}…`,
        userName: '\uFFFD[2J',
      },
    });
  });

  it.each<[string, FaultOptions['effect'], string]>([
    ['refused', { type: 'status', status: 403 }, 'not-permitted'],
    ['a login page', 'login-page', 'unexpected-answer'],
    ['without a version', { type: 'body', body: '{"version":""}' }, 'unexpected-answer'],
  ])('is unknown where it is %s', async (_name, effect, reason) => {
    const { bitbucket, ask } = connect();
    bitbucket.faults.add({ effect });
    expect(await ask(client => client.readServerInfo())).toMatchObject({
      kind: 'unknown',
      problem: { reason },
    });
  });
});
