/** What the catalog is given where a location parser makes entities of catalog files. */

import { Entity } from '@backstage/catalog-model';
import {
  createSimulatedBitbucket,
  SimulatedBitbucket,
} from '../../dev/simulatedBitbucket';
import { FakeClock } from '../__testUtils__/FakeClock';
import { createTestStores } from '../__testUtils__/testStores';
import {
  connectTestProvider,
  TEST_USER,
  TestProvider,
} from '../__testUtils__/testProvider';
import { BitbucketServerLocationParser } from './locationParser';

const FILES = { 'catalog-info.yaml': 'owner: team-a' };
const PAGE = 'http://bitbucket.test/projects/PAY/repos/api/browse';

/** One Component per repository, with the content of the file as its description. */
const parseComponent: BitbucketServerLocationParser = async function* parse(options) {
  const { client, path, repository } = options;
  const { project, slug } = repository;
  const file = await client.getFile({ projectKey: project.key, repo: slug, path });
  yield component(slug, await file.text());
};

function component(name: string, description = ''): Entity {
  return {
    apiVersion: 'backstage.io/v1alpha1',
    kind: 'Component',
    metadata: { name, description },
  };
}

function createBitbucket(clock: FakeClock, slugs: readonly string[]): SimulatedBitbucket {
  const bitbucket = createSimulatedBitbucket({ users: [TEST_USER], clock });
  slugs.forEach(slug =>
    bitbucket.addRepository({ projectKey: 'PAY', slug, files: FILES }),
  );
  return bitbucket;
}

async function discover(
  parser: BitbucketServerLocationParser = parseComponent,
  slugs: readonly string[] = ['api'],
) {
  const clock = new FakeClock();
  const bitbucket = createBitbucket(clock, slugs);
  const provider = await connectTestProvider({ bitbucket, clock, parser });
  await provider.run();
  return { ...provider, bitbucket };
}

/** What the provider has in the catalog besides its anchor. */
function getRefs({ connection }: Pick<TestProvider, 'connection'>): string[] {
  return [...connection.held.keys()].filter(ref => !ref.includes('/bitbucket-server-'));
}

function getDescription({ connection }: TestProvider, ref: string) {
  return connection.held.get(ref)?.entity.metadata.description;
}

async function evaluate(scene: TestProvider, slug: string) {
  const client = scene.context.clients.createForEvent();
  return scene.clock.run(
    scene.evaluator.evaluate({ address: { projectKey: 'PAY', slug } }, client),
  );
}

describe('a run with a location parser', () => {
  it('emits the entities of the parser in place of Locations', async () => {
    const scene = await discover();

    expect(getRefs(scene)).toEqual(['component:default/api']);
    expect(getDescription(scene, 'component:default/api')).toBe('owner: team-a');
    expect(scene.connection.held.get('component:default/api')?.locationKey).toBe(
      'bitbucketServer-provider:default',
    );
  });

  it('passes the file to the parser, without secrets', async () => {
    const seen: unknown[] = [];
    const clock = new FakeClock();
    const bitbucket = createBitbucket(clock, []);
    bitbucket.addRepository({
      projectKey: 'PAY',
      slug: 'api',
      name: 'The API',
      description: 'Takes payments',
      branches: { release: { 'docs/catalog-info.yaml': '' } },
    });
    const provider = await connectTestProvider({
      bitbucket,
      clock,
      config: { branch: 'release', catalogPath: ['/docs/*.yaml', '/other.yaml'] },
      async *parser({ client, logger, ...options }) {
        seen.push(options);
        logger.info('parsed');
        yield component('api');
      },
    });
    await provider.run();

    expect(seen).toEqual([
      {
        repository: {
          id: expect.any(Number),
          project: { key: 'PAY' },
          slug: 'api',
          name: 'The API',
          description: 'Takes payments',
          links: { self: [{ href: PAGE }] },
          archived: false,
          public: false,
          fork: false,
        },
        branch: 'release',
        path: 'docs/catalog-info.yaml',
        location: {
          type: 'url',
          target: `${PAGE}/docs/catalog-info.yaml?at=release`,
          presence: 'optional',
        },
        config: {
          id: 'default',
          host: 'bitbucket.test',
          catalogPaths: ['/docs/*.yaml', '/other.yaml'],
          branch: 'release',
          validateLocationsExist: true,
        },
      },
    ]);
    expect(provider.logger.messages('info')).toContain('parsed');
  });

  it('accepts any number of entities for one file', async () => {
    const scene = await discover(async function* parse() {
      yield component('one');
      yield component('two');
    });

    expect(getRefs(scene)).toEqual(['component:default/one', 'component:default/two']);
  });

  it('reports a file without entities as absent, and removes its former entities', async () => {
    const yields = [component('api')];
    const scene = await discover(
      async function* parse({ repository }) {
        yield* repository.slug === 'api' ? yields : [component(repository.slug)];
      },
      ['api', 'web'],
    );
    yields.pop();
    await scene.run();

    expect(getRefs(scene)).toEqual(['component:default/web']);
    const report = await scene.reports.loadDiscovery('default');
    expect(report?.lastRun?.summary.reasons.absent).toEqual({ 'no-catalog-file': 1 });
  });

  it('calls the parser for repositories without a file if files are not checked', async () => {
    const clock = new FakeClock();
    const bitbucket = createSimulatedBitbucket({ users: [TEST_USER], clock });
    bitbucket.addRepository({ projectKey: 'PAY', slug: 'no-file' });
    const scene = await connectTestProvider({
      bitbucket,
      clock,
      config: { validateLocationsExist: false },
      async *parser({ repository }) {
        yield component(repository.slug);
      },
    });
    await scene.run();

    expect(getRefs(scene)).toEqual(['component:default/no-file']);
  });

  it('counts the requests of the parser', async () => {
    const scene = await discover();

    const paths = scene.bitbucket.requests.map(request => request.path);
    expect(paths.filter(path => path.includes('/raw/'))).toEqual([
      '/rest/api/1.0/projects/PAY/repos/api/raw/catalog-info.yaml',
    ]);
    const report = await scene.reports.loadDiscovery('default');
    expect(report?.lastRun?.requests).toBe(paths.length);
  });

  it('removes the entities of a file that is gone', async () => {
    const scene = await discover(parseComponent, ['api', 'web']);
    scene.bitbucket.removeFile('PAY', 'api', 'catalog-info.yaml');
    await scene.run();

    expect(getRefs(scene)).toEqual(['component:default/web']);
  });

  it('keeps the entities while the repository is unknown', async () => {
    const scene = await discover(parseComponent, ['api', 'web']);
    scene.bitbucket.faults.add({
      match: { path: /repos\/api\/browse/ },
      effect: { type: 'lost-permission' },
    });
    await scene.run();

    expect(getRefs(scene)).toEqual(
      expect.arrayContaining(['component:default/api', 'component:default/web']),
    );
    expect(getDescription(scene, 'component:default/api')).toBe('owner: team-a');
  });

  it('keeps the same entity when the repository is renamed', async () => {
    const scene = await discover(async function* parse() {
      yield component('stable');
    });
    scene.bitbucket.renameRepository('PAY', 'api', 'payments');
    await scene.run();

    const report = await scene.reports.loadDiscovery('default');
    expect(getRefs(scene)).toEqual(['component:default/stable']);
    expect(report?.lastRun?.summary).toMatchObject({ removed: 0, heldBack: 0 });
  });

  it('holds back removals if the parser suddenly yields much less', async () => {
    const slugs = Array.from({ length: 20 }, (_, index) => `r${index}`);
    let isBroken = false;
    const scene = await discover(async function* parse({ repository }) {
      yield component(`main-${repository.slug}`);
      if (!isBroken) {
        yield component(`extra-${repository.slug}`);
      }
    }, slugs);
    isBroken = true;
    await scene.run();

    const report = await scene.reports.loadDiscovery('default');
    expect(report?.lastRun?.summary).toMatchObject({ removed: 0, heldBack: 20 });
    expect(getRefs(scene)).toHaveLength(40);
  });

  it('replaces Locations with entities once a parser is set, and vice versa', async () => {
    const clock = new FakeClock();
    const slugs = Array.from({ length: 20 }, (_, index) => `r${index}`);
    const bitbucket = createBitbucket(clock, slugs);
    const without = await connectTestProvider({ bitbucket, clock });
    await without.run();
    const shared = { bitbucket, clock, store: without.store };

    const { connection } = without;
    const parser = parseComponent;
    const set = await connectTestProvider({ ...shared, connection, parser });
    await set.run();
    expect(getRefs(set).sort()).toEqual(
      slugs.map(slug => `component:default/${slug}`).sort(),
    );

    const back = await connectTestProvider({ ...shared, connection });
    await back.run();
    expect(getRefs(back).every(ref => ref.startsWith('location:'))).toBe(true);
    expect(getRefs(back)).toHaveLength(20);
  });

  it('keeps everything if the parser fails on everything after a restart', async () => {
    const scene = await discover(parseComponent, ['api', 'web']);
    const state = await scene.store.load('default');
    const { store } = createTestStores({ readBaseline: async () => state });
    const parser: BitbucketServerLocationParser = () => {
      throw new Error('broken');
    };
    const { bitbucket, clock, connection } = scene;
    const again = await connectTestProvider({
      bitbucket,
      clock,
      connection,
      store,
      parser,
    });
    await again.run();

    expect(getRefs(again).sort()).toEqual([
      'component:default/api',
      'component:default/web',
    ]);
  });
});

describe('an event with a location parser', () => {
  it('emits a changed entity again', async () => {
    const scene = await discover(parseComponent, ['api', 'web']);
    const before = scene.connection.mutations.length;
    scene.bitbucket.writeFile('PAY', 'api', 'catalog-info.yaml', 'owner: team-b');
    await evaluate(scene, 'api');

    expect(getDescription(scene, 'component:default/api')).toBe('owner: team-b');
    expect(scene.connection.mutations.slice(before)).toEqual([
      { type: 'delta', added: [expect.anything()], removed: [] },
    ]);
  });

  it('does not change the catalog if nothing is different', async () => {
    const scene = await discover();
    const before = scene.connection.mutations.length;
    await evaluate(scene, 'api');

    expect(scene.connection.mutations).toHaveLength(before);
  });

  it('removes entities that are no longer yielded', async () => {
    const scene = await discover(parseComponent, ['api', 'web']);
    scene.bitbucket.removeFile('PAY', 'api', 'catalog-info.yaml');
    await evaluate(scene, 'api');

    expect(getRefs(scene)).toEqual(['component:default/web']);
  });

  it.each([
    ['first', 'api', 'web'],
    ['second', 'web', 'api'],
  ])(
    'leaves an entity to another repository that yields it too, if the %s one goes',
    async (_, leaving, staying) => {
      const scene = await discover(
        async function* parse({ repository }) {
          yield component('shared', repository.slug);
          yield component(repository.slug);
        },
        ['api', 'web'],
      );
      expect(scene.logger.messages('warn')).toEqual([
        expect.stringContaining('component:default/shared by PAY/api, PAY/web'),
      ]);
      scene.bitbucket.removeFile('PAY', leaving, 'catalog-info.yaml');
      await evaluate(scene, leaving);

      expect(getRefs(scene).sort()).toEqual(
        ['component:default/shared', `component:default/${staying}`].sort(),
      );
      expect(getDescription(scene, 'component:default/shared')).toBe(staying);
    },
  );

  it('changes nothing and is retried if the parser fails', async () => {
    let isBroken = false;
    const scene = await discover(async function* parse() {
      if (isBroken) {
        throw new Error('no owner');
      }
      yield component('api');
    });
    isBroken = true;
    const evaluation = await evaluate(scene, 'api');

    expect(evaluation).toEqual({
      kind: 'unknown',
      problem: {
        reason: 'parser-failed',
        detail: 'The location parser failed: no owner',
      },
    });
    expect(getRefs(scene)).toEqual(['component:default/api']);
  });
});
