import { createSimulatedBitbucket } from '../../dev/simulatedBitbucket';
import { FakeClock } from '../__testUtils__/FakeClock';
import {
  connectTestProvider,
  EACH_RUN_CHECKS,
  TEST_USER,
} from '../__testUtils__/testProvider';
import { RecordingConnection } from '../__testUtils__/recordingConnection';
import { createTestStore, createTestStores } from '../__testUtils__/testStores';
import { toKnownRepositories } from '../store/readCatalogBaseline';

const CATALOG_FILE = { 'catalog-info.yaml': 'kind: Component' };

function bitbucketWith(...slugs: string[]) {
  const bitbucket = createSimulatedBitbucket({ users: [TEST_USER] });
  bitbucket.addProject({ key: 'PAY' });
  for (const slug of slugs) {
    bitbucket.addRepository({ projectKey: 'PAY', slug, files: CATALOG_FILE });
  }
  return bitbucket;
}

const toTarget = (slug: string) =>
  `http://bitbucket.test/projects/PAY/repos/${slug}/browse/catalog-info.yaml`;

describe('a connected provider', () => {
  it('emits its anchor when it connects, before any run', async () => {
    const bitbucket = bitbucketWith();

    const { connection } = await connectTestProvider({ bitbucket });

    expect([...connection.held.keys()]).toEqual([
      'location:default/bitbucket-server-default',
    ]);
    expect(connection.mutations).toMatchObject([{ type: 'delta', removed: [] }]);
    expect(bitbucket.requests).toEqual([]);
  });

  it('uses the provider name of the published module as name and location key', async () => {
    const bitbucket = bitbucketWith('api');
    const { provider, connection, run } = await connectTestProvider({ bitbucket });

    await run();

    expect(provider.getProviderName()).toBe('bitbucketServer-provider:default');
    const keys = [...connection.held.values()].map(deferred => deferred.locationKey);
    expect(new Set(keys)).toEqual(new Set(['bitbucketServer-provider:default']));
  });

  it('emits one full mutation per complete run, including the anchor', async () => {
    const bitbucket = bitbucketWith('api', 'web');
    const { connection, run } = await connectTestProvider({ bitbucket });

    await run();
    await run();

    expect(connection.mutations.map(mutation => mutation.type)).toEqual([
      'delta',
      'full',
      'full',
    ]);
    expect(connection.targets()).toEqual([toTarget('api'), toTarget('web')]);
    expect(connection.held.has('location:default/bitbucket-server-default')).toBe(true);
  });

  it('emits the same entities, byte for byte, in every run', async () => {
    const bitbucket = bitbucketWith('api');
    const { connection, run } = await connectTestProvider({ bitbucket });

    await run();
    await run();

    const [, first, second] = connection.mutations;
    expect(JSON.stringify(second)).toBe(JSON.stringify(first));
  });

  it('annotates each Location with project key and slug, and with nothing that needs a request', async () => {
    const bitbucket = bitbucketWith('api');
    const { connection, run } = await connectTestProvider({ bitbucket });

    await run();

    const locations = [...connection.held.values()].filter(
      deferred => deferred.entity.spec?.target,
    );
    expect(locations).toMatchObject([
      {
        entity: {
          kind: 'Location',
          metadata: {
            annotations: {
              'backstage.io/managed-by-location': `url:${toTarget('api')}`,
              'bitbucket.org/project-key': 'PAY',
              'bitbucket.org/repo-slug': 'api',
            },
          },
          spec: { type: 'url', target: toTarget('api'), presence: 'required' },
        },
      },
    ]);
    expect(bitbucket.requests.filter(request => /default/.test(request.path))).toEqual(
      [],
    );
  });
});

describe('a run with failed requests', () => {
  it.each([
    ['an error status', { type: 'status', status: 500 }],
    ['a lost permission', 'lost-permission'],
    ['a login page', 'login-page'],
    ['half a JSON document', 'truncated-json'],
    ['a 404 that is not Bitbucket’s', 'xml-404'],
    ['a reset connection', 'reset'],
    ['no answer at all', 'hang'],
  ] as const)(
    'keeps the Locations of a repository whose check meets %s, and removes those proven absent',
    async (_, effect) => {
      const bitbucket = bitbucketWith('api', 'web');
      const config = EACH_RUN_CHECKS;
      const { connection, logger, run } = await connectTestProvider({
        bitbucket,
        config,
      });
      await run();
      bitbucket.removeFile('PAY', 'web', 'catalog-info.yaml');
      bitbucket.faults.add({
        match: { kind: 'file-check', repositorySlug: 'api' },
        effect,
      });

      await run();

      expect(connection.targets()).toEqual([toTarget('api')]);
      expect(logger.messages('warn').join()).toContain(
        '1 repository could not be checked, without any change in the catalog: PAY/api unknown',
      );
    },
  );

  it('keeps the known files of a repository with too many files, and names it in one warning', async () => {
    const bitbucket = bitbucketWith('api', 'web');
    const config = { catalogPath: '/**/catalog-info.yaml', maxFilesPerRepository: 3 };
    const { connection, logger, run } = await connectTestProvider({ bitbucket, config });
    await run();
    for (const directory of ['a', 'b', 'c']) {
      const path = `${directory}/catalog-info.yaml`;
      bitbucket.writeFile('PAY', 'web', path, 'kind: Component');
    }

    await run();

    expect(connection.targets()).toEqual([toTarget('api'), toTarget('web')]);
    expect(logger.messages('warn')).toEqual([
      'PAY/web unknown: too-many-files (4 files match catalogPath, more than maxFilesPerRepository (3) allows). The catalog keeps what it has of them, and nothing new is added: narrow catalogPath, or increase maxFilesPerRepository',
    ]);

    bitbucket.removeFile('PAY', 'web', 'a/catalog-info.yaml');
    await run();
    expect(connection.targets()).toHaveLength(4);
  });

  it('removes nothing and fails when the listing fails', async () => {
    const bitbucket = bitbucketWith('api', 'web');
    const { connection, run } = await connectTestProvider({ bitbucket });
    await run();
    bitbucket.deleteRepository('PAY', 'web');
    bitbucket.faults.add({
      match: { kind: 'repositories' },
      effect: { type: 'status', status: 503 },
    });

    await expect(run()).rejects.toThrow(/could not be listed completely: .*503/);

    expect(connection.targets()).toEqual([toTarget('api'), toTarget('web')]);
  });

  it('adds the files found before the listing failed, as a delta', async () => {
    const bitbucket = createSimulatedBitbucket({
      users: [TEST_USER],
      pageCaps: { repositories: 1 },
    });
    bitbucket.addProject({ key: 'PAY' });
    bitbucket.addRepository({ projectKey: 'PAY', slug: 'a', files: CATALOG_FILE });
    bitbucket.addRepository({ projectKey: 'PAY', slug: 'b', files: CATALOG_FILE });
    bitbucket.faults.add({
      match: { kind: 'repositories', start: 1 },
      effect: { type: 'status', status: 502 },
    });
    const { connection, run } = await connectTestProvider({ bitbucket });

    await expect(run()).rejects.toThrow('could not be listed completely');

    expect(connection.mutations.map(mutation => mutation.type)).toEqual([
      'delta',
      'delta',
    ]);
    expect(connection.targets()).toEqual([toTarget('a')]);
  });

  it('keeps a repository that is missing only from the listing', async () => {
    const bitbucket = bitbucketWith('api', 'web');
    const { connection, run } = await connectTestProvider({ bitbucket });
    await run();
    bitbucket.faults.add({ match: { kind: 'repositories' }, effect: 'empty-page' });

    await run();

    expect(connection.targets()).toEqual([toTarget('api'), toTarget('web')]);
  });

  it('removes a repository that Bitbucket proves gone', async () => {
    const bitbucket = bitbucketWith('api', 'web');
    const { connection, run } = await connectTestProvider({ bitbucket });
    await run();
    bitbucket.deleteRepository('PAY', 'web');

    await run();

    expect(connection.targets()).toEqual([toTarget('api')]);
  });

  it('replaces the old Location with the new one in one mutation when a repository is renamed', async () => {
    const bitbucket = bitbucketWith('api');
    const { connection, run } = await connectTestProvider({ bitbucket });
    await run();
    bitbucket.renameRepository('PAY', 'api', 'gateway');

    await run();

    expect(connection.targets()).toEqual([toTarget('gateway')]);
    expect(connection.mutations.map(mutation => mutation.type)).toEqual([
      'delta',
      'full',
      'full',
    ]);
  });

  it('does not fail because of repositories that stay unknown', async () => {
    const bitbucket = bitbucketWith('api');
    bitbucket.faults.add({ match: { kind: 'file-check' }, effect: 'lost-permission' });
    const { run } = await connectTestProvider({ bitbucket });

    await expect(run()).resolves.toBeUndefined();
  });
});

describe('a clock that was temporarily wrong', () => {
  const HOUR = 3_600_000;

  it.each([HOUR, 365 * 24 * HOUR, -HOUR])(
    'by %i ms does not affect later runs',
    async ms => {
      const bitbucket = bitbucketWith('lost', 'renamed', 'stays');
      const clock = new FakeClock();
      const config = EACH_RUN_CHECKS;
      const { connection, run } = await connectTestProvider({ bitbucket, clock, config });
      const rightMs = clock.now();
      clock.setTime(rightMs + ms);
      await run();
      clock.setTime(rightMs + 60_000);
      bitbucket.removeFile('PAY', 'lost', 'catalog-info.yaml');
      bitbucket.renameRepository('PAY', 'renamed', 'better');
      const files = { 'catalog-info.yaml': 'kind: Component' };
      bitbucket.addRepository({ projectKey: 'PAY', slug: 'added', files });

      await run();

      expect(connection.targets()).toEqual(['added', 'better', 'stays'].map(toTarget));
    },
  );

  it('does not make an interrupted run trust checks from that time', async () => {
    const bitbucket = bitbucketWith('a', 'b');
    const clock = new FakeClock();
    const options = { bitbucket, clock, config: { concurrency: 1 } };
    const { run } = await connectTestProvider(options);
    clock.setTime(clock.now() + HOUR);
    await run();
    clock.setTime(clock.now() - HOUR);
    for (const isCut of [true, false]) {
      bitbucket.clearRequests();
      const match = { kind: 'file-check' } as const;
      const cut = bitbucket.faults.add({ match, times: isCut ? 1 : 0, effect: 'hang' });
      const controller = new AbortController();
      const running = run(controller.signal);
      running.catch(() => {});
      while (isCut && cut.hits === 0) {
        await new Promise(setImmediate);
      }
      controller.abort(new Error('timed out'));
      await running.catch(() => {});
      cut.remove();
    }
    await run();

    const checked = bitbucket.requests.filter(request =>
      request.path.includes('/browse/'),
    );
    expect(checked).toHaveLength(2);
  });
});

describe('a run whose credentials do not work', () => {
  it('sends one request, fails with cause and remedy, and reveals no secret', async () => {
    const bitbucket = bitbucketWith('api');
    const { connection, logger, run } = await connectTestProvider({
      bitbucket,
      integration: { username: TEST_USER.name, password: 'wr0ng-passw0rd' },
    });

    await expect(run()).rejects.toThrow(/rejected the configured credentials.*Check/s);

    expect(bitbucket.requests).toHaveLength(1);
    expect(connection.mutations).toHaveLength(1);
    expect(logger.text()).not.toContain('wr0ng-passw0rd');
  });
});

describe('a run that is stopped', () => {
  it('keeps its results and fails, and the next run starts with the remaining repositories', async () => {
    const bitbucket = bitbucketWith('a', 'b', 'c');
    const { connection, run } = await connectTestProvider({
      bitbucket,
      config: { concurrency: 1 },
    });
    const controller = new AbortController();
    bitbucket.faults.add({
      match: { kind: 'file-check' },
      after: 1,
      times: 1,
      effect: 'hang',
    });
    const stopped = run(controller.signal);
    stopped.catch(() => {});
    while (
      !bitbucket.requests.some(request => request.path.includes('/repos/b/browse'))
    ) {
      await new Promise(setImmediate);
    }

    controller.abort(new Error('timed out'));

    await expect(stopped).rejects.toThrow(/stopped before its end.*timed out/);
    expect(connection.targets()).toEqual([toTarget('a')]);
    bitbucket.clearRequests();
    await run();
    const [first] = bitbucket.requests.filter(request =>
      request.path.includes('/browse/'),
    );
    expect(first?.path).toContain('/repos/b/');
    expect(connection.targets()).toEqual([toTarget('a'), toTarget('b'), toTarget('c')]);
  });

  it('does not fail when the backend shuts down', async () => {
    const bitbucket = bitbucketWith('a');
    const shutdown = new AbortController();
    const { run } = await connectTestProvider({
      bitbucket,
      shutdownSignal: shutdown.signal,
    });
    shutdown.abort(new Error('shutting down'));

    await expect(run()).resolves.toBeUndefined();
  });
});

describe('a first run that finds Locations of the published module in the catalog', () => {
  const taken = (...slugs: string[]) =>
    createTestStore(
      toKnownRepositories(slugs.map(toTarget)).map(repository => ({
        ...repository,
        files: repository.files.map(file => ({ ...file, presence: 'optional' as const })),
      })),
    );

  const presences = ({ held }: RecordingConnection) =>
    Object.fromEntries(
      [...held.values()].flatMap(({ entity: { spec } }) =>
        typeof spec?.target === 'string' ? [[spec.target, spec.presence]] : [],
      ),
    );

  it('keeps those that it cannot check unchanged until their file is proven to exist', async () => {
    const bitbucket = bitbucketWith('api', 'web');
    const match = { repositorySlug: 'web' };
    const fault = bitbucket.faults.add({ match, effect: 'lost-permission' });
    const { connection, run } = await connectTestProvider({
      bitbucket,
      store: taken('api', 'web'),
    });

    await run();
    expect(presences(connection)).toEqual({
      [toTarget('api')]: 'required',
      [toTarget('web')]: 'optional',
    });

    fault.remove();
    await run();
    expect(presences(connection)).toEqual({
      [toTarget('api')]: 'required',
      [toTarget('web')]: 'required',
    });
    const given = JSON.stringify([...connection.held]);

    bitbucket.faults.add({ match, effect: 'lost-permission' });
    await run();
    expect(JSON.stringify([...connection.held])).toBe(given);
  });

  it('checks those missing from the listing before it removes them', async () => {
    const bitbucket = bitbucketWith('api');
    const { connection, run } = await connectTestProvider({
      bitbucket,
      store: taken('api', 'deleted'),
    });

    await run();

    expect(connection.targets()).toEqual([toTarget('api')]);
    const confirmations = bitbucket.requests.filter(request =>
      request.path.endsWith('/deleted'),
    );
    expect(confirmations).toHaveLength(1);
  });

  it('removes nothing when the content of the catalog cannot be read', async () => {
    const bitbucket = bitbucketWith('api');
    const { connection, logger, run } = await connectTestProvider({
      bitbucket,
      store: createTestStores({
        readBaseline: async () => {
          throw new Error('no such table');
        },
      }).store,
    });

    await run();

    expect(connection.mutations.map(mutation => mutation.type)).toEqual([
      'delta',
      'delta',
    ]);
    expect(connection.targets()).toEqual([toTarget('api')]);
    expect(logger.messages('warn').join()).toContain('no such table');
  });
});
