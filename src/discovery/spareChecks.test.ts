import { FakeRepositorySource } from '../__testUtils__/FakeRepositorySource';
import {
  known,
  NOW,
  problem,
  registered,
  repository,
  scope,
  target,
} from '../__testUtils__/discoveryData';
import { planRecheck, RecheckPlan, stateAfterRun } from './recheck';
import { spareChecks } from './spareChecks';
import { FileSearch, RepositorySource } from './types';

const RULE = { foundMs: 6 * 3_600_000, absentMs: 24 * 3_600_000, minFiles: 1 };

function plan(rest: Partial<Parameters<typeof planRecheck>[1]> = {}): RecheckPlan {
  const own = { configuration: 'a', rule: RULE, maySearch: true };
  return planRecheck(undefined, { ...own, isManual: false, nowMs: NOW, ...rest });
}

/** Spares the checks it can for `count` unchecked repositories, `r0` to `r<count-1>`. */
async function spare(
  count: number,
  made: RecheckPlan | undefined,
  answer: FileSearch = { kind: 'unknown', problem: problem('timeout', 'too slow') },
) {
  const repositories = Array.from({ length: count }, (_, id) =>
    repository(id, `PAY/r${id}`),
  );
  let searches = 0;
  const source: RepositorySource = new FakeRepositorySource();
  source.searchFiles = async () => {
    searches += 1;
    return answer;
  };
  const spared = await spareChecks(repositories, scope(), made, {
    source,
    known: new Map(),
    getFiles: () => [],
  });
  return { ...spared, searches };
}

const SHOWN: FileSearch = {
  kind: 'found',
  isComplete: true,
  hits: [{ repositoryId: 3, projectKey: 'PAY', slug: 'r3', path: 'catalog-info.yaml' }],
};

it.each([
  ['there is no plan', undefined],
  ['there is no recheck rule', plan({ rule: undefined })],
])('spareChecks spares nothing and does not search when %s', async (_, made) => {
  const { due, spared, search, searches } = await spare(50, made, SHOWN);
  expect(due).toHaveLength(50);
  expect({ spared, search, searches }).toEqual({
    spared: [],
    search: undefined,
    searches: 0,
  });
});

it.each([
  ['fewer than 50 are due', 49, plan()],
  ['the plan does not allow it', 50, plan({ maySearch: false })],
])('spareChecks does not search when %s', async (_, count, made) => {
  const { due, search, searches } = await spare(count, made, SHOWN);
  expect(due).toHaveLength(count);
  expect({ search, searches }).toEqual({ search: undefined, searches: 0 });
});

describe('a repository whose file the catalog has read', () => {
  const HOURS_6 = RULE.foundMs;
  const one = registered('PAY/api');
  const stored = { ...known(1, 'PAY/api', one.files), conclusive: one };
  const checkedAt = stateAfterRun(
    plan(),
    { sinceMs: NOW, sinceRevision: 1, scope: '' },
    true,
  );

  /** The outcome when the file was last checked six hours ago, which is due. */
  async function spareRead(read: readonly string[], before = true) {
    const state = before ? checkedAt : undefined;
    const own = { configuration: 'a', rule: RULE, maySearch: false };
    const made = planRecheck(state, { ...own, isManual: false, nowMs: NOW + HOURS_6 });
    const asked: string[][] = [];
    const findRead = async (urls: readonly string[]) => {
      asked.push([...urls]);
      return new Set(read);
    };
    const { due, spared } = await spareChecks(
      [repository(1, 'PAY/api'), repository(2, 'PAY/new')],
      scope(),
      { ...made, findRead },
      {
        source: new FakeRepositorySource(),
        known: new Map([[1, stored]]),
        getFiles: () => one.files,
      },
    );
    return { due: due.map(({ id }) => id), by: spared.map(it => it.decision.by), asked };
  }

  it('need not be checked', async () => {
    expect(await spareRead([target('PAY/api')])).toEqual({
      due: [2],
      by: ['read'],
      asked: [[target('PAY/api')]],
    });
  });

  it('is checked when the catalog has read other files only', async () => {
    expect(await spareRead([])).toMatchObject({ due: [1, 2], by: [] });
    expect(await spareRead([target('PAY/web')])).toMatchObject({ due: [1, 2], by: [] });
  });

  it('is checked in the first run under a configuration, whatever the catalog has read', async () => {
    expect(await spareRead([target('PAY/api')], false)).toEqual({
      due: [1, 2],
      by: [],
      asked: [],
    });
  });
});

it('spareChecks adds files that search returns immediately, with the same target as after a check', async () => {
  const { spared, search, due } = await spare(50, plan(), SHOWN);
  expect(search).toEqual({ kind: 'used' });
  const shown = spared.find(check => check.repository.id === 3);
  expect(shown?.decision).toMatchObject({
    by: 'search',
    isNew: true,
    outcome: { kind: 'registered', files: [{ targetUrl: target('PAY/r3') }] },
  });
  // A missing hit counts for new repositories as well.
  expect(due.length + spared.length).toBe(50);
  expect(due.map(repository => repository.id)).not.toContain(3);
});

it('spareChecks checks everything that is due, and says why, when search cannot be used', async () => {
  const { due, spared, search, searches } = await spare(50, plan());
  expect(due).toHaveLength(50);
  expect(spared).toEqual([]);
  expect(searches).toBe(1);
  expect(search).toEqual({ kind: 'off', reason: 'too slow' });
});
