import {
  createSimulatedBitbucket,
  SimulatedBitbucket,
  SimulatedBitbucketOptions,
} from '../../dev/simulatedBitbucket';
import { RestClient } from './RestClient';
import { createSimulatedClient, SignIn } from '../__testUtils__/simulatedClient';

const PASSWORD = 'Tr0ub4dor-secret';
const TOKEN = 'BBDC-s3cret-token';
const BASIC: SignIn = { username: 'bot', password: PASSWORD };
const BEARER: SignIn = { token: TOKEN };
const PROBE = '/profile/recent/repos?start=0&limit=1';
const LISTING = '/repos?start=0&limit=1000&archived=ALL';
const API = { projectKey: 'PAY', slug: 'api' };

function createServer(options: SimulatedBitbucketOptions = {}) {
  const bitbucket = createSimulatedBitbucket({
    users: [{ name: 'bot', password: PASSWORD, token: TOKEN }],
    ...options,
  });
  bitbucket.addRepository({ ...API, files: { 'catalog-info.yaml': '' } });
  bitbucket.addRepository({ projectKey: 'OPEN', slug: 'public', public: true });
  return bitbucket;
}

function connect(signIn: SignIn, options?: SimulatedBitbucketOptions) {
  const bitbucket = createServer(options);
  return { bitbucket, ...createSimulatedClient({ bitbucket, signIn }) };
}

const credentialsError = (problem: string) => ({
  name: 'BitbucketServerCredentialsError',
  problem,
});

describe('credentials that work', () => {
  it.each<[string, SignIn]>([
    ['user and password', BASIC],
    ['an HTTP access token', BEARER],
    [
      'an HTTP access token in place of the password',
      { username: 'bot', password: TOKEN },
    ],
  ])('are accepted without another request: %s', async (_name, signIn) => {
    const { bitbucket, list, asked } = connect(signIn);
    const steps = await list(client => client.listRepositories());
    expect(steps).toMatchObject([
      { kind: 'items', items: [{ slug: 'public' }, { slug: 'api' }] },
    ]);
    expect(asked()).toEqual([LISTING]);
    expect(bitbucket.requests[0]).toMatchObject({ user: 'bot', authorised: true });
  });

  it('are not doubted because a permission is missing', async () => {
    const { bitbucket, ask, list, asked } = connect(BASIC);
    bitbucket.hide('bot', 'PAY');
    const steps = await list(client => client.listProjectRepositories('PAY'));
    expect(steps).toMatchObject([
      { kind: 'failed', problem: { reason: 'not-permitted' } },
    ]);
    expect(await ask(client => client.findFile(API, 'x'))).toMatchObject({
      kind: 'unknown',
    });
    expect(asked()).not.toContain(PROBE);
  });
});

describe('credentials that do not work', () => {
  it.each<[string, SignIn, SimulatedBitbucketOptions, string]>([
    ['a wrong password', { username: 'bot', password: 'wrong-one' }, {}, 'rejected'],
    ['an unknown user', { username: 'nobody', password: PASSWORD }, {}, 'rejected'],
    ['a wrong token', { token: 'wrong-one' }, {}, 'rejected'],
    [
      'an expired token',
      BEARER,
      { users: [{ name: 'bot', token: TOKEN, expired: true }] },
      'rejected',
    ],
    [
      'a CAPTCHA',
      BASIC,
      { users: [{ name: 'bot', password: PASSWORD, captchaRequired: true }] },
      'captcha',
    ],
  ])('are not tried twice: %s', async (_name, signIn, options, problem) => {
    const { ask, list, asked } = connect(signIn, options);
    const expected = credentialsError(problem);
    await expect(list(client => client.listRepositories())).rejects.toMatchObject(
      expected,
    );
    await expect(list(client => client.listProjects())).rejects.toMatchObject(expected);
    await expect(
      list(client => client.listProjectRepositories('PAY')),
    ).rejects.toMatchObject(expected);
    await expect(ask(client => client.getRepository(API))).rejects.toMatchObject(
      expected,
    );
    await expect(ask(client => client.findFile(API, 'x'))).rejects.toMatchObject(
      expected,
    );
    await expect(ask(client => client.listFiles(API))).rejects.toMatchObject(expected);
    await expect(ask(client => client.readRateLimitBudget())).rejects.toMatchObject(
      expected,
    );
    expect(asked()).toEqual([LISTING]);
  });

  it('are not sent with further requests until the first one is answered', async () => {
    const { bitbucket, ask } = connect({ username: 'bot', password: 'wrong-one' });
    const results = await ask(client =>
      Promise.allSettled(['a', 'b', 'c', 'd'].map(path => client.findFile(API, path))),
    );
    expect(results.map(({ status }) => status)).toEqual(Array(4).fill('rejected'));
    expect(bitbucket.getUser('bot').failedLogins).toBe(1);
  });

  it.each([401, 403])(
    'are reported where Bitbucket asks for a CAPTCHA with status %d',
    async status => {
      const { bitbucket, ask } = connect(BASIC);
      const exceptionName =
        'com.atlassian.bitbucket.auth.CaptchaRequiredAuthenticationException';
      bitbucket.faults.add({ effect: { type: 'status', status, exceptionName } });
      await expect(ask(client => client.findFile(API, 'x'))).rejects.toMatchObject(
        credentialsError('captcha'),
      );
    },
  );

  it.each([401, 403])(
    'are not inferred from a missing permission with status %d',
    async status => {
      const { bitbucket, ask, asked } = connect(BASIC);
      const exceptionName = 'com.atlassian.bitbucket.AuthorisationException';
      bitbucket.faults.add({ effect: { type: 'status', status, exceptionName } });
      for (let time = 0; time < 2; time += 1) {
        expect(await ask(client => client.findFile(API, 'x'))).toMatchObject({
          kind: 'unknown',
          problem: { reason: 'not-permitted' },
        });
      }
      expect(asked()).toHaveLength(2);
    },
  );
});

/** Refusals of a login that do not mean a wrong password. */
const SENTENCE = 'Basic Authentication has been disabled on this instance.';
const PROXY_PAGE = '<!DOCTYPE html><html><head><title>Sign in</title></head></html>';

describe('a login that is refused for another reason than a wrong password', () => {
  it.each(['message', 'errors', 'text'] as const)(
    'is tried once and recommends a token where Basic authentication is off, with the message as %s',
    async basicAuthentication => {
      const { ask, list, asked } = connect(BASIC, { basicAuthentication });
      const expected = {
        ...credentialsError('password-not-accepted'),
        message: expect.stringMatching(
          /accepts no password: 403 Basic Authentication has been disabled on this instance\. .*`token`/,
        ),
      };
      await expect(ask(client => client.readRateLimitBudget())).rejects.toMatchObject(
        expected,
      );
      await expect(list(client => client.listRepositories())).rejects.toMatchObject(
        expected,
      );
      expect(asked()).toHaveLength(1);
    },
  );

  it('is not blamed on a password where a token was sent', async () => {
    const { bitbucket, ask } = connect(BEARER);
    const body = { message: SENTENCE };
    bitbucket.faults.add({ effect: { type: 'status', status: 401, body } });
    await expect(ask(client => client.findFile(API, 'x'))).rejects.toMatchObject({
      ...credentialsError('refused'),
      message: expect.stringContaining(`401 ${SENTENCE}`),
    });
  });

  it('is not blamed on the credentials where the user directory is down', async () => {
    const { bitbucket, list, asked } = connect(BASIC);
    bitbucket.settings.userDirectory = 'down';
    await expect(list(client => client.listRepositories())).rejects.toMatchObject({
      ...credentialsError('not-verified'),
      message: expect.stringMatching(
        /could not check.*AuthenticationSystemException: The user directory could not be reached/,
      ),
    });
    expect(asked()).toEqual([LISTING]);
  });

  it.each<[string, unknown, string]>([
    ["a proxy's page", PROXY_PAGE, '401 with an HTML page'],
    ['a sentence', 'SAML is required', '401 SAML is required'],
    ['a bare message', { message: 'SAML is required' }, '401 SAML is required'],
    [
      'an error without an exception',
      { errors: [{ context: null, message: 'SAML is required', exceptionName: null }] },
      '401 SAML is required',
    ],
    ['nothing', '', '401 with an empty body'],
  ])(
    'is tried once, quoted, and not reported as anonymous: %s with 401',
    async (_name, body, quoted) => {
      const { bitbucket, list, asked } = connect(BASIC);
      bitbucket.faults.add({ effect: { type: 'status', status: 401, body } });
      const expected = {
        ...credentialsError('refused'),
        message: expect.stringContaining(quoted),
      };
      await expect(list(client => client.listRepositories())).rejects.toMatchObject(
        expected,
      );
      await expect(list(client => client.listProjects())).rejects.toMatchObject(expected);
      expect(asked()).toEqual([LISTING]);
    },
  );

  it('is not inferred from a 401 in which Bitbucket names the user', async () => {
    const { bitbucket, ask, asked } = connect(BASIC);
    const headers = { 'X-AUSERNAME': 'bot' };
    const effect = { type: 'status', status: 401, headers, body: 'No' } as const;
    bitbucket.faults.add({ effect });
    for (let time = 0; time < 2; time += 1) {
      expect(await ask(client => client.findFile(API, 'x'))).toMatchObject({
        kind: 'unknown',
        problem: { reason: 'not-permitted', detail: expect.stringContaining('401') },
      });
    }
    expect(asked()).toHaveLength(2);
  });

  it('is not inferred from a 403 about one file, whose message is quoted', async () => {
    const { bitbucket, ask } = connect(BASIC);
    const body = { message: 'Blocked by policy 17' };
    bitbucket.faults.add({ effect: { type: 'status', status: 403, body } });
    expect(await ask(client => client.findFile(API, 'x'))).toEqual({
      kind: 'unknown',
      problem: {
        reason: 'not-permitted',
        detail: 'Bitbucket refused access: 403 Blocked by policy 17',
      },
    });
  });

  it('is reported as missing credentials where none are configured', async () => {
    const { bitbucket, list, asked } = connect('nobody');
    bitbucket.faults.add({ effect: { type: 'html', status: 401, body: PROXY_PAGE } });
    const detail =
      'No credentials are configured (integrations.bitbucketServer, host bitbucket.test), ' +
      'and Bitbucket shows nothing without them: 401 with an HTML page (a login page or a proxy?). ' +
      'Set token; where it comes from an environment variable, set that variable';
    expect(await list(client => client.listRepositories())).toEqual([
      {
        kind: 'failed',
        problem: { reason: 'not-permitted', detail },
        unsupported: false,
        gone: false,
      },
    ]);
    expect(asked()).toEqual([LISTING]);
  });
});

describe('answers as to an anonymous caller', () => {
  const anonymous: SimulatedBitbucketOptions = {
    users: [{ name: 'bot', token: TOKEN, expired: true }],
    invalidTokens: 'anonymous',
  };

  it.each<[string, boolean]>([
    ['a list of what is public', true],
    ['a refusal', false],
  ])(
    'end the run where credentials are configured: %s',
    async (_name, anonymousAccess) => {
      const { ask, list, asked } = connect(BEARER, { ...anonymous, anonymousAccess });
      const expected = credentialsError('anonymous');
      await expect(list(client => client.listRepositories())).rejects.toMatchObject(
        expected,
      );
      await expect(ask(client => client.getRepository(API))).rejects.toMatchObject(
        expected,
      );
      expect(asked()).toEqual([LISTING, PROBE]);
    },
  );

  it('end the run when the token expires between two pages', async () => {
    const { bitbucket, client, asked } = connect(BEARER, {
      anonymousAccess: true,
      invalidTokens: 'anonymous',
      pageCaps: { repositories: 1 },
    });
    bitbucket.addRepository({ projectKey: 'OPEN', slug: 'second', public: true });
    const pages = client.listRepositories();
    expect(await pages.next()).toMatchObject({ value: { kind: 'items' } });
    bitbucket.getUser('bot').expired = true;
    await expect(pages.next()).rejects.toMatchObject(credentialsError('anonymous'));
    expect(asked()).toHaveLength(3);
  });

  it('are accepted after one confirmation where a proxy strips X-AUSERNAME', async () => {
    const { list, asked } = connect(BASIC, { userHeaders: false });
    const steps = await list(client => client.listRepositories());
    expect(steps).toMatchObject([{ kind: 'items', items: [{}, {}] }]);
    await list(client => client.listProjects());
    await list(client => client.listProjectRepositories('PAY'));
    expect(asked().filter(path => path === PROBE)).toHaveLength(1);
    expect(asked()).toHaveLength(4);
  });

  it('share one confirmation where several listings arrive together', async () => {
    const { ask, asked } = connect(BEARER, { ...anonymous, anonymousAccess: true });
    const results = await ask(client =>
      Promise.allSettled(
        ['OPEN', 'OPEN', 'OPEN'].map(key => client.listProjectRepositories(key).next()),
      ),
    );
    expect(results.map(({ status }) => status)).toEqual(Array(3).fill('rejected'));
    expect(asked().filter(path => path === PROBE)).toHaveLength(1);
  });

  it.each<[string, string, (client: RestClient) => Promise<unknown>]>([
    [
      'a repository',
      'repository.NoSuchRepositoryException',
      client => client.getRepository(API),
    ],
    [
      'a project',
      'project.NoSuchProjectException',
      client => client.listProjectRepositories('PAY').next(),
    ],
    ['a label', 'label.NoSuchLabelException', client => client.listLabeled('any').next()],
  ])(
    'prove no absence of %s, since what is private does not exist for anonymous callers',
    async (_, exception, question) => {
      const { bitbucket, ask, asked } = connect(BEARER, {
        ...anonymous,
        anonymousAccess: true,
      });
      const exceptionName = `com.atlassian.bitbucket.${exception}`;
      bitbucket.faults.add({
        match: ({ path }) => !path.includes('/profile/'),
        effect: { type: 'status', status: 404, exceptionName },
      });
      const answer = await ask(question);
      expect(answer).not.toMatchObject({ kind: 'gone' });
      expect(JSON.stringify(answer)).not.toContain('"gone":true');
      expect(JSON.stringify(answer)).toContain('"reason":"not-permitted"');
      expect(asked()).toEqual([expect.any(String), PROBE]);
    },
  );

  it.each<[string, SignIn, SimulatedBitbucketOptions, number]>([
    ['a user who is named', BASIC, {}, 0],
    ['a user whose name a proxy takes out', BASIC, { userHeaders: false }, 1],
    ['nobody, as configured', 'nobody', { anonymousAccess: true }, 0],
  ])(
    'are not suspected where a repository is gone for %s',
    async (_, signIn, options, confirmations) => {
      const { bitbucket, ask, asked } = connect(signIn, options);
      bitbucket.addProject({ key: 'PAY', public: true });
      for (let time = 0; time < 2; time += 1) {
        expect(
          await ask(client => client.getRepository({ ...API, slug: 'no-such' })),
        ).toEqual({ kind: 'gone' });
      }
      expect(asked().filter(path => path === PROBE)).toHaveLength(confirmations);
    },
  );

  it('are accepted without a confirmation where no credentials are configured', async () => {
    const { list, asked } = connect('nobody', { anonymousAccess: true });
    const steps = await list(client => client.listRepositories());
    expect(steps).toMatchObject([{ kind: 'items', items: [{ slug: 'public' }] }]);
    expect(asked()).toEqual([LISTING]);
  });

  it('count as a refusal, not as wrong credentials, where none are configured', async () => {
    const { list, asked } = connect('nobody');
    const steps = await list(client => client.listRepositories());
    expect(steps).toMatchObject([
      {
        kind: 'failed',
        problem: {
          reason: 'not-permitted',
          detail: expect.stringMatching(
            /^No credentials are configured \(integrations\.bitbucketServer, host .*\).*environment variable/,
          ),
        },
      },
    ]);
    expect(asked()).toEqual([LISTING]);
  });

  it.each<
    [
      string,
      Parameters<ReturnType<typeof createServer>['faults']['add']>[0]['effect'],
      string,
    ]
  >([
    ['503', { type: 'status', status: 503 }, 'server-error'],
    ['429', { type: 'status', status: 429 }, 'rate-limited'],
    ['a reset', 'reset', 'server-error'],
    ['a login page', 'login-page', 'unexpected-answer'],
    ['half an answer', 'truncated-json', 'unexpected-answer'],
    [
      'a redirect',
      { type: 'redirect', to: 'https://sso.example.com/' },
      'unexpected-answer',
    ],
  ])(
    'leave a listing unread where %s prevents its confirmation',
    async (_name, effect, reason) => {
      const { bitbucket, list } = connect(BASIC, { userHeaders: false });
      const fault = bitbucket.faults.add({
        match: { kind: 'authentication-check' },
        effect,
      });
      expect(await list(client => client.listRepositories())).toMatchObject([
        { kind: 'failed', problem: { reason }, unsupported: false, gone: false },
      ]);
      fault.remove();
      expect(await list(client => client.listRepositories())).toMatchObject([
        { kind: 'items' },
      ]);
    },
  );

  it.each([403, 404, 405])(
    'are accepted where the server cannot confirm them (%d)',
    async status => {
      const { bitbucket, list } = connect(BASIC, { userHeaders: false });
      const effect = { type: 'status', status } as const;
      bitbucket.faults.add({ match: { kind: 'authentication-check' }, effect });
      expect(await list(client => client.listRepositories())).toMatchObject([
        { kind: 'items' },
      ]);
    },
  );

  it('are not suspected in an answer that is not from Bitbucket', async () => {
    const { bitbucket, list, asked } = connect(BASIC);
    bitbucket.faults.add({ effect: 'login-page' });
    expect(await list(client => client.listRepositories())).toMatchObject([
      { kind: 'failed' },
    ]);
    expect(asked()).toEqual([LISTING]);
  });
});

describe('a project token for which Bitbucket names no user and has no profile', () => {
  const users = [{ name: 'token', token: TOKEN, projects: ['PAY'], nameless: true }];

  it('is accepted once an answer shows something that anonymous callers cannot see', async () => {
    const { list, asked } = connect(BEARER, { users, anonymousAccess: true });
    const read = () => list(client => client.listProjectRepositories('PAY'));
    expect(await read()).toMatchObject([{ kind: 'items', items: [{ slug: 'api' }] }]);
    expect(await read()).toMatchObject([{ kind: 'items' }]);
    expect(asked().filter(path => path === PROBE)).toHaveLength(1);
  });

  it.each<[string, (bitbucket: SimulatedBitbucket) => void]>([
    ['a public repository', it => it.updateRepository('PAY', 'api', { public: true })],
    [
      'a repository of a public project',
      it => it.addProject({ key: 'PAY', public: true }),
    ],
  ])('is taken for anonymous where it shows no more than %s', async (_, publish) => {
    const { bitbucket, list } = connect(BEARER, { users, anonymousAccess: true });
    publish(bitbucket);
    await expect(
      list(client => client.listProjectRepositories('PAY')),
    ).rejects.toMatchObject(credentialsError('anonymous'));
  });
});

describe('an abort', () => {
  it('ends a request with the reason of the signal', async () => {
    const { bitbucket, client } = connect(BASIC);
    bitbucket.faults.add({ effect: 'hang' });
    const controller = new AbortController();
    const reason = new Error('shutting down');
    const { signal } = controller;
    const questions = [
      client.findFile(API, 'x', { signal }),
      client.findFile(API, 'y', { signal }),
      client.listRepositories({ signal }).next(),
    ].map(question => expect(question).rejects.toBe(reason));
    controller.abort(reason);
    await Promise.all(questions);
  });

  it('before a request prevents that request', async () => {
    const { client, asked } = connect(BASIC);
    const reason = new Error('shutting down');
    const signal = AbortSignal.abort(reason);
    await expect(client.getRepository(API, { signal })).rejects.toBe(reason);
    await expect(client.listProjects({ signal }).next()).rejects.toBe(reason);
    expect(asked()).toEqual([]);
  });
});
