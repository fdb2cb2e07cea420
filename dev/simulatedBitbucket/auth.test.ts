/** Authentication and permissions as a client sees them; context paths; the request log. */
import { type SimulatedBitbucketOptions, createSimulatedBitbucket } from './index';
import { ask, authorization } from './testSupport';

function withUsers(options: SimulatedBitbucketOptions = {}) {
  const simulated = createSimulatedBitbucket({
    users: [
      { name: 'Bot', password: 'right', token: 'secret' },
      { name: 'locked', password: 'right', token: 'locked-token', captchaRequired: true },
      { name: 'late', token: 'late-token', expired: true },
    ],
    ...options,
  });
  simulated.addRepository({ projectKey: 'PAY', slug: 'api' });
  simulated.addRepository({ projectKey: 'OPEN', slug: 'web', public: true });
  return simulated;
}

const WRONG = 'com.atlassian.bitbucket.auth.IncorrectPasswordAuthenticationException';
const CAPTCHA = 'com.atlassian.bitbucket.auth.CaptchaRequiredAuthenticationException';
const NOT_PERMITTED = 'com.atlassian.bitbucket.AuthorisationException';

describe('signing in', () => {
  it.each([
    ['user name and password', { name: 'bot', password: 'right' }, 'Bot'],
    ['user name and token', { name: 'bot', password: 'secret' }, 'Bot'],
    ['a Bearer token', { token: 'secret' }, 'Bot'],
    ['a token although a CAPTCHA is due', { token: 'locked-token' }, 'locked'],
  ])('works with %s', async (_, signIn, name) => {
    const { status, headers } = await ask(withUsers(), '/repos', signIn);
    expect(status).toBe(200);
    expect(headers.get('x-ausername')).toBe(name);
    expect(headers.get('x-auserid')).toMatch(/^\d+$/);
    expect(headers.get('x-arequestid')).toMatch(/^@\w+x\d+x\d+x\d+$/);
  });

  it.each([
    ['a wrong password', { name: 'bot', password: 'wrong' }, WRONG],
    ['an unknown user', { name: 'nobody', password: 'right' }, WRONG],
    ['an empty password', { name: 'bot', password: '' }, WRONG],
    ['an unknown token', { token: 'wrong' }, WRONG],
    ['an expired token', { token: 'late-token' }, WRONG],
    ['a CAPTCHA, whatever the password', { name: 'locked', password: 'right' }, CAPTCHA],
  ])('is refused with %s', async (_, signIn, exceptionName) => {
    const simulated = withUsers({ anonymousAccess: true });
    const { status, json, headers } = await ask(simulated, '/repos', signIn);
    expect(status).toBe(401);
    expect(json).toMatchObject({ errors: [{ exceptionName }] });
    expect(headers.get('x-ausername')).toBeNull();
    expect(headers.get('www-authenticate')).toBe(
      exceptionName === CAPTCHA ? 'Basic realm="Atlassian Bitbucket"' : null,
    );
  });

  it('asks for a CAPTCHA after too many wrong passwords where configured', async () => {
    const simulated = withUsers({ captchaAfterFailures: 2 });
    await ask(simulated, '/repos', { name: 'bot', password: 'wrong' });
    await ask(simulated, '/repos', { name: 'bot', password: 'wrong' });
    const { text } = await ask(simulated, '/repos', { name: 'bot', password: 'right' });
    expect(text).toContain(CAPTCHA);
    expect(simulated.getUser('bot').failedLogins).toBe(3);
  });

  it.each([
    ['message', '{"message":"Basic Authentication has been disabled on this instance."}'],
    [
      'errors',
      '{"errors":[{"context":null,"message":"Basic Authentication has been disabled on this instance.","exceptionName":null}]}',
    ],
    ['text', 'Basic Authentication has been disabled on this instance.'],
  ] as const)(
    'refuses passwords and accepts tokens where Basic authentication is off, with the message as %s',
    async (basicAuthentication, body) => {
      const simulated = withUsers({ basicAuthentication });
      const refused = await ask(simulated, '/repos', { name: 'bot', password: 'right' });
      expect(refused).toMatchObject({ status: 403, text: body });
      expect(refused.headers.get('x-ausername')).toBeNull();
      expect((await ask(simulated, '/repos', { token: 'secret' })).status).toBe(200);
      expect(simulated.getUser('bot').failedLogins).toBe(0);
    },
  );

  it('cannot check passwords while the user directory is down', async () => {
    const simulated = withUsers();
    simulated.settings.userDirectory = 'down';
    const right = { name: 'bot', password: 'right' };
    expect(await ask(simulated, '/repos', right)).toMatchObject({
      status: 401,
      json: {
        errors: [
          {
            exceptionName: 'com.atlassian.bitbucket.auth.AuthenticationSystemException',
          },
        ],
      },
    });
    simulated.settings.userDirectory = 'available';
    expect((await ask(simulated, '/repos', right)).status).toBe(200);
  });

  it('treats an expired token silently as anonymous where configured', async () => {
    const simulated = withUsers({ invalidTokens: 'anonymous', anonymousAccess: true });
    const late = { token: 'late-token' };
    const { status, json, headers } = await ask(simulated, '/repos', late);
    expect(status).toBe(200);
    expect(json).toMatchObject({ values: [{ slug: 'web' }] });
    expect(headers.get('x-ausername')).toBeNull();
    expect(await ask(simulated, '/repos?permission=REPO_READ', late)).toMatchObject({
      status: 200,
      json: { size: 0 },
    });
    expect((await ask(simulated, '/profile/recent/repos', late)).status).toBe(401);
  });

  it('omits the user headers where a proxy strips them', async () => {
    const { status, headers } = await ask(withUsers({ userHeaders: false }), '/repos');
    expect(status).toBe(200);
    expect(headers.get('x-ausername')).toBeNull();
  });
});

describe('an HTTP access token of a project', () => {
  const token = 'project-token';
  const user = { name: 'access-token-user/1/7', token, projects: ['pay'] };

  it('sees its project, is named, and works as Bearer only', async () => {
    const simulated = withUsers({ users: [user] });
    const { status, json, headers } = await ask(simulated, '/projects/PAY/repos', {
      token,
    });
    expect(status).toBe(200);
    expect(json).toMatchObject({ values: [{ slug: 'api' }] });
    expect(headers.get('x-ausername')).toBe('access-token-user%2F1%2F7');
    const basic = { name: user.name, password: token };
    expect(await ask(simulated, '/projects/PAY/repos', basic)).toMatchObject({
      status: 401,
      json: { errors: [{ exceptionName: WRONG }] },
    });
  });

  it.each(['/repos', '/projects', '/projects/OPEN/repos', '/projects/OPEN/repos/web'])(
    'may not access more than its project: %s',
    async path => {
      const simulated = withUsers({ users: [user] });
      expect(await ask(simulated, path, { token })).toMatchObject({
        status: 401,
        json: { errors: [{ exceptionName: NOT_PERMITTED }] },
      });
    },
  );

  it('has no name and no profile where it is configured as nameless', async () => {
    const simulated = withUsers({ users: [{ ...user, nameless: true }] });
    const { status, headers } = await ask(simulated, '/projects/PAY/repos', { token });
    expect(status).toBe(200);
    expect(headers.get('x-ausername')).toBeNull();
    expect((await ask(simulated, '/profile/recent/repos', { token })).status).toBe(401);
  });
});

describe('an anonymous caller', () => {
  it('gets 401 for everything but the version when public access is off', async () => {
    const simulated = withUsers();
    for (const path of ['/repos', '/projects', '/projects/OPEN/repos/web']) {
      const { status, json } = await ask(simulated, path, 'anonymous');
      expect(status).toBe(401);
      expect(json).toMatchObject({ errors: [{ exceptionName: NOT_PERMITTED }] });
    }
    const { status, json } = await ask(simulated, '/application-properties', 'anonymous');
    expect(status).toBe(200);
    expect(json).toMatchObject({ version: '9.4.3', displayName: 'Bitbucket' });
  });

  it('sees only public content when public access is on', async () => {
    const simulated = withUsers({ anonymousAccess: true });
    const path = '/projects/OPEN/repos/web';
    expect((await ask(simulated, path, 'anonymous')).status).toBe(200);
    expect((await ask(simulated, '/projects/PAY/repos/api', 'anonymous')).status).toBe(
      401,
    );
    expect((await ask(simulated, '/profile/recent/repos', 'anonymous')).status).toBe(401);
    expect((await ask(simulated, '/profile/recent/repos')).json).toMatchObject({
      size: 2,
    });
  });
});

describe('a missing permission', () => {
  it('is 401 with its own exception, for repositories and projects, not 404', async () => {
    const simulated = withUsers();
    simulated.hide('bot', 'PAY');
    simulated.hide('bot', 'OPEN/web');
    const paths = [
      '/projects/PAY',
      '/projects/PAY/repos',
      '/projects/PAY/repos/api',
      '/projects/OPEN/repos/web',
    ];
    for (const path of paths) {
      expect(await ask(simulated, path)).toMatchObject({
        status: 401,
        json: {
          errors: [
            {
              message: 'You are not permitted to access this resource',
              exceptionName: NOT_PERMITTED,
            },
          ],
        },
      });
    }
    simulated.reveal('bot', 'PAY');
    expect((await ask(simulated, '/projects/PAY/repos/api')).status).toBe(200);
  });
});

describe('a request without a route', () => {
  it('is answered in XML inside the REST API and in HTML elsewhere', async () => {
    const unknown = await ask(withUsers(), '/nothing');
    expect(unknown).toMatchObject({ status: 404, json: undefined });
    expect(unknown.text).toBe(
      '<?xml version="1.0" encoding="UTF-8" standalone="yes"?><status><status-code>404</status-code><message>HTTP 404 Not Found</message></status>',
    );
    expect((await ask(withUsers(), '//projects/PAY')).text).toContain('<html>');
  });

  it('is answered with 405 where only the method is unknown', async () => {
    const simulated = withUsers();
    const request = new Request(`${simulated.apiBaseUrl}/repos`, {
      method: 'POST',
      headers: authorization({ token: 'secret' }),
    });
    expect((await simulated.handle(request)).status).toBe(405);
  });
});

describe('a context path', () => {
  const baseUrl = 'https://bitbucket.test:8443/ctx/bitbucket';

  it('is part of every route and every link', async () => {
    const simulated = withUsers({ baseUrl: `${baseUrl}/` });
    expect(simulated.apiBaseUrl).toBe(`${baseUrl}/rest/api/1.0`);
    const { status, text } = await ask(simulated, '/projects/PAY/repos/api');
    expect(status).toBe(200);
    expect(text).toContain(`"${baseUrl}/projects/PAY/repos/api/browse"`);
  });

  it('is required for JSON answers', async () => {
    const simulated = withUsers({ baseUrl });
    for (const path of ['//rest/api/1.0/repos', '//ctx/bitbucket2/rest/api/1.0/repos']) {
      expect(await ask(simulated, path)).toMatchObject({ status: 404, json: undefined });
    }
  });

  it('serves the versions 1.0 and latest alike, and no other version', async () => {
    const simulated = withUsers();
    expect((await ask(simulated, '//rest/api/latest/repos')).status).toBe(200);
    expect((await ask(simulated, '//rest/api/2.0/repos')).status).toBe(404);
  });
});

describe('the request log', () => {
  it('records kind, user and result of each request', async () => {
    const simulated = withUsers();
    await ask(simulated, '/repos?limit=5');
    await ask(simulated, '/repos', { token: 'wrong' });
    expect(simulated.requests).toEqual([
      {
        method: 'GET',
        path: '/rest/api/1.0/repos?limit=5',
        kind: 'repositories',
        status: 200,
        user: 'Bot',
        authorised: true,
        time: expect.any(Number),
      },
      expect.objectContaining({ status: 401, authorised: false }),
    ]);
    simulated.clearRequests();
    expect(simulated.requests).toEqual([]);
  });

  it('counts concurrent requests', async () => {
    const simulated = withUsers({ latencyMs: 5 });
    await Promise.all([1, 2, 3].map(() => ask(simulated, '/repos')));
    expect(simulated.peakInFlight).toBe(3);
    expect(simulated.inFlight).toBe(0);
  });
});
