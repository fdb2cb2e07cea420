import { createServer } from 'node:net';
import { JsonObject } from '@backstage/types';
import { SimulatedBitbucket } from '../../dev/simulatedBitbucket';
import { appConfigFor, TEST_USER } from '../__testUtils__/testProvider';
import { createDemoBitbucket, DEMO_PROVIDER } from './__testUtils__/demoBitbucket';
import {
  FakeBackstageOptions,
  FakeReport,
  serveBackstage,
} from './__testUtils__/fakeBackstage';
import { FinishedCommand, runCommand } from './__testUtils__/runCommand';

/** Both commands must report the same cause for the same fault of the server. */
const COMMANDS = ['check', 'preview'] as const;

function ask(
  command: string,
  bitbucket: SimulatedBitbucket,
  provider = {},
): Promise<FinishedCommand> {
  return runCommand([command], {
    bitbucket,
    provider: { ...DEMO_PROVIDER, ...provider },
  });
}

/** Returns a port on which nothing listens. */
async function closedPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise(resolve => server.close(resolve));
  return typeof address === 'object' && address ? address.port : 0;
}

describe('check', () => {
  it('reports the user, the version, the budget, the listing and whether files can be read', async () => {
    const bitbucket = createDemoBitbucket({
      version: '8.19.1',
      rateLimit: { capacity: 60, fillRate: 5, settingsReadable: true },
    });
    const { stdout, exitCode } = await ask('check', bitbucket);

    expect(stdout).toContain('Provider default on bitbucket.test');
    expect(stdout).toContain('Server: Bitbucket 8.19.1 answers');
    expect(stdout).toContain('User: Signed in as backstage');
    expect(stdout).toContain('60 requests at once, 5 more each second');
    expect(stdout).toContain('at most 30 at once and 4 a second');
    expect(stdout).toContain('189 repositories listed, 185 of them pass the filters');
    expect(stdout).toMatch(/Reading: DATA\/\S+ can be read/);
    expect(stdout).toContain('Discovery can work.');
    expect(exitCode).toBe(0);
  });

  it('sends few requests', async () => {
    const bitbucket = createDemoBitbucket();
    await ask('check', bitbucket);

    const paths = bitbucket.requests.map(request => request.path);
    expect(paths.filter(path => path.includes('/api/1.0/repos?'))).toHaveLength(1);
    expect(paths.length).toBeLessThanOrEqual(6);
  });

  it.each([
    [
      'settings that may not be read',
      { rateLimit: { capacity: 9, fillRate: 1, settingsReadable: false } },
      'not reported by the server',
    ],
    ['no rate limit at all', {}, 'requests are not limited'],
    [
      'a user who is exempt',
      {
        rateLimit: { capacity: 9, fillRate: 1, settingsReadable: true },
        users: [{ ...TEST_USER, whitelisted: true }],
      },
      'requests are not limited',
    ],
  ])('handles %s', async (_, options, words) => {
    const { stdout, exitCode } = await ask('check', createDemoBitbucket(options));

    expect(stdout).toContain(`Rate limit: ${words}`);
    expect(exitCode).toBe(0);
  });

  it('reads the budget also if the configuration sets the pace', async () => {
    const bitbucket = createDemoBitbucket({
      rateLimit: { capacity: 60, fillRate: 5, settingsReadable: true },
    });
    const rateLimit = { requestsPerSecond: 50, burst: 50 };
    const { stdout } = await ask('check', bitbucket, { rateLimit });

    expect(stdout).toContain('60 requests at once, 5 more each second');
  });

  it('works behind a proxy that removes the user name', async () => {
    const bitbucket = createDemoBitbucket({ userHeaders: false });
    const { stdout, exitCode } = await ask('check', bitbucket);

    expect(stdout).toContain('does not name the user');
    expect(exitCode).toBe(0);
  });

  it('warns that no credentials are configured', async () => {
    const bitbucket = createDemoBitbucket({ anonymousAccess: true });
    const appConfig = appConfigFor({ bitbucket, integration: {}, config: DEMO_PROVIDER });
    const { stdout } = await runCommand(['check'], { bitbucket, appConfig });

    expect(stdout).toContain('No credentials are configured');
  });

  it('reports missing credentials if nothing is visible without them', async () => {
    const bitbucket = createDemoBitbucket();
    const appConfig = appConfigFor({ bitbucket, integration: {}, config: DEMO_PROVIDER });
    const { stdout, exitCode } = await runCommand(['check'], { bitbucket, appConfig });

    expect(stdout).toMatch(/FAILED +Listing: No credentials are configured/);
    expect(stdout).toMatch(/What to do: Add a token.*host bitbucket\.test/);
    expect(stdout).not.toContain('Give the account read permission');
    expect(exitCode).toBe(1);
  });

  it.each([
    ['a bare message', { message: 'Use single sign-on' }],
    ['a text', 'Use single sign-on'],
  ])(
    'reports a fault of the user if the login is refused after the version was read, with %s',
    async (_, body) => {
      const bitbucket = createDemoBitbucket({ userHeaders: false });
      bitbucket.faults.add({
        match: ({ kind }) => kind !== 'application-properties',
        effect: { type: 'status', status: 401, body },
      });
      const { stdout, exitCode } = await ask('check', bitbucket);

      expect(stdout).toMatch(
        /FAILED +User: The login was refused.*401 Use single sign-on/,
      );
      expect(stdout).not.toMatch(/FAILED +Rate limit/);
      expect(bitbucket.requests).toHaveLength(2);
      expect(exitCode).toBe(1);
    },
  );

  it("uses the provider's own credentials, and reports their budget", async () => {
    const token = 'BBDC-token-of-a-project';
    const bitbucket = createDemoBitbucket({
      anonymousAccess: true,
      users: [TEST_USER, { name: 'project-reader', token, nameless: true }],
      rateLimit: { capacity: 60, fillRate: 5, settingsReadable: true },
    });
    const config = { ...DEMO_PROVIDER, token };
    const appConfig = appConfigFor({ bitbucket, integration: {}, config });
    const { stdout } = await runCommand(['check'], { bitbucket, appConfig });

    expect(stdout).not.toContain('No credentials are configured');
    expect(stdout).toContain('Bitbucket does not name the user');
    expect(stdout).toContain('60 requests at once, 5 more each second');
    expect(stdout).not.toContain(token);
  });

  it('applies the filter by label too, and reports if the labels are not known', async () => {
    const bitbucket = createDemoBitbucket();
    bitbucket.setLabels('PAY', 'pay-service-1', ['catalogued']);
    const provider = { ...DEMO_PROVIDER, filters: { labels: ['catalogued'] } };
    const known = await runCommand(['check'], { bitbucket, provider });
    expect(known.stdout).toContain('189 repositories listed, 1 of them pass the filters');

    bitbucket.faults.add({
      match: { path: /labels/ },
      effect: { type: 'status', status: 401 },
    });
    const unknown = await runCommand(['check'], { bitbucket, provider });
    expect(unknown.stdout).toMatch(
      /Whether the filters let \d+ repositories through is not known: Which repositories carry the label "catalogued"/,
    );
  });

  it('fails if no repository passes the filters', async () => {
    const { stdout, exitCode } = await ask('check', createDemoBitbucket(), {
      filters: { repoSlug: '^nothing-is-called-so$' },
    });

    expect(stdout).toMatch(/FAILED +Listing: 189 repositories listed, 0 of them/);
    expect(exitCode).toBe(1);
  });

  it('fails if the files of no repository can be read', async () => {
    const bitbucket = createDemoBitbucket();
    bitbucket.faults.add({ match: { kind: 'file-check' }, effect: 'lost-permission' });
    const { stdout, exitCode } = await ask('check', bitbucket);

    expect(stdout).toMatch(/FAILED +Reading: DATA\/.*Bitbucket refused access/);
    expect(stdout).toContain('What to do: Give it repository read.');
    expect(exitCode).toBe(1);
  });

  it('shows neither secrets from the answer of the server nor terminal control characters', async () => {
    const bitbucket = createDemoBitbucket();
    bitbucket.faults.add({
      match: { kind: 'application-properties' },
      effect: {
        type: 'status',
        status: 200,
        body: {
          version: `9\u001b[2J ${TEST_USER.password}`,
          displayName: 'x'.repeat(900),
        },
        headers: { 'X-AUSERNAME': encodeURIComponent(`a\u001b[2J${TEST_USER.password}`) },
      },
    });
    const { stdout, stderr, exitCode } = await ask('check', bitbucket);

    expect(stdout).toMatch(/Server: x{300}… 9\uFFFD\[2J \[redacted\] answers/);
    expect(stdout).toContain('Signed in as a\uFFFD[2J[redacted]');
    expect(stdout + stderr).not.toContain(TEST_USER.password);
    expect(exitCode).toBe(0);
  });

  it('continues if only the version may not be read', async () => {
    const bitbucket = createDemoBitbucket();
    bitbucket.faults.add({
      match: { kind: 'application-properties' },
      effect: { type: 'status', status: 403 },
    });
    const { stdout, exitCode } = await ask('check', bitbucket);

    expect(stdout).toContain('Reading: ');
    expect(exitCode).toBe(0);
  });

  it('warns about a project that does not exist', async () => {
    const { stdout, exitCode } = await ask('check', createDemoBitbucket(), {
      filters: { projectKey: '^(PAY|NOPE)$' },
    });

    expect(stdout).toMatch(/note +Listing: Project NOPE: /);
    expect(stdout).toContain('Take the key out');
    expect(exitCode).toBe(0);
  });
});

describe('check of the access of the catalog', () => {
  const TOKEN = 'BBDC-of-the-provider';
  const users = [TEST_USER, { name: 'robot', token: TOKEN }];
  const checkWith = (bitbucket: SimulatedBitbucket, integration?: JsonObject) =>
    runCommand(['check'], {
      bitbucket,
      appConfig: appConfigFor({
        bitbucket,
        integration,
        config: {
          ...DEMO_PROVIDER,
          filters: { repoSlug: '^pay-service-4$' },
          token: TOKEN,
        },
      }),
    });
  const getRaw = ({ requests }: SimulatedBitbucket) =>
    requests.filter(({ path }) => path.includes('/raw/'));

  it('reads one file as the catalog does, with the credentials of the integration', async () => {
    const bitbucket = createDemoBitbucket({ users });
    const { stdout, exitCode } = await checkWith(bitbucket);

    expect(stdout).toMatch(
      /ok +Catalog: It can read catalog-info\.yaml of PAY\/pay-service-4 \(integrations\.bitbucketServer, host bitbucket\.test\)/,
    );
    expect(getRaw(bitbucket).map(({ user, path }) => [user, path])).toEqual([
      [
        TEST_USER.name,
        '/rest/api/1.0/projects/PAY/repos/pay-service-4/raw/catalog-info.yaml?at=',
      ],
    ]);
    expect(exitCode).toBe(0);
  });

  it('fails if those credentials may not read what the provider found', async () => {
    const hidden = { ...TEST_USER, hiddenProjects: ['PAY'] };
    const bitbucket = createDemoBitbucket({ users: [hidden, ...users.slice(1)] });
    const { stdout, exitCode } = await checkWith(bitbucket);

    expect(stdout).toMatch(/FAILED +Catalog: It cannot read catalog-info\.yaml of PAY\//);
    expect(stdout).toContain(
      'Give the account of integrations.bitbucketServer, host bitbucket.test, read permission',
    );
    expect(exitCode).toBe(1);
  });

  it.each<[string, JsonObject, string]>([
    ['the integration has no credentials', {}, 'none are configured there'],
    [
      'the credentials of the integration do not work',
      { username: TEST_USER.name, password: 'wrong-password' },
      'not with those of the provider, and they do not work',
    ],
  ])('fails if %s, and sends no further request with them', async (_, own, words) => {
    const bitbucket = createDemoBitbucket({ users });
    const { stdout, exitCode } = await checkWith(bitbucket, own);

    expect(stdout).toMatch(new RegExp(`FAILED +Catalog: .*${words}`));
    expect(getRaw(bitbucket)).toEqual([]);
    expect(stdout).not.toContain('wrong-password');
    expect(exitCode).toBe(1);
  });
});

describe.each(COMMANDS)('%s of a server with a fault', command => {
  const password = (value: string) => ({ username: TEST_USER.name, password: value });

  it('names a refused connection', async () => {
    const port = await closedPort();
    const bitbucket = createDemoBitbucket({ baseUrl: `http://127.0.0.1:${port}` });
    const appConfig = appConfigFor({ bitbucket });
    const { stdout, exitCode } = await runCommand([command], { appConfig });

    expect(stdout).toContain('the connection was refused (ECONNREFUSED)');
    expect(exitCode).toBe(1);
  });

  it('names a wrong password, and tries it only once', async () => {
    const bitbucket = createDemoBitbucket();
    const appConfig = appConfigFor({
      bitbucket,
      integration: password('wrong-password'),
    });
    const { stdout, exitCode } = await runCommand([command], { bitbucket, appConfig });

    expect(stdout).toContain('Bitbucket rejected the configured credentials');
    expect(stdout).not.toContain('next scheduled run');
    expect(exitCode).toBe(1);
    expect(bitbucket.requests.length).toBeLessThanOrEqual(2);
  });

  it('names a CAPTCHA', async () => {
    const bitbucket = createDemoBitbucket();
    bitbucket.getUser(TEST_USER.name).captchaRequired = true;
    const { stdout, exitCode } = await ask(command, bitbucket);

    expect(stdout).toContain('Bitbucket demands a CAPTCHA');
    expect(exitCode).toBe(1);
  });

  it('names a token that Bitbucket treats as anonymous', async () => {
    const bitbucket = createDemoBitbucket({
      invalidTokens: 'anonymous',
      anonymousAccess: true,
    });
    const appConfig = appConfigFor({
      bitbucket,
      integration: { token: 'expired-token' },
    });
    const { stdout, exitCode } = await runCommand([command], { bitbucket, appConfig });

    expect(stdout).toContain('treats the configured credentials as anonymous');
    expect(exitCode).toBe(1);
  });

  it.each([
    ['a login page', 'login-page', 'an HTML page (a login page or a proxy?)'],
    ['something that is not Bitbucket', 'xml-404', 'an XML document (a wrong base URL?)'],
    ['a server that fails', { type: 'status', status: 503 }, 'Bitbucket failed: 503'],
    ['connections that break', 'reset', 'the connection was reset'],
  ] as const)('names %s', async (_, effect, words) => {
    const bitbucket = createDemoBitbucket();
    bitbucket.faults.add({ effect });
    const { stdout, exitCode } = await ask(command, bitbucket);

    expect(stdout).toContain(words);
    expect(exitCode).toBe(1);
  });

  it('names a forbidden listing', async () => {
    const bitbucket = createDemoBitbucket();
    bitbucket.faults.add({
      match: { kind: ['repositories', 'projects'] },
      effect: { type: 'status', status: 403, message: 'Not licensed' },
    });
    const { stdout, exitCode } = await ask(command, bitbucket);

    expect(stdout).toContain('Bitbucket refused access: 403 Not licensed');
    expect(exitCode).toBe(1);
  });

  it('shows no secret, whatever the server echoes', async () => {
    const bitbucket = createDemoBitbucket();
    const basic = Buffer.from(`${TEST_USER.name}:${TEST_USER.password}`).toString(
      'base64',
    );
    const message = `you sent ${basic} which is ${TEST_USER.password}`;
    bitbucket.faults.add({
      match: { kind: ['repositories', 'file-check', 'application-properties'] },
      effect: { type: 'status', status: 403, message },
    });
    const { stdout, stderr } = await ask(command, bitbucket);

    expect(stdout).toContain('[redacted]');
    expect(stdout + stderr).not.toContain(TEST_USER.password);
    expect(stdout + stderr).not.toContain(basic);
  });
});

describe('check --against', () => {
  const reports: FakeReport[] = [
    { providerId: 'default' },
    { providerId: 'payments', locations: 21 },
  ];

  async function checkAgainst(options: FakeBackstageOptions, token = 'the-token') {
    await using backstage = await serveBackstage({ ...options, token: 'the-token' });
    const run = await runCommand(['check', '--against', backstage.url], {
      bitbucket: createDemoBitbucket(),
      provider: DEMO_PROVIDER,
      env: { BACKSTAGE_TOKEN: token },
    });
    return { ...run, asked: backstage.asked };
  }

  it('warns about the Locations of a provider that is no longer configured', async () => {
    const { stdout, exitCode, asked } = await checkAgainst({ reports });

    expect(stdout).toMatch(
      /note +Providers: .*lacks: "payments" \(21 Locations\).*give its id to a provider/,
    );
    expect(stdout).toContain('Discovery can work.');
    expect(exitCode).toBe(0);
    expect(asked).toHaveLength(1);
  });

  it.each<[string, FakeBackstageOptions, string]>([
    [
      'all are configured',
      { reports: [{ providerId: 'default' }] },
      'ok +Providers: All',
    ],
    ['the backend has none', { reports: [] }, 'ok +Providers: All'],
    ['the backend runs the published module', {}, 'note +Providers: It does not run'],
    ['the token may not read it', { reports, mayReadReports: false }, 'note +Providers:'],
  ])('compares the providers if %s', async (_, options, words) => {
    const { stdout, exitCode } = await checkAgainst(options);

    expect(stdout).toMatch(new RegExp(words));
    expect(exitCode).toBe(0);
  });

  it('fails if the backend does not accept the token', async () => {
    const { stdout, exitCode } = await checkAgainst({ reports }, 'another');

    expect(stdout).toMatch(/FAILED +Providers: .*401, it does not accept the token/);
    expect(stdout).not.toContain('the-token');
    expect(exitCode).toBe(1);
  });

  it('refuses an address that is not a base URL before it sends a request', async () => {
    const bitbucket = createDemoBitbucket();
    const run = await runCommand(['check', '--against', 'backstage'], { bitbucket });

    expect(run.stderr).toContain('--against must be the base URL');
    expect(run.exitCode).toBe(2);
    expect(bitbucket.requests).toEqual([]);
  });
});
