/** What a run reports about repositories that it need not check. */

import {
  CATALOG_FILE,
  known,
  NOW,
  registered,
  scope,
} from '../__testUtils__/discoveryData';
import { FakeRepositorySource } from '../__testUtils__/FakeRepositorySource';
import { planRecheck, RecheckPlan, stateAfterRun } from './recheck';
import { runDiscovery } from './runDiscovery';
import { DiscoveryProgress, RepositorySource } from './types';

const DAY_MS = 24 * 3_600_000;
const RULE = { foundMs: DAY_MS, absentMs: DAY_MS, minFiles: 1 };
const CHECKED_AT = NOW - 1;

function plan(before?: RecheckPlan): RecheckPlan {
  const origin = { sinceMs: CHECKED_AT, sinceRevision: 3, scope: '' };
  const state = before && stateAfterRun(before, origin, true);
  const own = { configuration: 'a', rule: RULE, maySearch: true };
  return planRecheck(state, { ...own, isManual: false, nowMs: NOW });
}

it('a run reports a trusted repository with the time and the revision of its last check, and not as progress', async () => {
  const outcome = registered('PAY/api');
  const stored = { ...known(1, 'PAY/api', outcome.files, CHECKED_AT), revision: 3 };
  const source = new FakeRepositorySource().put(1, 'PAY/api').put(2, 'PAY/new');
  const told: DiscoveryProgress[] = [];
  const { repositories, search } = await runDiscovery(scope(), {
    source,
    known: new Map([[1, { ...stored, conclusive: outcome }]]),
    recheck: plan(plan()),
    now: () => NOW,
    revision: () => 7,
    onProgress: progress => told.push(progress),
  });
  expect(source.asked).toEqual(['list', `file PAY/new ${CATALOG_FILE}`]);
  expect([...repositories.values()]).toMatchObject([
    { outcome, checkedAtMs: CHECKED_AT, revision: 3, sparedBy: 'recheck' },
    { outcome: { kind: 'registered' }, checkedAtMs: NOW, revision: 7 },
  ]);
  expect(repositories.get(2)?.sparedBy).toBeUndefined();
  expect(search).toBeUndefined();
  const checked = told.flatMap(one => (one.kind === 'checking' ? [one.result] : []));
  expect(checked.map(({ repository }) => repository.slug)).toEqual(['new']);
  // What need not be checked counts as done.
  expect(told.at(-1)).toMatchObject({ checked: 2, total: 2 });
});

it('a run reports what search shows with the time and the revision of this run, and as progress', async () => {
  const source = new FakeRepositorySource();
  for (let id = 1; id <= 50; id += 1) {
    source.put(id, `PAY/r${id}`, { files: [] });
  }
  const searching: RepositorySource = source;
  searching.searchFiles = async () => ({
    kind: 'found',
    isComplete: true,
    hits: [{ repositoryId: 3, projectKey: 'PAY', slug: 'r3', path: CATALOG_FILE }],
  });
  const told: DiscoveryProgress[] = [];
  const { repositories, search } = await runDiscovery(scope(), {
    source: searching,
    known: new Map(),
    recheck: plan(),
    now: () => NOW,
    revision: () => 7,
    onProgress: progress => told.push(progress),
  });
  const shown = repositories.get(3);
  expect(shown).toMatchObject({
    outcome: registered('PAY/r3'),
    checkedAtMs: NOW,
    revision: 7,
    sparedBy: 'search',
  });
  expect(search).toEqual({ kind: 'used' });
  expect(told.some(one => one.kind === 'checking' && one.result === shown)).toBe(true);
});
