import { asDatabaseService, createTestDatabases } from '../__testUtils__/testDatabases';
import { KnownRepository, ProviderMemory } from '../discovery/types';
import { DatabaseMemoryStore } from './DatabaseMemoryStore';
import { DiscoveryDatabase } from './DiscoveryDatabase';

const databases = createTestDatabases();

const EMPTY: ProviderMemory = { repositories: [], held: [] };

const file = (slug: string) => ({
  path: 'catalog-info.yaml',
  targetUrl: `https://host/projects/PAY/repos/${slug}/browse/catalog-info.yaml`,
  presence: 'required' as const,
});

function repository(id: number, slug: string): KnownRepository {
  return {
    repositoryId: id,
    projectKey: 'PAY',
    slug,
    files: [file(slug)],
    settled: { kind: 'registered', files: [file(slug)] },
    checkedAtMs: 1_790_000_000_000 + id,
  };
}

const held = (id: number, slug: string) => ({
  repositoryId: id,
  targetUrl: file(slug).targetUrl,
  sinceMs: 1_790_000_000_000,
  approved: false,
});

const byId = (memory: ProviderMemory | undefined) =>
  [...(memory?.repositories ?? [])].sort((a, b) => a.repositoryId - b.repositoryId);

describe.each(databases.eachSupportedId())('the memory in %s', databaseId => {
  async function createStore(baseline: ProviderMemory | undefined = EMPTY) {
    const knex = await databases.init(databaseId);
    const database = asDatabaseService(knex);
    return {
      knex,
      store: new DatabaseMemoryStore(
        new DiscoveryDatabase(database),
        async () => baseline,
      ),
      reopen: () =>
        new DatabaseMemoryStore(new DiscoveryDatabase(database), async () => baseline),
    };
  }

  it('begins with what the catalog holds', async () => {
    const baseline = { repositories: [repository(-1, 'api')], held: [] };
    const { store } = await createStore(baseline);

    expect(await store.load('default')).toEqual(baseline);
  });

  it('cannot tell anything where the catalog could not be read', async () => {
    const knex = await databases.init(databaseId);
    const store = new DatabaseMemoryStore(
      new DiscoveryDatabase(asDatabaseService(knex)),
      async () => undefined,
    );

    expect(await store.load('default')).toBeUndefined();
  });

  it('gives back after a restart what was saved, each provider its own', async () => {
    const { store, reopen } = await createStore();
    const memory: ProviderMemory = {
      repositories: [
        repository(1, 'api'),
        {
          repositoryId: 2,
          projectKey: '~jdoe',
          slug: 'empty',
          files: [],
          settled: { kind: 'absent', reason: 'empty-repository' },
          checkedAtMs: 5,
        },
        {
          repositoryId: -3,
          projectKey: 'PAY',
          slug: 'unknown',
          files: [file('unknown')],
        },
      ],
      held: [held(1, 'api')],
      unfinishedPass: { sinceMs: 1_790_000_000_123, scope: 'catalog-info.yaml' },
    };

    await store.save('default', memory);
    await store.save('other', EMPTY);

    const loaded = await reopen().load('default');
    expect(byId(loaded)).toEqual(byId(memory));
    expect(loaded?.held).toEqual(memory.held);
    expect(loaded?.unfinishedPass).toEqual(memory.unfinishedPass);
    expect(await reopen().load('other')).toEqual({ ...EMPTY, unfinishedPass: undefined });
  });

  it('takes files that an earlier version wrote for what the catalog was given then', async () => {
    const { presence: _, ...earlier } = file('api');
    const { store, knex } = await createStore();
    await store.save('default', { repositories: [repository(7, 'api')], held: [] });
    const outcome = { kind: 'registered', files: [earlier] };
    await knex('bitbucket_server_discovery_repositories').update({
      files: JSON.stringify([earlier]),
      outcome: JSON.stringify(outcome),
    });

    const files = [{ ...earlier, presence: 'optional' }];
    expect((await store.load('default'))?.repositories).toEqual([
      { ...repository(7, 'api'), files, settled: { kind: 'registered', files } },
    ]);
  });

  it('gives back what a location parser made, to the letter', async () => {
    const json = '{"kind":"Component","metadata":{"name":"ü \\"quoted\\""}}';
    const made = { ...file('api'), entity: { key: 'component:default/api', json } };
    const known: KnownRepository = {
      ...repository(7, 'api'),
      files: [made],
      settled: { kind: 'registered', files: [made] },
    };
    const { store, reopen } = await createStore();
    await store.save('default', { repositories: [known], held: [] });

    expect((await reopen().load('default'))?.repositories).toEqual([known]);
  });

  it('forgets what a later save does not name', async () => {
    const { store } = await createStore();
    await store.save('default', {
      repositories: [repository(1, 'api'), repository(2, 'web')],
      held: [held(1, 'api'), held(2, 'web')],
    });

    await store.save('default', {
      repositories: [repository(2, 'web')],
      held: [held(2, 'web')],
    });

    const loaded = await store.load('default');
    expect(byId(loaded)).toEqual([repository(2, 'web')]);
    expect(loaded?.held).toEqual([held(2, 'web')]);
  });

  it('stores thousands of repositories', async () => {
    const { store } = await createStore();
    const repositories = Array.from({ length: 2_500 }, (_, id) =>
      repository(id, `r${id}`),
    );

    await store.save('default', { repositories, held: [] });

    expect(byId(await store.load('default'))).toEqual(repositories);
  });

  it('keeps an approval when the same removal is held again', async () => {
    const { store } = await createStore();
    const memory = { repositories: [], held: [held(1, 'api'), held(2, 'web')] };
    await store.save('default', memory);

    await store.approve('default', [file('api').targetUrl]);
    await store.save('default', memory);

    expect(await store.loadApprovals('default')).toEqual(
      new Set([file('api').targetUrl]),
    );
  });

  it('forgets an approval with the removal it was for', async () => {
    const { store } = await createStore();
    const memory = { repositories: [], held: [held(1, 'api')] };
    await store.save('default', memory);
    await store.approve('default', [file('api').targetUrl]);

    await store.save('default', EMPTY);
    await store.save('default', memory);

    expect(await store.loadApprovals('default')).toEqual(new Set());
  });

  it('does not approve what is not held', async () => {
    const { store } = await createStore();
    await store.save('default', { repositories: [], held: [held(1, 'api')] });

    await store.approve('default', ['https://host/other']);
    await store.approve('other', [file('api').targetUrl]);

    expect(await store.loadApprovals('default')).toEqual(new Set());
  });

  it('remembers a pass that never ended, with what it had looked at', async () => {
    const baseline = { repositories: [repository(-1, 'old')], held: [] };
    const { store, reopen } = await createStore(baseline);
    const pass = { sinceMs: 17, scope: 'catalog-info.yaml' };

    await store.beginPass('default', baseline, pass);
    await store.saveProgress('default', [repository(7, 'api')]);

    const loaded = await reopen().load('default');
    expect(loaded?.unfinishedPass).toEqual(pass);
    expect(byId(loaded)).toEqual([repository(-1, 'old'), repository(7, 'api')]);
  });

  it('does not let the beginning of a pass overwrite what is stored', async () => {
    const { store } = await createStore();
    await store.save('default', {
      repositories: [repository(1, 'api')],
      held: [held(1, 'api')],
    });

    await store.beginPass('default', EMPTY, { sinceMs: 1, scope: '' });

    const loaded = await store.load('default');
    expect(byId(loaded)).toEqual([repository(1, 'api')]);
    expect(loaded?.held).toEqual([held(1, 'api')]);
  });

  it('has what the catalog holds when only the rows of repositories are wiped', async () => {
    const baseline = { repositories: [repository(-1, 'api')], held: [] };
    const { store, knex } = await createStore(baseline);
    await store.save('default', { repositories: [repository(1, 'api')], held: [] });

    await knex('bitbucket_server_discovery_repositories').delete();

    expect(byId(await store.load('default'))).toEqual(baseline.repositories);
  });

  it('starts from the catalog again when its rows are wiped', async () => {
    const baseline = { repositories: [repository(-1, 'api')], held: [] };
    const { store, knex } = await createStore(baseline);
    await store.save('default', { repositories: [repository(1, 'api')], held: [] });

    await knex('bitbucket_server_discovery_providers').delete();
    await knex('bitbucket_server_discovery_repositories').delete();

    expect(await store.load('default')).toEqual(baseline);
  });

  it('fails, rather than guessing, when its tables are gone or hold something else', async () => {
    const { store, knex } = await createStore();
    await store.save('default', { repositories: [repository(1, 'api')], held: [] });
    await knex('bitbucket_server_discovery_repositories').update({ files: 'not JSON' });

    await expect(store.load('default')).rejects.toThrow();

    await knex.schema.dropTable('bitbucket_server_discovery_providers');
    // An error of the native driver may come from another realm: then it is no Error here.
    await expect(store.load('default')).rejects.toBeDefined();
  });

  it('bears migrations of a newer version in its list', async () => {
    const { store, knex, reopen } = await createStore();
    await store.save('default', EMPTY);
    await knex('bitbucket_server_discovery_migrations').insert({
      name: '29990101000000_from_the_future.js',
      batch: 2,
      migration_time: new Date(0),
    });

    await expect(reopen().load('default')).resolves.toBeDefined();
  });
});
