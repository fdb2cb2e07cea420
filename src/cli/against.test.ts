import { SimulatedBitbucket } from '../../dev/simulatedBitbucket';
import { appConfigFor, TEST_USER } from '../__testUtils__/testProvider';
import { createDemoBitbucket, DEMO_PROVIDER } from './__testUtils__/demoBitbucket';
import {
  FakeBackstageOptions,
  FakeLocation,
  serveBackstage,
} from './__testUtils__/fakeBackstage';
import { runCommand, RunCommandOptions } from './__testUtils__/runCommand';
import { CatalogDifference, PreviewDocument } from './previewDocument';

const TOKEN = 'backstage-token-nobody-may-see';

const target = (projectKey: string, slug: string, file = 'catalog-info.yaml') =>
  `http://bitbucket.test/projects/${projectKey}/repos/${slug}/browse/${file}`;

/** The Locations of the 45 catalog files of the demo. */
function found(): FakeLocation[] {
  return ['PAY', 'SHOP', 'DATA'].flatMap(key =>
    Array.from({ length: 15 }, (_, index) => ({
      target: target(key, `${key.toLowerCase()}-service-${4 * (index + 1)}`),
    })),
  );
}

async function compare(
  locations: readonly FakeLocation[],
  bitbucket: SimulatedBitbucket = createDemoBitbucket(),
  options: RunCommandOptions = {},
): Promise<{ against: CatalogDifference | undefined; exitCode: number; stderr: string }> {
  await using backstage = await serveBackstage({ locations, token: TOKEN, pageSize: 20 });
  const { stdout, ...rest } = await runCommand(
    ['preview', '--json', '--against', backstage.url],
    {
      bitbucket,
      provider: DEMO_PROVIDER,
      env: { BACKSTAGE_TOKEN: TOKEN },
      ...options,
    },
  );
  const document: PreviewDocument = JSON.parse(stdout);
  return { ...rest, against: document.providers[0]?.against };
}

describe('preview --against', () => {
  it('finds no difference if the catalog has exactly the discovered Locations', async () => {
    const { against, exitCode } = await compare(found());

    expect(against).toMatchObject({ added: [], removed: [], unchanged: 45 });
    expect(exitCode).toBe(0);
  });

  it('lists the Locations that would be added', async () => {
    const [first, ...others] = found();
    const { against, exitCode } = await compare(others);

    expect(against).toMatchObject({
      added: [first?.target],
      removed: [],
      unchanged: 44,
    });
    expect(exitCode).toBe(0);
  });

  it.each([
    ['whose file is gone', target('PAY', 'pay-service-1')],
    ['that the filters leave out', target('PAY', 'sandbox-tests')],
    ['that was deleted', target('PAY', 'deleted-long-ago')],
    ['with another file', target('PAY', 'pay-service-4', 'other.yaml')],
  ])('would remove the Location of a repository %s', async (_, gone) => {
    const { against, exitCode } = await compare([...found(), { target: gone }]);

    expect(against).toMatchObject({ added: [], removed: [gone], unchanged: 45 });
    expect(exitCode).toBe(0);
  });

  it.each([
    ['that cannot be read', target('DATA', 'forbidden')],
    ['on which Bitbucket fails', target('DATA', 'broken-storage')],
    ['that is being imported', target('DATA', 'being-imported')],
  ])('keeps the Location of a repository %s', async (_, kept) => {
    const { against } = await compare([...found(), { target: kept }]);

    expect(against).toMatchObject({ added: [], removed: [], unchanged: 46 });
  });

  it('keeps the Location of a repository that the account may no longer see', async () => {
    const bitbucket = createDemoBitbucket();
    bitbucket.hide(TEST_USER.name, 'PAY/pay-service-4');
    bitbucket.faults.add({
      match: { kind: 'repository', repositorySlug: 'pay-service-4' },
      effect: 'lost-permission',
    });
    const { against } = await compare(found(), bitbucket);

    expect(against).toMatchObject({ added: [], removed: [], unchanged: 45 });
  });

  it('removes nothing if the listing failed', async () => {
    const bitbucket = createDemoBitbucket({ pageCaps: { repositories: 50 } });
    bitbucket.faults.add({
      match: { kind: 'repositories', start: 100 },
      effect: { type: 'status', status: 503 },
    });
    const { against, exitCode } = await compare(found(), bitbucket);

    expect(against).toMatchObject({ added: [], removed: [], unchanged: 45 });
    expect(exitCode).toBe(1);
  });

  it('does not change Locations that are registered by hand, read from a file or not in a Bitbucket Server', async () => {
    const { against } = await compare([
      ...found().slice(1),
      { target: found()[0]?.target ?? '', by: 'hand' },
      { target: target('PAY', 'pay-service-1'), by: 'hand' },
      { target: target('PAY', 'pay-service-2'), by: 'other-file' },
      { target: 'https://github.com/a/b/blob/main/catalog-info.yaml' },
      { target: 'no URL at all' },
    ]);

    expect(against).toMatchObject({ added: [], removed: [], unchanged: 45 });
  });

  it('removes a Location on another host, since the host may have been renamed', async () => {
    const elsewhere = target('PAY', 'x').replace('bitbucket.test', 'old.test');
    const { against } = await compare([...found(), { target: elsewhere }]);

    expect(against).toMatchObject({ added: [], removed: [elsewhere], unchanged: 45 });
  });

  it('counts files that get another target as replaced, since their entities are created again', async () => {
    const respelt = `${target('PAY', 'pay-service-4')}?at=main`;
    const locations = [...found().slice(1), { target: respelt }];
    await using backstage = await serveBackstage({ locations });
    const { stdout } = await runCommand(['preview', '--against', backstage.url], {
      bitbucket: createDemoBitbucket(),
      provider: DEMO_PROVIDER,
    });

    expect(stdout).toContain(
      '1 would be added, 1 removed (1 replaced by the same file under another URL), 0 held back, 44 unchanged.',
    );
  });

  it('recognizes the Locations of the published module', async () => {
    const gone = target('PAY', 'pay-service-1');
    const { against } = await compare([
      ...found().map(location => ({ ...location, by: 'published-module' as const })),
      { target: gone, by: 'published-module' },
    ]);

    expect(against).toMatchObject({
      knownBy: 'entities',
      added: [],
      removed: [gone],
      unchanged: 45,
    });
  });

  describe('if a mass removal is due', () => {
    const goes = Array.from({ length: 40 }, (_, index) => target('OLD', `gone-${index}`));
    const locations = [...found(), ...goes.map(goneTarget => ({ target: goneTarget }))];
    const reason =
      '40 of 85 Locations (47.1 %) would be removed, more than removals.maxPercentage (30 %) allows at once';

    it('reports that the removal would be held back, and why', async () => {
      const { against, exitCode } = await compare(locations);

      expect(against).toMatchObject({
        added: [],
        removed: [],
        heldBack: [...goes].sort(),
        heldBackReason: expect.stringContaining(reason),
        unchanged: 45,
      });
      expect(exitCode).toBe(0);
    });

    it('shows the same on the console and on the page', async () => {
      await using backstage = await serveBackstage({ locations });
      const { stdout, written } = await runCommand(
        ['preview', '--against', backstage.url, '--html', 'page.html'],
        { bitbucket: createDemoBitbucket(), provider: DEMO_PROVIDER },
      );

      expect(stdout).toContain(
        '0 would be added, 0 removed, 40 held back, 45 unchanged.',
      );
      expect(stdout).toContain(`Held back: ${reason}`);
      expect(stdout).toMatch(/^ += .*gone-39\/browse/m);
      expect(written.get('page.html')).toMatch(/Held back<\/b> 40 Locations/);
      expect(written.get('page.html')).toContain(reason);
    });

    it('reports the removal if the guard is off', async () => {
      const provider = { ...DEMO_PROVIDER, removals: { maxPercentage: 100 } };
      const { against } = await compare(locations, undefined, { provider });

      expect(against).toMatchObject({ removed: [...goes].sort(), heldBack: [] });
    });
  });

  describe('if the backend has a report', () => {
    async function compareReported(
      options: FakeBackstageOptions,
      args: readonly string[] = [],
    ) {
      await using backstage = await serveBackstage(options);
      const { stdout, stderr } = await runCommand(
        ['preview', '--json', '--against', backstage.url, ...args],
        { bitbucket: createDemoBitbucket(), provider: DEMO_PROVIDER },
      );
      const document: PreviewDocument = JSON.parse(stdout);
      return { against: document.providers[0]?.against, stderr };
    }

    const targets = found().map(location => location.target);

    it('counts Locations that the catalog does not show because their file is broken', async () => {
      const [broken = '', ...shown] = targets;
      const { against } = await compareReported({
        locations: shown.map(url => ({ target: url })),
        reports: [{ providerId: 'default', targets: [broken, ...shown] }],
      });

      expect(against).toMatchObject({
        knownBy: 'report',
        added: [],
        removed: [],
        unchanged: 45,
      });
    });

    it('counts held removals of repositories that no run lists any more', async () => {
      const held = Array.from({ length: 25 }, (_, index) =>
        target('OLD', `gone-${index}`),
      );
      const { against } = await compareReported({
        reports: [{ providerId: 'default', targets, held }],
      });

      expect(against).toMatchObject({
        removed: [],
        heldBack: held.sort(),
        unchanged: 45,
      });
    });

    it('does not change the Locations of other providers of the backend', async () => {
      const other = target('OLD', 'of-another-provider');
      const { against } = await compareReported({
        locations: [...targets, other].map(url => ({ target: url })),
        reports: [
          { providerId: 'default', targets },
          { providerId: 'another', targets: [other] },
        ],
      });

      expect(against).toMatchObject({ added: [], removed: [], unchanged: 45 });
    });

    it('warns about the Locations of a provider whose id has changed, and lists them as added', async () => {
      const { against, stderr } = await compareReported({
        locations: found(),
        reports: [{ providerId: 'payments', targets }],
      });

      expect(stderr).toContain(
        'providers that this configuration lacks: "payments" (45 Locations)',
      );
      expect(stderr).toContain('catalog.orphanProviderStrategy');
      expect(against).toMatchObject({ added: [...targets].sort(), unchanged: 0 });
    });

    it('reads all pages of the report', async () => {
      const many = Array.from({ length: 1_500 }, (_, index) =>
        target('OLD', `gone-${index}`),
      );
      const { against } = await compareReported({
        reports: [{ providerId: 'default', targets: many }],
      });

      expect(against?.heldBack).toHaveLength(1_500);
    });

    it.each([
      ['no run has begun', { status: 'never-run' as const }, {}],
      ['the last run has failed', { status: 'failed' as const }, {}],
      ['the token may not read it', {}, { mayReadReports: false }],
    ])('compares with the entities if %s', async (_, report, options) => {
      const gone = target('PAY', 'pay-service-1');
      const { against } = await compareReported({
        locations: [...targets, gone].map(url => ({ target: url })),
        reports: [{ providerId: 'default', targets: targets.slice(1), ...report }],
        ...options,
      });

      expect(against).toMatchObject({
        knownBy: 'entities',
        added: [],
        removed: [gone],
        unchanged: 45,
      });
    });
  });

  it('does not remove for one provider the Locations that another provider of the host finds', async () => {
    const bitbucket = createDemoBitbucket();
    const { host } = new URL(bitbucket.baseUrl);
    const appConfig = {
      ...appConfigFor({ bitbucket }),
      catalog: {
        providers: {
          bitbucketServer: {
            pay: { host, filters: { projectKey: '^PAY$', skipArchivedRepos: true } },
            rest: {
              host,
              filters: { projectKey: '^(SHOP|DATA)$', skipForkedRepos: true },
            },
          },
        },
      },
    };
    const gone = { target: target('OLD', 'gone') };
    const locations = [
      ...found(),
      gone,
      { target: target('PAY', 'sandbox-tests') },
      { target: target('DATA', 'forbidden') },
    ];
    await using backstage = await serveBackstage({ locations });
    const args = ['preview', '--json', '--against', backstage.url];
    const all = await runCommand(args, { bitbucket, appConfig });
    const result = await runCommand([...args, '--provider', 'pay'], {
      bitbucket,
      appConfig,
    });

    const differences = (text: string) => {
      const document: PreviewDocument = JSON.parse(text);
      return document.providers.map(({ against }) => against);
    };
    expect(differences(all.stdout)).toMatchObject([
      { added: [], removed: [gone.target], unchanged: 16 },
      { added: [], removed: [], unchanged: 31 },
    ]);
    expect(differences(result.stdout)).toEqual(differences(all.stdout).slice(0, 1));
  });

  it('does not remove the Locations of another provider, previewed or not', async () => {
    const bitbucket = createDemoBitbucket();
    const { host } = new URL(bitbucket.baseUrl);
    const appConfig = {
      ...appConfigFor({ bitbucket }),
      catalog: {
        providers: {
          bitbucketServer: {
            // All Locations of PAY come from this provider, which now excludes some repositories.
            active: { host, filters: { projectKey: '^PAY$', skipArchivedRepos: true } },
            all: { host, filters: { projectKey: '^PAY$' } },
          },
        },
      },
    };
    const locations = [...found().slice(0, 15), { target: target('PAY', 'retired') }];
    const reported = locations.map(location => location.target);
    for (const reports of [
      undefined,
      [
        { providerId: 'active', targets: reported },
        { providerId: 'all', targets: reported },
      ],
    ]) {
      await using backstage = await serveBackstage({ locations, reports });
      const args = ['preview', '--json', '--against', backstage.url];
      for (const more of [[], ['--provider', 'active']]) {
        const { stdout } = await runCommand([...args, ...more], { bitbucket, appConfig });
        const document: PreviewDocument = JSON.parse(stdout);

        expect(document.providers[0]?.against).toMatchObject({
          removed: [],
          heldBack: [],
        });
      }
    }
  });

  it('prints exactly the differences', async () => {
    await using backstage = await serveBackstage({
      locations: [...found().slice(1), { target: target('PAY', 'pay-service-1') }],
    });
    const { stdout } = await runCommand(['preview', '--against', backstage.url], {
      bitbucket: createDemoBitbucket(),
      provider: DEMO_PROVIDER,
    });

    expect(stdout).toContain(`Compared with the catalog at ${backstage.url}`);
    expect(stdout).toContain('1 would be added, 1 removed, 0 held back, 44 unchanged.');
    expect(stdout).toMatch(/^ +\+ .*pay-service-4\/browse/m);
    expect(stdout).toMatch(/^ +- .*pay-service-1\/browse/m);
    expect(stdout).toContain('The backend has no report of this provider');
  });

  it.each([
    ['no token', {}, 'Set BACKSTAGE_TOKEN or use --token'],
    [
      'a wrong token',
      { BACKSTAGE_TOKEN: 'wrong-token-1234' },
      'does not accept the token',
    ],
  ])(
    'prints the remedy for %s before it sends a request to Bitbucket',
    async (_, env, words) => {
      await using backstage = await serveBackstage({ token: TOKEN });
      const bitbucket = createDemoBitbucket();
      const { stderr, stdout, exitCode } = await runCommand(
        ['preview', '--against', backstage.url],
        { bitbucket, env },
      );

      expect(stderr).toContain('401');
      expect(stderr).toContain(words);
      expect(stderr + stdout).not.toContain('wrong-token-1234');
      expect(exitCode).toBe(1);
      expect(bitbucket.requests).toHaveLength(0);
    },
  );

  it.each([
    ['a forbidden catalog', { status: 403, body: '{}' }, 'catalog.entity.read'],
    ['an address without a catalog', { status: 404, body: '{}' }, 'of the backend'],
    ['a frontend', { status: 200, body: '<html></html>' }, 'of the backend'],
    ['other JSON', { status: 200, body: '{"items":7}' }, 'of the backend'],
    ['a broken backend', { status: 500, body: 'oops' }, 'status 500'],
  ])('names the fault of %s', async (_, answer, words) => {
    await using backstage = await serveBackstage({ answer });
    const { stderr, exitCode } = await runCommand(
      ['preview', '--against', backstage.url, '--token', TOKEN],
      { bitbucket: createDemoBitbucket() },
    );

    expect(stderr).toContain(`The catalog at ${backstage.url} cannot be read: `);
    expect(stderr).toContain(words);
    expect(stderr).not.toContain(TOKEN);
    expect(exitCode).toBe(1);
  });

  it('names a backend that cannot be reached', async () => {
    const backstage = await serveBackstage();
    await backstage[Symbol.asyncDispose]();
    const { stderr, exitCode } = await runCommand(
      ['preview', '--against', backstage.url],
      { bitbucket: createDemoBitbucket() },
    );

    expect(stderr).toContain('the connection was refused');
    expect(exitCode).toBe(1);
  });

  describe('with a backend that redirects', () => {
    const run = (url: string) =>
      runCommand(['preview', '--against', url, '--token', TOKEN], {
        bitbucket: createDemoBitbucket(),
      });

    it('requests no other address, not even another port, and names the target of the redirect', async () => {
      await using elsewhere = await serveBackstage({ locations: found() });
      const headers = { Location: `${elsewhere.url}/login/${TOKEN}?token=${TOKEN}` };
      const answer = { status: 302, body: '', headers };
      await using backstage = await serveBackstage({ answer });
      const { stderr, exitCode } = await run(backstage.url);

      expect(elsewhere.asked).toEqual([]);
      expect(stderr).toContain(
        `The catalog at ${backstage.url} cannot be read: 302, it redirects to ${elsewhere.url}. `,
      );
      expect(stderr).not.toContain(TOKEN);
      expect(exitCode).toBe(1);
    });

    it.each([
      ['a host with the token in its name', `https://${TOKEN}.example.com/`, '.'],
      ['an invalid address', 'https://[', '.'],
      ['itself', '/api/catalog/entities/by-query', ' again and again.'],
    ])('fails on a redirect to %s', async (_, location, words) => {
      const answer = { status: 307, body: '', headers: { Location: location } };
      await using backstage = await serveBackstage({ answer });
      const { stderr, exitCode } = await run(backstage.url);

      expect(stderr).toContain(`307, it redirects${words}`);
      expect(stderr).not.toContain(TOKEN);
      expect(exitCode).toBe(1);
    });
  });

  it.each([
    ['repeat', () => '0'],
    ['never end', (page: number) => String(page + 1)],
  ])('fails on pages that %s', async (words, cursorAfter) => {
    await using backstage = await serveBackstage({ locations: found(), cursorAfter });
    const { stderr, exitCode } = await runCommand(
      ['preview', '--against', backstage.url],
      { bitbucket: createDemoBitbucket() },
    );

    expect(stderr).toContain(`cannot be read: its pages ${words}`);
    expect(exitCode).toBe(1);
  });

  it('fails on an answer with more values than any catalog returns', async () => {
    const body = `{"items":[],"pageInfo":{},"more":[${'0,'.repeat(1_000_000)}0]}`;
    await using backstage = await serveBackstage({ answer: { status: 200, body } });
    const { stderr, exitCode } = await runCommand(
      ['preview', '--against', backstage.url],
      { bitbucket: createDemoBitbucket() },
    );

    expect(stderr).toContain('the answer does not come from a catalog');
    expect(exitCode).toBe(1);
  });

  it('refuses a token that cannot be sent in a header, without showing it', async () => {
    const { stderr, exitCode } = await runCommand(
      ['preview', '--against', 'http://backstage.test', '--token', 'two\nlines'],
      { bitbucket: createDemoBitbucket() },
    );

    expect(stderr).toContain('The token');
    expect(stderr).not.toContain('lines');
    expect(exitCode).toBe(2);
  });

  it.each(['backstage', 'ftp://backstage', 'http://user:pass-word@backstage.test'])(
    'refuses the address %s with exit code 2',
    async url => {
      const { stderr, exitCode } = await runCommand(['preview', '--against', url], {
        bitbucket: createDemoBitbucket(),
      });

      expect(stderr).toContain('--against must');
      expect(stderr).not.toContain('pass-word');
      expect(exitCode).toBe(2);
    },
  );
});
