/** What events ask of the memory, and what they leave in it. */

import { InProcessMemoryStore } from '../__testUtils__/InProcessMemoryStore';
import { asDatabaseService, createTestDatabases } from '../__testUtils__/testDatabases';
import { CatalogFile } from '../model';
import { HeldRemoval, KnownRepository, ProviderMemory } from '../discovery/types';
import { DatabaseMemoryStore } from './DatabaseMemoryStore';
import { DiscoveryDatabase } from './DiscoveryDatabase';
import { EvaluationRecord, ProviderMemoryStore } from './ProviderMemoryStore';

const databases = createTestDatabases();

const NOW = 1_790_000_000_000;
const EMPTY: ProviderMemory = { repositories: [], held: [] };

function file(at: string, path = 'catalog-info.yaml'): CatalogFile {
  const [key = '', slug = ''] = at.split('/');
  const targetUrl = `https://host/projects/${key}/repos/${slug}/browse/${path}`;
  return { path, targetUrl, presence: 'required' as const };
}

function repository(
  repositoryId: number,
  at: string,
  rest: Partial<KnownRepository> = {},
): KnownRepository {
  const [projectKey = '', slug = ''] = at.split('/');
  const files = rest.files ?? [file(at)];
  const settled = { kind: 'registered', files } as const;
  return { repositoryId, projectKey, slug, settled, checkedAtMs: NOW, ...rest, files };
}

function held(repositoryId: number, at: string, sinceMs = NOW): HeldRemoval {
  return { repositoryId, targetUrl: file(at).targetUrl, sinceMs, approved: false };
}

function record(rest: Partial<EvaluationRecord>): EvaluationRecord {
  return { repositories: [], forgottenIds: [], held: [], resolvedTargets: [], ...rest };
}

const readBaseline = async () => EMPTY;

/** In the tables, and in the store that other tests use in their place. */
const stores: [string, () => Promise<ProviderMemoryStore>][] = [
  ['in memory', async () => new InProcessMemoryStore(readBaseline)],
  ...databases
    .eachSupportedId()
    .map(([id]): [string, () => Promise<ProviderMemoryStore>] => [
      id,
      async () => {
        const database = asDatabaseService(await databases.init(id));
        return new DatabaseMemoryStore(new DiscoveryDatabase(database), readBaseline);
      },
    ]),
];

describe.each(stores)('the memory %s', (_, createStore) => {
  /** A store with these repositories, of the provider `default`. */
  async function remember(...repositories: readonly KnownRepository[]) {
    const store = await createStore();
    await store.save('default', { repositories, held: [] });
    const load = async () => {
      const memory = await store.load('default');
      const byId = [...(memory?.repositories ?? [])].sort(
        (a, b) => a.repositoryId - b.repositoryId,
      );
      return { repositories: byId, held: memory?.held ?? [] };
    };
    const near = async (ids: readonly number[], ...at: readonly string[]) => {
      const addresses = at.map(one => {
        const [projectKey = '', slug = ''] = one.split('/');
        return { projectKey, slug };
      });
      const found = await store.loadNear('default', { repositoryIds: ids, addresses });
      return found?.map(one => one.repositoryId).sort((a, b) => a - b);
    };
    return { store, load, near };
  }

  describe('asked for what is near', () => {
    it('does not know before the first run', async () => {
      const store = await createStore();
      await store.save('other', { repositories: [repository(1, 'PAY/api')], held: [] });
      const vicinity = { repositoryIds: [1], addresses: [] };
      expect(await store.loadNear('default', vicinity)).toBeUndefined();
    });

    it('knows of nothing once a run has begun', async () => {
      const store = await createStore();
      await store.beginPass('default', EMPTY, { sinceMs: NOW, scope: 'x' });
      const vicinity = { repositoryIds: [1], addresses: [] };
      expect(await store.loadNear('default', vicinity)).toEqual([]);
    });

    it('finds by id, by address in any case, and what is known by address only', async () => {
      const { near } = await remember(
        repository(1, 'PAY/api'),
        repository(2, 'PAY/web'),
        repository(-3, 'OPS/tool'),
      );
      expect(await near([1])).toEqual([1]);
      expect(await near([1, 2, 99])).toEqual([1, 2]);
      expect(await near([], 'pay/WEB')).toEqual([2]);
      expect(await near([], 'OPS/tool')).toEqual([-3]);
      expect(await near([2], 'PAY/api', 'OPS/tool')).toEqual([-3, 1, 2]);
    });

    it('finds who holds a file at the address', async () => {
      const { near } = await remember(
        repository(1, 'PAY/new', { files: [file('PAY/API')] }),
        repository(2, 'PAY/web'),
      );
      expect(await near([], 'PAY/api')).toContain(1);
      expect(await near([], 'PAY/api')).not.toContain(2);
    });

    it('finds nobody else, and nobody where nothing is asked', async () => {
      const { near } = await remember(repository(1, 'PAY/api'), repository(2, 'PAY/web'));
      expect(await near([])).toEqual([]);
      expect(await near([99], 'PAY/apis')).toEqual([]);
    });

    it('gives all that is remembered of them', async () => {
      const one = repository(1, 'PAY/api');
      const { store } = await remember(one);
      const vicinity = { repositoryIds: [1], addresses: [] };
      expect(await store.loadNear('default', vicinity)).toEqual([one]);
    });

    it('keeps providers apart', async () => {
      const { store, near } = await remember(repository(1, 'PAY/api'));
      await store.save('other', { repositories: [repository(2, 'PAY/api')], held: [] });
      expect(await near([1, 2], 'PAY/api')).toEqual([1]);
    });
  });

  describe('told of an evaluation', () => {
    it('replaces what it knew of the repository, and nothing else', async () => {
      const { store, load } = await remember(
        repository(1, 'PAY/api'),
        repository(2, 'PAY/web'),
      );
      const later = repository(1, 'PAY/gateway', { checkedAtMs: NOW + 1 });
      await store.saveEvaluation('default', record({ repositories: [later] }));
      expect((await load()).repositories).toEqual([later, repository(2, 'PAY/web')]);
    });

    it('keeps an empty row of what is gone', async () => {
      const { store, load } = await remember(repository(1, 'PAY/api'));
      const gone = { files: [], settled: undefined, checkedAtMs: NOW + 1 };
      const row = repository(1, 'PAY/api', gone);
      await store.saveEvaluation('default', record({ repositories: [row] }));
      expect((await load()).repositories).toEqual([row]);
    });

    it('forgets placeholders whose id is known', async () => {
      const { store, load } = await remember(
        repository(-1, 'PAY/api', { checkedAtMs: undefined }),
        repository(-2, 'PAY/web', { checkedAtMs: undefined }),
      );
      const repositories = [repository(7, 'PAY/api')];
      await store.saveEvaluation('default', record({ repositories, forgottenIds: [-1] }));
      expect((await load()).repositories.map(one => one.repositoryId)).toEqual([-2, 7]);
    });

    it('adds to what is held, and lets go of what is resolved', async () => {
      const { store, load } = await remember(repository(1, 'PAY/api'));
      await store.saveEvaluation(
        'default',
        record({ held: [held(1, 'PAY/api'), held(2, 'PAY/web')] }),
      );
      const resolvedTargets = [file('PAY/api').targetUrl, file('PAY/none').targetUrl];
      const more = record({ resolvedTargets, held: [held(3, 'PAY/db')] });
      await store.saveEvaluation('default', more);
      const ids = (await load()).held.map(one => one.repositoryId).sort();
      expect(ids).toEqual([2, 3]);
    });

    it('keeps an approval of what is held on', async () => {
      const { store, load } = await remember(repository(1, 'PAY/api'));
      await store.saveEvaluation('default', record({ held: [held(1, 'PAY/api')] }));
      await store.approve('default', [file('PAY/api').targetUrl]);
      await store.saveEvaluation('default', record({ repositories: [] }));
      expect((await load()).held).toEqual([{ ...held(1, 'PAY/api'), approved: true }]);
    });

    it('does not let an earlier one replace a later one', async () => {
      const later = repository(1, 'PAY/api', { checkedAtMs: NOW + 5, files: [] });
      const { store, load } = await remember(later);
      const repositories = [repository(1, 'PAY/api')];
      await store.saveEvaluation('default', record({ repositories }));
      expect((await load()).repositories).toEqual([later]);
    });
  });

  describe('kept up to date by a run', () => {
    it('does not lose on the way what was settled later', async () => {
      const later = repository(1, 'PAY/api', { checkedAtMs: NOW + 5, files: [] });
      const { store, load } = await remember(later);
      const progress = [repository(1, 'PAY/api'), repository(2, 'PAY/web')];
      await store.saveProgress('default', progress);
      expect((await load()).repositories).toEqual([later, repository(2, 'PAY/web')]);
    });

    it('takes what was settled at the same time or later', async () => {
      const { store, load } = await remember(repository(1, 'PAY/api'));
      for (const ms of [0, 1]) {
        const next = repository(1, `PAY/api${ms}`, { checkedAtMs: NOW + ms });
        await store.saveProgress('default', [next]);
        expect((await load()).repositories).toEqual([next]);
      }
    });

    it('keeps at its end what was settled later, and tells it', async () => {
      const later = repository(1, 'PAY/api', { checkedAtMs: NOW + 5, files: [] });
      const { store, load } = await remember(
        later,
        repository(2, 'PAY/web'),
        repository(-3, 'PAY/db', { checkedAtMs: undefined }),
      );
      const ofRun = [repository(1, 'PAY/api'), repository(4, 'PAY/new')];
      const kept = await store.save('default', { repositories: ofRun, held: [] }, NOW);
      expect(kept).toEqual([later]);
      expect((await load()).repositories).toEqual([later, repository(4, 'PAY/new')]);
    });

    it('keeps what was settled later and the run does not know at all', async () => {
      const later = repository(9, 'PAY/fork', { checkedAtMs: NOW + 1 });
      const { store, load } = await remember(later, repository(2, 'PAY/web'));
      const kept = await store.save('default', EMPTY, NOW);
      expect(kept).toEqual([later]);
      expect((await load()).repositories).toEqual([later]);
    });

    it('keeps nothing else, and nothing where no time is given', async () => {
      const { store, load } = await remember(repository(1, 'PAY/api'));
      expect(await store.save('default', EMPTY, NOW)).toEqual([]);
      expect((await load()).repositories).toEqual([]);
      await store.saveProgress('default', [repository(1, 'PAY/api')]);
      expect(await store.save('default', EMPTY)).toEqual([]);
      expect((await load()).repositories).toEqual([]);
    });

    it('has each provider keep its own', async () => {
      const { store, load } = await remember(repository(1, 'PAY/api'));
      await store.save('other', EMPTY, 0);
      expect((await load()).repositories).toHaveLength(1);
    });
  });
});
