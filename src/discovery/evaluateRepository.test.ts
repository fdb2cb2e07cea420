import {
  ABSENT,
  address,
  EXCLUDED,
  file,
  known,
  location,
  NOW,
  problem,
  registered,
  scope,
  target,
  getTargets,
} from '../__testUtils__/discoveryData';
import { FakeRepositorySource } from '../__testUtils__/FakeRepositorySource';
import { stateAfter, targets } from '../__testUtils__/repositoryDeltas';
import { evaluateRepository, Evaluation, RepositoryDelta } from './evaluateRepository';
import { DiscoveryScope, KnownRepository } from './types';

interface Setting {
  readonly known?: readonly KnownRepository[];
  readonly scope?: DiscoveryScope;
  readonly signal?: AbortSignal;
}

function evaluate(
  source: FakeRepositorySource,
  at: string,
  setting: Setting = {},
): Promise<Evaluation> {
  return evaluateRepository(address(at), setting.scope ?? scope(), {
    source,
    loadKnown: async () => setting.known ?? [],
    now: () => NOW,
    revision: NOW,
    signal: setting.signal,
  });
}

async function evaluateDelta(
  ...args: Parameters<typeof evaluate>
): Promise<RepositoryDelta> {
  const evaluation = await evaluate(...args);
  if (evaluation.kind === 'unknown') {
    throw new Error(`nothing is known: ${evaluation.problem.detail}`);
  }
  return evaluation.delta;
}

const PLAIN = 'catalog-info.yaml';
const DOCS = 'docs/catalog-info.yaml';
const NOTHING = { added: [], removed: [], stayed: [] };

describe('a repository that exists', () => {
  const archivedOut = scope({ filters: { skipArchivedRepos: true } });

  it.each([
    ['registered', {}, scope(), registered('PAY/api')],
    ['absent', { files: [] }, scope(), ABSENT],
    ['excluded', { archived: true }, archivedOut, EXCLUDED],
  ])('ends as %s and is stored with outcome and time', async (_, is, wanted, outcome) => {
    const source = new FakeRepositorySource().put(7, 'PAY/api', is);
    const evaluation = await evaluate(source, 'PAY/api', { scope: wanted });
    const files = outcome.kind === 'registered' ? [file('PAY/api')] : [];
    expect(evaluation).toMatchObject({
      kind: 'evaluated',
      repository: expect.objectContaining({ id: 7, ...address('PAY/api') }),
      result: {
        repository: { id: 7, ...address('PAY/api') },
        outcome,
        checkedAtMs: NOW,
        revision: NOW,
      },
      delta: {
        added: files.map(() => location(7, 'PAY/api')),
        removed: [],
        stayed: [],
        changed: [{ ...known(7, 'PAY/api', files, NOW), conclusive: outcome }],
        forgottenIds: [],
      },
    });
  });

  it.each([
    ['no longer has a file', { files: [] }],
    ['is now excluded', { archived: true }],
  ])('loses its Location when it %s', async (_, is) => {
    const source = new FakeRepositorySource().put(7, 'PAY/api', is);
    const before = [known(7, 'PAY/api')];
    const delta = await evaluateDelta(source, 'PAY/api', {
      known: before,
      scope: archivedOut,
    });
    expect(targets(delta)).toEqual({ ...NOTHING, removed: [target('PAY/api')] });
    expect(stateAfter(before, delta)).toMatchObject([{ repositoryId: 7, files: [] }]);
  });

  it('is not checked for files when it is excluded', async () => {
    const source = new FakeRepositorySource().put(7, 'PAY/api', { archived: true });
    await evaluate(source, 'PAY/api', { scope: archivedOut });
    expect(source.asked).toEqual(['repository PAY/api']);
  });

  it('keeps a file that is still there and has it read again', async () => {
    const source = new FakeRepositorySource().put(7, 'PAY/api');
    const delta = await evaluateDelta(source, 'PAY/api', {
      known: [known(7, 'PAY/api')],
    });
    expect(targets(delta)).toEqual({ ...NOTHING, stayed: [target('PAY/api')] });
    expect(delta.stayed).toEqual([location(7, 'PAY/api')]);
  });

  it.each([
    ['emitted again once its file is proven to exist', 'optional', [target('PAY/api')]],
    ['only read again when that was proven before', 'required', []],
  ] as const)('is %s', async (_, presence, added) => {
    const before = known(7, 'PAY/api', [{ ...file('PAY/api'), presence }]);
    const source = new FakeRepositorySource().put(7, 'PAY/api');

    const delta = await evaluateDelta(source, 'PAY/api', { known: [before] });

    expect(getTargets(delta.added)).toEqual(added);
    expect(delta.removed).toEqual([]);
    expect(stateAfter([before], delta)).toMatchObject([{ files: [file('PAY/api')] }]);
  });

  it('has each of several files added, kept or removed separately', async () => {
    const paths = ['a.yaml', 'b.yaml', 'c.yaml'];
    const files = ['b.yaml', 'c.yaml', 'other.yaml'];
    const source = new FakeRepositorySource().put(7, 'PAY/api', { files });
    const had = ['a.yaml', 'b.yaml'].map(path => file('PAY/api', path));
    const delta = await evaluateDelta(source, 'PAY/api', {
      known: [known(7, 'PAY/api', had)],
      scope: scope({ paths }),
    });
    expect(delta).toMatchObject({
      added: [location(7, 'PAY/api', 'c.yaml')],
      removed: [location(7, 'PAY/api', 'a.yaml')],
      stayed: [location(7, 'PAY/api', 'b.yaml')],
    });
  });

  it('replaces the Location when another branch is configured', async () => {
    const source = new FakeRepositorySource().put(7, 'PAY/api');
    const delta = await evaluateDelta(source, 'PAY/api', {
      known: [known(7, 'PAY/api')],
      scope: scope({ branch: 'develop' }),
    });
    expect(targets(delta)).toEqual({
      added: [target('PAY/api', PLAIN, 'develop')],
      removed: [target('PAY/api')],
      stayed: [],
    });
  });

  it('does not change other repositories', async () => {
    const source = new FakeRepositorySource().put(7, 'PAY/api', { files: [] });
    const before = [known(8, 'PAY/web'), known(-1, 'PAY/old'), known(7, 'PAY/api')];
    const delta = await evaluateDelta(source, 'PAY/api', { known: before });
    expect(getTargets(delta.removed)).toEqual([target('PAY/api')]);
    expect(stateAfter(before, delta).slice(0, 2)).toEqual(before.slice(0, 2));
    const { changed, changedByAdding, changedByCheck } = delta;
    for (const repositories of [changed, changedByAdding, changedByCheck]) {
      expect(repositories.map(({ repositoryId }) => repositoryId)).toEqual([7]);
    }
  });
});

describe('a repository whose state cannot be read', () => {
  const failed = problem('not-permitted', '401');

  it.each([
    [
      'itself',
      (source: FakeRepositorySource) =>
        source.answerRepository('PAY/api', { kind: 'unknown', problem: failed }),
    ],
    [
      'its files',
      (source: FakeRepositorySource) =>
        source.put(7, 'PAY/api', { lookup: { kind: 'unknown', problem: failed } }),
    ],
  ])('changes nothing when the answer about %s is inconclusive', async (_, breakIt) => {
    const source = new FakeRepositorySource().put(7, 'PAY/api');
    breakIt(source);
    for (const paths of [[PLAIN], [PLAIN, DOCS]]) {
      const evaluation = await evaluate(source, 'PAY/api', {
        known: [known(7, 'PAY/api'), known(-1, 'PAY/api')],
        scope: scope({ paths }),
      });
      expect(evaluation).toEqual({ kind: 'unknown', problem: failed });
    }
  });

  it('changes nothing when it is not available', async () => {
    const source = new FakeRepositorySource().put(7, 'PAY/api', { state: 'OFFLINE' });
    const evaluation = await evaluate(source, 'PAY/api', {
      known: [known(7, 'PAY/api')],
    });
    expect(evaluation).toMatchObject({ problem: { reason: 'not-available' } });
  });

  it('throws errors of the source, including an abort', async () => {
    const source = new FakeRepositorySource().put(7, 'PAY/api');
    const signal = AbortSignal.abort(new Error('stop'));
    await expect(evaluate(source, 'PAY/api', { signal })).rejects.toThrow('stop');
    source.beforeAnswer = question => {
      if (question.startsWith('file')) {
        throw new Error('broken');
      }
    };
    await expect(evaluate(source, 'PAY/api')).rejects.toThrow('broken');
  });
});

describe('a repository that is gone', () => {
  const source = new FakeRepositorySource();

  it('removes the files known at its address and no others', async () => {
    const before = [known(7, 'PAY/api'), known(8, 'PAY/web'), known(-1, 'OPS/api')];
    const evaluation = await evaluate(source, 'pay/API', { known: before });
    expect(evaluation).not.toHaveProperty('result');
    const delta = await evaluateDelta(source, 'pay/API', { known: before });
    expect(targets(delta)).toEqual({ ...NOTHING, removed: [target('PAY/api')] });
    expect(delta.removed).toEqual([location(7, 'PAY/api')]);
    expect(stateAfter(before, delta)).toEqual(
      expect.arrayContaining([known(8, 'PAY/web'), known(-1, 'OPS/api')]),
    );
  });

  it('is stored without files and outcome, so that a concurrent run sees it', async () => {
    const conclusive = registered('PAY/api');
    const before = [{ ...known(7, 'PAY/api', undefined, 1), conclusive }];
    const delta = await evaluateDelta(source, 'PAY/api', { known: before });
    expect(stateAfter(before, delta)).toEqual([known(7, 'PAY/api', [], NOW)]);
  });

  it('removes each target once, however many repositories share it', async () => {
    const before = [known(7, 'PAY/api'), known(-1, 'PAY/api')];
    const delta = await evaluateDelta(source, 'PAY/api', { known: before });
    expect(targets(delta)).toEqual({ ...NOTHING, removed: [target('PAY/api')] });
  });

  it('changes nothing when no repository is known at its address', async () => {
    const delta = await evaluateDelta(source, 'PAY/api', {
      known: [known(8, 'PAY/web')],
    });
    expect(delta).toMatchObject({ ...NOTHING, changed: [], forgottenIds: [] });
  });

  it('keeps the files of the same id at another address', async () => {
    const moved = [known(7, 'OPS/api')];
    const delta = await evaluateDelta(source, 'PAY/api', { known: moved });
    expect(targets(delta)).toEqual(NOTHING);
  });
});
