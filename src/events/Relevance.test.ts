import { known, memoryOf } from '../__testUtils__/discoveryData';
import { FakeClock } from '../__testUtils__/FakeClock';
import { appConfigFor, createEmptyStore } from '../__testUtils__/testProvider';
import { createSimulatedBitbucket } from '../../dev/simulatedBitbucket';
import { mockServices } from '@backstage/backend-test-utils';
import { JsonObject } from '@backstage/types';
import { readProviderConfigs } from '../config/readProviderConfigs';
import { KnownRepository } from '../discovery/types';
import { Lookup } from '../model';
import { InProcessEventStore } from './__testUtils__/InProcessEventStore';
import { SingleChange } from './pendingRepository';
import { Relevance } from './Relevance';
import { ChangedRepository, RefChange } from './repositoryChanges';

const BASE = 'http://bitbucket.test';
const HOUR = 3_600_000;
const API: ChangedRepository = {
  id: 7,
  projectKey: 'PAY',
  slug: 'api',
  selfUrl: `${BASE}/projects/PAY/repos/api/browse`,
};
const MAIN: Lookup<string> = { kind: 'found', value: 'main' };

function pushTo(branch: string, repository = API): SingleChange {
  const ref: RefChange = {
    refId: `refs/heads/${branch}`,
    displayId: branch,
    kind: 'BRANCH',
    change: 'UPDATE',
    fromHash: 'a'.repeat(40),
    toHash: 'b'.repeat(40),
  };
  return { type: 'pushed', repository, refs: [ref] };
}

/** Judges for one provider; what is looked up is counted. */
async function judge(
  config: JsonObject = {},
  { answer = MAIN, had = [] }: { answer?: Lookup<string>; had?: KnownRepository[] } = {},
) {
  const bitbucket = createSimulatedBitbucket();
  const app = mockServices.rootConfig({ data: appConfigFor({ bitbucket, config }) });
  const [provider] = readProviderConfigs(app);
  if (!provider) {
    throw new Error('one provider is configured');
  }
  const store = createEmptyStore();
  await store.save('default', memoryOf(had));
  const clock = new FakeClock();
  const lookedUp: string[] = [];
  const relevance = new Relevance({
    config: provider,
    webBaseUrl: BASE,
    store,
    branches: new InProcessEventStore(),
    clock,
  });
  const of = (change: SingleChange) =>
    relevance.ofRepository(change, async ({ slug }) => {
      lookedUp.push(slug);
      return answer;
    });
  return { clock, lookedUp, of, relevance };
}

describe('a push', () => {
  it('to the default branch matters, and says to which branch it was', async () => {
    const { of, lookedUp } = await judge();
    expect(await of(pushTo('main'))).toMatchObject({ kind: 'relevant', branch: 'main' });
    expect(lookedUp).toEqual(['api']);
  });

  it('to another branch does not, and is decided without a look-up from then on', async () => {
    const { of, lookedUp } = await judge();
    for (let round = 0; round < 3; round += 1) {
      expect(await of(pushTo('feature/main'))).toMatchObject({ kind: 'ignored' });
    }
    expect(lookedUp).toEqual(['api']);
  });

  it('to the configured branch matters, without a look-up', async () => {
    const { of, lookedUp } = await judge({ branch: 'release/1' });
    expect(await of(pushTo('release/1'))).toMatchObject({
      kind: 'relevant',
      branch: 'release/1',
    });
    expect(await of(pushTo('main'))).toMatchObject({ kind: 'ignored' });
    expect(lookedUp).toEqual([]);
  });

  it('matters where there is no default branch', async () => {
    const answer = { kind: 'absent', reason: 'empty-repository' } as const;
    const { of } = await judge({}, { answer });
    const verdict = await of(pushTo('main'));
    expect(verdict).toMatchObject({ kind: 'relevant' });
    expect(verdict).not.toHaveProperty('branch');
  });

  it('is undecided where the default branch cannot be told, and nothing is remembered', async () => {
    const problem = { reason: 'server-error', detail: 'Bitbucket failed: 503' } as const;
    const { of, lookedUp } = await judge({}, { answer: { kind: 'unknown', problem } });
    const verdict = { kind: 'unknown', detail: 'Bitbucket failed: 503' };
    expect(await of(pushTo('main'))).toEqual(verdict);
    expect(await of(pushTo('main'))).toEqual(verdict);
    expect(lookedUp).toHaveLength(2);
  });

  it('to a repository without an id is asked about each time', async () => {
    const { of, lookedUp } = await judge();
    const { id: _, ...unnumbered } = API;
    await of(pushTo('main', unnumbered));
    await of(pushTo('main', unnumbered));
    expect(lookedUp).toHaveLength(2);
  });

  it('is asked about again after a day, and after the repository was modified', async () => {
    const { clock, of, lookedUp, relevance } = await judge();
    await of(pushTo('main'));
    await clock.advance(24 * HOUR);
    await of(pushTo('main'));
    expect(lookedUp).toHaveLength(1);
    await clock.advance(1);
    await of(pushTo('main'));
    expect(lookedUp).toHaveLength(2);
    await relevance.forgetDefaultBranch(API);
    await of(pushTo('main'));
    expect(lookedUp).toHaveLength(3);
  });

  it('of another repository has a default branch of its own', async () => {
    const { of, lookedUp } = await judge();
    await of(pushTo('main'));
    await of(pushTo('main', { ...API, id: 8, slug: 'web' }));
    expect(lookedUp).toEqual(['api', 'web']);
  });
});

describe('what the filters leave out', () => {
  const config = { filters: { projectKey: '^PAY$', exclude: { repoSlug: '^test-' } } };
  const outside = { ...API, projectKey: 'OPS' };

  it.each([
    ['another project', outside],
    ['an excluded slug', { ...API, slug: 'test-api' }],
    ['a personal project', { ...API, projectKey: '~jdoe' }],
  ])('is ignored: %s', async (_, repository) => {
    const { of, lookedUp } = await judge(config);
    for (const type of ['modified', 'created', 'deleted', 'unknown'] as const) {
      expect(await of({ type, repository })).toMatchObject({ kind: 'ignored' });
    }
    expect(await of(pushTo('main', repository))).toMatchObject({ kind: 'ignored' });
    expect(lookedUp).toEqual([]);
  });

  it('matters where the catalog holds a file of it, by id or by address', async () => {
    for (const one of [known(7, 'PAY/api'), known(-1, 'ops/API')]) {
      const { of } = await judge(config, { had: [one] });
      const verdict = await of({ type: 'modified', repository: outside });
      expect(verdict).toMatchObject({ kind: 'relevant' });
    }
  });

  it('does not matter where the catalog holds nothing of it any more', async () => {
    const { of } = await judge(config, { had: [known(7, 'OPS/api', [])] });
    const verdict = await of({ type: 'modified', repository: outside });
    expect(verdict).toMatchObject({ kind: 'ignored' });
  });

  it('does not matter where only a namesake is held', async () => {
    const { of } = await judge(config, { had: [known(8, 'PAY/api')] });
    const verdict = await of({ type: 'modified', repository: outside });
    expect(verdict).toMatchObject({ kind: 'ignored' });
  });
});

describe('an event without a link', () => {
  const { selfUrl: _, ...unlinked } = API;

  it.each([
    ['id and address are known', [known(7, 'PAY/api')], 'relevant'],
    ['another id is at the address', [known(8, 'PAY/api')], 'ignored'],
    ['the id is somewhere else', [known(7, 'PAY/web')], 'ignored'],
    ['only the address is known', [known(-1, 'PAY/api')], 'ignored'],
    ['nothing is known', [], 'ignored'],
  ] as const)('where %s', async (_name, had, kind) => {
    const { of } = await judge({}, { had: [...had] });
    expect(await of({ type: 'unknown', repository: unlinked })).toMatchObject({ kind });
  });

  it('of a rename counts where the former address is known', async () => {
    const { of } = await judge({}, { had: [known(7, 'PAY/api')] });
    const repository = { ...unlinked, slug: 'gateway' };
    const was = { projectKey: 'PAY', slug: 'api' };
    const renamed = await of({ type: 'modified', repository, was });
    expect(renamed).toMatchObject({ kind: 'relevant' });
  });
});

describe('a project', () => {
  const change = { type: 'project-modified', key: 'PAY' } as const;

  it.each([
    ['with our link matters', { ...change, selfUrl: `${BASE}/projects/PAY` }, 'relevant'],
    [
      'of another server does not',
      { ...change, selfUrl: 'http://x.test/projects/PAY' },
      'ignored',
    ],
    ['without a link matters where it is known', change, 'relevant'],
    [
      'without a link does not where it is not known',
      { ...change, key: 'OPS' },
      'ignored',
    ],
    [
      'without a link matters where it was known before',
      { ...change, key: 'MONEY', formerKey: 'PAY' },
      'relevant',
    ],
  ])('%s', async (_name, project, kind) => {
    const { relevance } = await judge({}, { had: [known(7, 'PAY/api')] });
    expect(await relevance.ofProject(project)).toMatchObject({ kind });
  });
});
