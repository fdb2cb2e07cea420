/** What runs and events write to the tables and read from them. */

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Knex } from 'knex';
import { FakeClock } from '../__testUtils__/FakeClock';
import { stateAfterFullRun, finishedRun } from '../__testUtils__/reportData';
import {
  asDatabaseService,
  createTestDatabases,
  emptyDatabase,
} from '../__testUtils__/testDatabases';
import { HeldRemoval, KnownRepository, ProviderState } from '../discovery/types';
import { CatalogFile } from '../model';
import { yieldToEventLoop } from '../util/clock';
import { DiscoveryDatabase } from './DiscoveryDatabase';
import { ProviderStateStore } from './ProviderStateStore';
import { BaselineReader, EvaluationRecord } from './records';
import { planStateChanges } from './repositoryRows';
import { PROVIDERS, REPOSITORIES } from './tables';

const databases = createTestDatabases();

const NOW = 1_790_000_000_000;
const HOUR = 3_600_000;
const EMPTY: ProviderState = { repositories: [], held: [] };

function file(at: string, path = 'catalog-info.yaml'): CatalogFile {
  const [key = '', slug = ''] = at.split('/');
  const targetUrl = `https://host/projects/${key}/repos/${slug}/browse/${path}`;
  return { path, targetUrl, presence: 'required' };
}

function repository(
  repositoryId: number,
  at: string,
  rest: Partial<KnownRepository> = {},
): KnownRepository {
  const [projectKey = '', slug = ''] = at.split('/');
  const files = rest.files ?? [file(at)];
  const conclusive = { kind: 'registered', files } as const;
  return {
    repositoryId,
    projectKey,
    slug,
    conclusive,
    checkedAtMs: NOW,
    ...rest,
    files,
  };
}

function held(repositoryId: number, at: string): HeldRemoval {
  const { targetUrl } = file(at);
  return {
    repositoryId,
    entryKey: targetUrl,
    sinceMs: NOW,
    confirmedForMs: 5,
    approved: false,
  };
}

function record(rest: Partial<EvaluationRecord>): EvaluationRecord {
  return { repositories: [], forgottenIds: [], held: [], resolvedKeys: [], ...rest };
}

const byId = (repositories: readonly KnownRepository[] = []) =>
  [...repositories].sort((a, b) => a.repositoryId - b.repositoryId);

const choose = (sinceRevision: number) => ({ sinceMs: NOW, sinceRevision, scope: 'x' });

setFlagsFromString('--expose-gc');
const runGarbageCollection: () => void = runInNewContext('gc');

/** The value of a settled promise is retained until the end of the event loop turn. */
async function collectGarbage(): Promise<void> {
  await yieldToEventLoop();
  runGarbageCollection();
}

describe.each(databases.eachSupportedId())('the state in %s', databaseId => {
  async function open(readBaseline: BaselineReader = async () => EMPTY) {
    const knex = await emptyDatabase(databases, databaseId);
    const clock = new FakeClock();
    const warnings: string[] = [];
    const reopen = () =>
      new ProviderStateStore(
        new DiscoveryDatabase(asDatabaseService(knex), message => warnings.push(message)),
        { clock, readBaseline },
      );
    const store = reopen();
    const load = async () => {
      const state = await store.load('default');
      return { ...EMPTY, ...state, repositories: byId(state?.repositories) };
    };
    /** Stores a run that ends with this state. */
    const run = async (
      repositories: readonly KnownRepository[],
      rest: { held?: HeldRemoval[]; id?: string; isComplete?: boolean } = {},
    ) => {
      const { id = 'default', isComplete = true } = rest;
      const state = (await store.load(id)) ?? EMPTY;
      const { revision, origin } = await store.beginRun(id, state, choose);
      const stored = new Map(
        state.repositories.map(repository => [repository.repositoryId, repository]),
      );
      const checked = repositories.map(repository => ({ revision, ...repository }));
      const changes = await planStateChanges(stored, checked);
      await store.recordRun(id, {
        run: finishedRun(),
        state: {
          ...changes,
          held: rest.held ?? [],
          recheck: stateAfterFullRun(origin),
          origin,
          isComplete,
          isUnfinished: !isComplete,
        },
      });
      return { ...changes, revision, origin };
    };
    const related = async (ids: readonly number[], ...at: readonly string[]) => {
      const addresses = at.map(address => {
        const [projectKey = '', slug = ''] = address.split('/');
        return { projectKey, slug };
      });
      const found = await store.loadRelated('default', { repositoryIds: ids, addresses });
      return found?.map(repository => repository.repositoryId).sort((a, b) => a - b);
    };
    return { knex, clock, warnings, store, reopen, load, run, related };
  }

  describe('before the first run', () => {
    it('is the content of the catalog', async () => {
      const baseline = { repositories: [repository(-1, 'PAY/api')], held: [] };
      const { store } = await open(async () => baseline);
      expect(await store.load('default')).toEqual(baseline);
    });

    it('is not known when the catalog cannot be read', async () => {
      const { store } = await open(async () => undefined);
      expect(await store.load('default')).toBeUndefined();
    });

    it('contains no project', async () => {
      const baseline = { repositories: [repository(-1, 'PAY/api')], held: [] };
      const { store, run } = await open(async () => baseline);
      await run([repository(1, 'PAY/api')], { id: 'other' });
      expect(await store.isProjectKnown('default', ['PAY'])).toBe(false);
    });

    it('has nothing that events can compare with, and no revision', async () => {
      const { store, related, run } = await open();
      await store.requestManualRun('default');
      await run([repository(1, 'PAY/api')], { id: 'other' });
      expect(await related([1])).toBeUndefined();
      expect(await store.takeRevision('default')).toBeUndefined();
    });

    it('contains where the listing of a run starts', async () => {
      const baseline = { repositories: [], held: [] };
      const { store, reopen } = await open(async () => baseline);
      const listingFrom = { projectKey: '~JDOE', start: 3_000 };
      const { origin } = await store.beginRun('default', baseline, revision => ({
        ...choose(revision),
        listingFrom,
      }));
      expect(origin.listingFrom).toEqual(listingFrom);
      expect((await reopen().load('default'))?.interruptedRun).toEqual(origin);
    });

    it('is kept once a run starts, with the pass', async () => {
      const baseline = { repositories: [repository(-1, 'PAY/api')], held: [] };
      const { store, reopen, related } = await open(async () => baseline);
      const { revision, origin } = await store.beginRun('default', baseline, choose);
      expect(revision).toBe(1);
      const loaded = await reopen().load('default');
      expect(loaded?.interruptedRun).toEqual(origin);
      expect(loaded?.repositories).toEqual([
        { ...baseline.repositories[0], revision: 0 },
      ]);
      expect(await related([], 'pay/API')).toEqual([-1]);
    });
  });

  describe('after a run', () => {
    it('is loaded after a restart, separately for each provider', async () => {
      const { reopen, run } = await open();
      const json = '{"kind":"Component","metadata":{"name":"ü \\"quoted\\""}}';
      const made = { ...file('PAY/made'), entity: { key: 'component:default/a', json } };
      const problem = { reason: 'timeout', detail: 'it took\ntoo "long"' } as const;
      const repositories = [
        repository(-3, 'PAY/placeholder', {
          conclusive: undefined,
          checkedAtMs: undefined,
        }),
        repository(1, 'PAY/api', { files: [file('PAY/api'), file('PAY/api', 'b.yaml')] }),
        repository(2, '~jdoe/empty', {
          files: [],
          conclusive: { kind: 'absent', reason: 'empty-repository' },
        }),
        repository(3, 'PAY/made', { files: [made] }),
        repository(4, 'PAY/unknown', { problem }),
        repository(5, 'PAY/held', {
          conclusive: { kind: 'excluded', reason: 'archived' },
        }),
        repository(6, 'PAY/partly', {
          files: [file('PAY/partly'), file('PAY/partly', 'lost.yaml')],
          conclusive: { kind: 'registered', files: [file('PAY/partly')] },
        }),
      ];
      const { revision } = await run(repositories, { held: [held(5, 'PAY/held')] });
      await run([], { id: 'other' });

      const loaded = await reopen().load('default');
      expect(byId(loaded?.repositories)).toEqual(
        repositories.map(repository => ({ ...repository, revision })),
      );
      expect(loaded?.held).toEqual([held(5, 'PAY/held')]);
      expect((await reopen().load('other'))?.repositories).toEqual([]);
    });

    it('does not contain repositories that the run did not return', async () => {
      const { load, run } = await open();
      await run([repository(1, 'PAY/api'), repository(2, 'PAY/web')], {
        held: [held(1, 'PAY/api'), held(2, 'PAY/web')],
      });
      await run([repository(2, 'PAY/web')], { held: [held(2, 'PAY/web')] });
      const { repositories, held: left } = await load();
      expect(repositories.map(repository => repository.repositoryId)).toEqual([2]);
      expect(left).toEqual([held(2, 'PAY/web')]);
    });

    it('is written only for rows that changed', async () => {
      const { knex, load, run } = await open();
      const repositories = [repository(1, 'PAY/api'), repository(2, 'PAY/web')];
      const first = await run(repositories);
      expect(first.changed).toHaveLength(2);
      const rows = await knex(REPOSITORIES).orderBy('repository_id');
      const second = await run([...repositories].reverse());
      expect(second.changed).toEqual([]);
      expect(await knex(REPOSITORIES).orderBy('repository_id')).toEqual(rows);
      // A check without a change still counts.
      const revisions = (await load()).repositories.map(
        repository => repository.revision,
      );
      expect(revisions).toEqual([second.revision, second.revision]);
    });

    it('contains thousands of repositories', async () => {
      const { load, run } = await open();
      const repositories = Array.from({ length: 2_500 }, (_, id) =>
        repository(id, `PAY/r${id}`),
      );
      const { revision } = await run(repositories);
      expect((await load()).repositories).toEqual(
        repositories.map(repository => ({ ...repository, revision })),
      );
    });

    it('keeps an approval only while the same removal is held', async () => {
      const { store, run } = await open();
      const both = [held(1, 'PAY/api'), held(2, 'PAY/web')];
      const { targetUrl } = file('PAY/api');
      await run([], { held: both });
      await store.approve('default', [targetUrl, 'https://host/other']);
      await store.approve('other', [file('PAY/web').targetUrl]);
      await run([], { held: both });
      expect(await store.loadApprovals('default')).toEqual(new Set([targetUrl]));
      await run([]);
      await run([], { held: both });
      expect(await store.loadApprovals('default')).toEqual(new Set());
    });

    it('contains targets that are in the catalog but not in the rows', async () => {
      const baseline = { repositories: [repository(-1, 'PAY/api')], held: [] };
      const { knex, load, run, store } = await open(async () => baseline);
      await run([repository(1, 'PAY/api')]);
      await knex(REPOSITORIES).delete();
      expect((await load()).repositories).toEqual(baseline.repositories);
      await knex(PROVIDERS).delete();
      expect(await store.load('default')).toEqual(baseline);
    });
  });

  describe('when it selects related repositories', () => {
    it('finds them by id and by address in any case, also those known by address only', async () => {
      const { related, run } = await open();
      await run([
        repository(1, 'PAY/api'),
        repository(2, 'PAY/web'),
        repository(-3, 'OPS/tool'),
      ]);
      await run([repository(9, 'PAY/api')], { id: 'other' });
      expect(await related([1])).toEqual([1]);
      expect(await related([1, 2, 99])).toEqual([1, 2]);
      expect(await related([], 'pay/WEB')).toEqual([2]);
      expect(await related([], 'OPS/tool')).toEqual([-3]);
      expect(await related([2], 'PAY/api', 'OPS/tool')).toEqual([-3, 1, 2]);
      expect(await related([])).toEqual([]);
      expect(await related([99], 'PAY/apis', 'OPS/api')).toEqual([]);
    });

    it('finds the repository that has a file at this address, as long as it does', async () => {
      const { related, run } = await open();
      const moved = repository(1, 'PAY/new', {
        files: [file('PAY/API'), file('PAY/new')],
      });
      await run([moved, repository(2, 'PAY/web')]);
      expect(await related([], 'PAY/api')).toEqual([1]);
      await run([repository(1, 'PAY/new'), repository(2, 'PAY/web')]);
      expect(await related([], 'PAY/api')).toEqual([]);
    });
  });

  describe('after an evaluation', () => {
    it('replaces the state of that repository only', async () => {
      const { load, run, store } = await open();
      await run([repository(1, 'PAY/api'), repository(2, 'PAY/web')]);
      const revision = await store.takeRevision('default');
      const later = repository(1, 'PAY/gateway', { revision });
      await store.recordEvaluation('default', record({ repositories: [later] }));
      const { repositories } = await load();
      expect(repositories).toMatchObject([later, { repositoryId: 2, slug: 'web' }]);
    });

    it('deletes placeholders whose id is known, and keeps an empty row for a repository that is gone', async () => {
      const { load, run, store } = await open();
      await run([repository(-1, 'PAY/api'), repository(2, 'PAY/web')]);
      const revision = await store.takeRevision('default');
      const gone = { files: [], conclusive: undefined, revision };
      await store.recordEvaluation(
        'default',
        record({
          repositories: [
            repository(7, 'PAY/api', { revision }),
            repository(2, 'PAY/web', gone),
          ],
          forgottenIds: [-1],
        }),
      );
      const { repositories } = await load();
      expect(repositories).toEqual([
        repository(2, 'PAY/web', gone),
        repository(7, 'PAY/api', { revision }),
      ]);
    });

    it('adds held removals, keeps approvals, and deletes resolved ones', async () => {
      const { load, run, store } = await open();
      await run([]);
      const both = [held(1, 'PAY/api'), held(2, 'PAY/web')];
      await store.recordEvaluation('default', record({ held: both }));
      await store.approve('default', [file('PAY/web').targetUrl]);
      const resolvedKeys = [file('PAY/api').targetUrl, file('PAY/none').targetUrl];
      const more = [held(3, 'PAY/db'), held(2, 'PAY/web')];
      await store.recordEvaluation('default', record({ resolvedKeys, held: more }));
      const left = [...(await load()).held];
      left.sort((a, b) => a.repositoryId - b.repositoryId);
      expect(left).toEqual([
        { ...held(2, 'PAY/web'), approved: true },
        held(3, 'PAY/db'),
      ]);
    });
  });

  describe('after concurrent evaluations', () => {
    it('has one sequence of revisions per provider for runs and events of every replica', async () => {
      const { run, store, reopen } = await open();
      const { revision } = await run([]);
      await run([], { id: 'other' });
      expect(await store.takeRevision('default')).toBe(revision + 1);
      expect(await reopen().takeRevision('default')).toBe(revision + 2);
      expect(await store.recordInterim('default', { repositories: [] })).toBe(
        revision + 3,
      );
      expect(await store.isOvertakenByRun('default', revision + 2)).toBe(true);
      expect(await store.isOvertakenByRun('default', revision + 3)).toBe(false);
    });

    it('keeps the result of the request that started last, whatever the clocks and the order of answers', async () => {
      const { load, run, store } = await open();
      await run([]);
      const early = await store.takeRevision('default');
      const late = await store.takeRevision('default');
      const later = repository(1, 'PAY/api', { revision: late, checkedAtMs: NOW - HOUR });
      const slower = repository(1, 'PAY/old', {
        revision: early,
        checkedAtMs: NOW + HOUR,
      });
      await store.recordEvaluation('default', record({ repositories: [later] }));
      await store.recordEvaluation('default', record({ repositories: [slower] }));
      await store.recordInterim('default', { repositories: [slower] });
      expect((await load()).repositories).toEqual([later]);
    });

    it('returns to a run at its end the checks by others since it started, and not its own', async () => {
      const { run, store } = await open();
      await run([repository(1, 'PAY/api'), repository(2, 'PAY/web')]);
      const state = (await store.load('default')) ?? EMPTY;
      const { revision } = await store.beginRun('default', state, choose);
      const own = repository(1, 'PAY/api', { files: [], revision });
      await store.recordInterim('default', { repositories: [own] });
      const event = await store.takeRevision('default');
      const others = repository(2, 'PAY/web', { files: [], revision: event });
      await store.recordEvaluation('default', record({ repositories: [others] }));
      const newer = await store.loadNewer('default', revision - 1, id =>
        id === 1 ? revision : 0,
      );
      expect(newer).toEqual([others]);
    });

    it('is not blocked by a counter that is missing or not a number', async () => {
      const { knex, run, store, load } = await open();
      await run([repository(1, 'PAY/api')]);
      await knex(REPOSITORIES).update({ revision: 500 });
      await knex(PROVIDERS).update({ revision: 3, run_revision: 700 });
      const { revision } = await run([repository(1, 'PAY/other')]);
      expect(revision).toBeGreaterThan(500);
      expect((await load()).repositories[0]).toMatchObject({ slug: 'other', revision });
      expect(await store.isOvertakenByRun('default', revision)).toBe(false);
    });
  });

  describe('during a run', () => {
    it('contains checks without a change, without writing rows', async () => {
      const { knex, run, store, load } = await open();
      await run([repository(1, 'PAY/api'), repository(2, 'PAY/web')]);
      const rows = await knex(REPOSITORIES).orderBy('repository_id');
      const { revision } = await store.beginRun('default', await load(), choose);
      await store.recordInterim('default', {
        repositories: [],
        unchanged: { repositoryIds: [2], revision, checkedAtMs: NOW + HOUR },
      });
      expect(await knex(REPOSITORIES).orderBy('repository_id')).toEqual(rows);
      const [api, web] = (await load()).repositories;
      expect(web).toMatchObject({ revision, checkedAtMs: NOW + HOUR });
      expect(api?.revision).toBeLessThan(revision);
    });

    it('still contains them when the pass is replaced by a new one', async () => {
      const { knex, run, store, load } = await open();
      await run([repository(1, 'PAY/api'), repository(2, 'PAY/web')]);
      const { revision } = await store.beginRun('default', await load(), choose);
      await store.recordInterim('default', {
        repositories: [],
        unchanged: { repositoryIds: [2], revision, checkedAtMs: NOW + HOUR },
      });
      await store.beginRun('default', await load(), choose);
      expect(await knex('bitbucket_server_discovery_progress')).toEqual([]);
      const [, web] = (await load()).repositories;
      expect(web).toMatchObject({ revision, checkedAtMs: NOW + HOUR });
    });
  });

  describe('with a row that cannot be read', () => {
    const broken: [string, object][] = [
      ['an outcome of a newer version', { outcome: 'quarantined' }],
      ['a reason of a newer version', { outcome: 'absent', reason: 'eaten' }],
      ['files that are no JSON', { files: 'not JSON' }],
      ['an earlier outcome that is no JSON', { settled: '{' }],
    ];
    const inSqlite: [string, object][] = [
      ['a revision that is no number', { revision: 'soon' }],
      ['a time that is no number', { checked_at_ms: 'never' }],
      ['an id that is no number', { repository_id: 'api' }],
    ];

    it.each([...broken, ...(databaseId === 'SQLITE_3' ? inSqlite : [])])(
      'such as %s makes that repository due for a check and keeps the others',
      async (_, columns) => {
        const { knex, load, run, warnings } = await open();
        const [api, web] = [repository(1, 'PAY/api'), repository(2, 'PAY/web')];
        await run([api, web]);
        await knex(REPOSITORIES).where({ repository_id: 1 }).update(columns);

        const { repositories } = await load();
        expect(
          repositories.find(repository => repository.repositoryId === 2),
        ).toMatchObject(web);
        const found = repositories.find(repository => repository.repositoryId === 1);
        expect(found?.conclusive).toBeUndefined();
        expect(warnings).toHaveLength(1);
        expect(warnings[0]).toMatch(/PAY\/api|id api/);

        await run([api, web]);
        expect((await load()).repositories).toMatchObject([api, web]);
        expect(warnings).toHaveLength(1);
      },
    );

    it('removes nothing while neither the row nor the catalog can be read', async () => {
      let readable = true;
      const { knex, run, store } = await open(async () => (readable ? EMPTY : undefined));
      await run([repository(1, 'PAY/api')]);
      await knex(REPOSITORIES).update({ files: 'not JSON' });
      readable = false;
      expect(await store.load('default')).toBeUndefined();
      readable = true;
      expect(await store.load('default')).toBeDefined();
    });

    it('returns the other rows to events, and lets an event write the row again', async () => {
      const { knex, related, run, store, load } = await open();
      await run([repository(1, 'PAY/api'), repository(2, 'PAY/web')]);
      await knex(REPOSITORIES).where({ repository_id: 1 }).update({ files: '[' });
      expect(await related([1, 2])).toEqual([2]);
      const api = repository(1, 'PAY/api', {
        revision: await store.takeRevision('default'),
      });
      await store.recordEvaluation('default', record({ repositories: [api] }));
      expect((await load()).repositories[0]).toEqual(api);
    });
  });

  describe('with confirmed removals', () => {
    it('does not count a clock jump as elapsed time', async () => {
      const { clock, run, store } = await open();
      await run([]);
      clock.setTime(clock.now() + 365 * 24 * HOUR);
      expect(await store.sinceConfirmation('default')).toBeLessThan(HOUR);
    });

    it('counts at most one hour for a restart', async () => {
      const { clock, run, reopen } = await open();
      await run([]);
      clock.setTime(clock.now() + 365 * 24 * HOUR);
      expect(await reopen().sinceConfirmation('default')).toBeLessThanOrEqual(HOUR);
      clock.setTime(0);
      expect(await reopen().sinceConfirmation('default')).toBeGreaterThanOrEqual(0);
    });
  });

  describe('under the exclusive lock', () => {
    it('runs one task after the other, also across replicas', async () => {
      const { store, reopen } = await open();
      const steps: string[] = [];
      let end: () => void = () => {};
      const ended = new Promise<void>(resolve => {
        end = resolve;
      });
      let begin: () => void = () => {};
      const begun = new Promise<void>(resolve => {
        begin = resolve;
      });
      const first = store.exclusively('default', async () => {
        steps.push('first begins');
        begin();
        await ended;
        steps.push('first ends');
      });
      await begun;
      // On SQLite there is one process, and so one store.
      const other = databaseId === 'SQLITE_3' ? store : reopen();
      const second = other.exclusively('default', async () => {
        steps.push('second');
      });
      await store.exclusively('other', async () => {
        steps.push('another provider');
      });
      end();
      await Promise.all([first, second]);
      expect(steps).toEqual(['first begins', 'another provider', 'first ends', 'second']);
    });

    it('continues after a failed task', async () => {
      const { store } = await open();
      const failing = store.exclusively('default', async () => {
        throw new Error('no catalog');
      });
      await expect(failing).rejects.toThrow('no catalog');
      await expect(store.exclusively('default', async () => 1)).resolves.toBe(1);
    });

    it('does not retain the result of a finished task, which may be as large as the server', async () => {
      const { store } = await open();
      const leaveResult = async () =>
        new WeakRef(await store.exclusively('default', async () => ({ large: true })));
      const result = await leaveResult();
      await collectGarbage();
      expect(result.deref()).toBeUndefined();
    });
  });
});

/** SQLite chooses an index from the query alone, and each of its statements blocks the process. */
it('the store finds the rows for an event through an index, for any number of repositories', async () => {
  const knex = await databases.init('SQLITE_3');
  const store = new ProviderStateStore(new DiscoveryDatabase(asDatabaseService(knex)), {
    clock: new FakeClock(),
    readBaseline: async () => EMPTY,
  });
  await store.beginRun('default', EMPTY, choose);
  const queries: Knex.Sql[] = [];
  const collect = (query: Knex.Sql) => queries.push(query);
  knex.on('query', collect);
  await store.loadRelated('default', {
    repositoryIds: [1, 2],
    addresses: [
      { projectKey: 'PAY', slug: 'api' },
      { projectKey: 'OPS', slug: 'tool' },
    ],
  });
  await store.isProjectKnown('default', ['PAY', 'OPS']);
  knex.off('query', collect);

  const plans = [];
  for (const { sql, bindings } of queries) {
    const steps: { detail: string }[] = await knex.raw(
      `EXPLAIN QUERY PLAN ${sql}`,
      bindings,
    );
    plans.push(...steps.map(step => step.detail));
  }
  const reads = plans.filter(plan => plan.includes(REPOSITORIES));
  expect(reads).toHaveLength(5);
  for (const plan of reads) {
    expect(plan).toMatch(/^SEARCH .* AND (repository_id|project_key_sort)=\?/);
  }
});
