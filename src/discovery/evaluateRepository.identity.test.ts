import {
  address,
  file,
  known,
  NOW,
  problem,
  repository,
  scope,
  target,
  getTargets,
} from '../__testUtils__/discoveryData';
import { FakeRepositorySource } from '../__testUtils__/FakeRepositorySource';
import { catalogAfter, stateAfter, targets } from '../__testUtils__/repositoryDeltas';
import { evaluateRepository, RepositoryDelta } from './evaluateRepository';
import { DiscoveryScope, KnownRepository, RepositorySelector } from './types';

interface Setting {
  readonly known: readonly KnownRepository[];
  readonly scope?: DiscoveryScope;
}

async function evaluateDelta(
  source: FakeRepositorySource,
  at: string,
  setting: Setting,
): Promise<RepositoryDelta> {
  const evaluation = await evaluateRepository(address(at), setting.scope ?? scope(), {
    source,
    loadKnown: async () => setting.known,
    now: () => NOW,
    revision: NOW,
  });
  if (evaluation.kind === 'unknown') {
    throw new Error(`nothing is known: ${evaluation.problem.detail}`);
  }
  return evaluation.delta;
}

const PLAIN = 'catalog-info.yaml';
const NOTHING = { added: [], removed: [], stayed: [] };

describe('a repository that was renamed or moved', () => {
  it.each([
    ['PAY/api', 'PAY/gateway'],
    ['PAY/api', 'OPS/api'],
    ['PAY/api', 'OPS/gateway'],
  ])('swaps its Locations in one delta: %s to %s', async (from, to) => {
    const before = [{ ...known(7, from), hierarchyId: 'ab0e54' }];
    const source = new FakeRepositorySource().put(7, to, { hierarchyId: 'ab0e54' });
    const delta = await evaluateDelta(source, to, { known: before });
    expect(targets(delta)).toEqual({
      added: [target(to)],
      removed: [target(from)],
      stayed: [],
    });
    expect(source.asked).toContain(`repository ${from}`);
    expect(stateAfter(before, delta)).toMatchObject([known(7, to, undefined, NOW)]);
  });

  it('is found at its old address when Bitbucket redirects', async () => {
    const source = new FakeRepositorySource().put(7, 'PAY/gateway');
    source.answerRepository('PAY/api', {
      kind: 'found',
      repository: repository(7, 'PAY/gateway'),
    });
    const delta = await evaluateDelta(source, 'PAY/api', {
      known: [known(7, 'PAY/api')],
    });
    expect(targets(delta)).toEqual({
      added: [target('PAY/gateway')],
      removed: [target('PAY/api')],
      stayed: [],
    });
  });

  it.each([
    ['refuses access', { kind: 'unknown', problem: problem('not-permitted') }],
    ['finds another one there', { kind: 'found', repository: repository(9, 'PAY/api') }],
  ] as const)(
    'keeps its former Location beside the new one when Bitbucket %s',
    async (_, answer) => {
      const source = new FakeRepositorySource().put(7, 'PAY/gateway');
      source.answerRepository('PAY/api', answer);
      const before = [known(7, 'PAY/api')];
      const delta = await evaluateDelta(source, 'PAY/gateway', { known: before });
      expect(targets(delta)).toEqual({ ...NOTHING, added: [target('PAY/gateway')] });
      expect(stateAfter(before, delta)).toMatchObject([
        known(7, 'PAY/gateway', [file('PAY/gateway'), file('PAY/api')], NOW),
      ]);
    },
  );

  it('leaves its former address later, once Bitbucket says that nothing is there', async () => {
    const source = new FakeRepositorySource().put(7, 'PAY/gateway');
    const before = [known(7, 'PAY/gateway', [file('PAY/gateway'), file('PAY/api')])];
    const delta = await evaluateDelta(source, 'PAY/gateway', { known: before });
    expect(targets(delta)).toEqual({
      added: [],
      removed: [target('PAY/api')],
      stayed: [target('PAY/gateway')],
    });
  });

  it('is requested once at its former address, however many files it had there', async () => {
    const source = new FakeRepositorySource().put(7, 'PAY/gateway');
    const files = [file('PAY/api'), file('PAY/api', 'a.yaml'), file('PAY/api', 'b.yaml')];
    const delta = await evaluateDelta(source, 'PAY/gateway', {
      known: [known(7, 'PAY/api', files)],
    });
    expect(delta.removed).toHaveLength(3);
    expect(source.asked.filter(request => request === 'repository PAY/api')).toHaveLength(
      1,
    );
  });

  it('changes nothing while its files are unknown at the new address', async () => {
    const source = new FakeRepositorySource().put(7, 'PAY/gateway', {
      lookup: { kind: 'unknown', problem: problem() },
    });
    const delta = evaluateDelta(source, 'PAY/gateway', { known: [known(7, 'PAY/api')] });
    await expect(delta).rejects.toThrow(problem().detail);
  });
});

describe('an id that now belongs to another repository', () => {
  it.each([
    ['unknown', undefined, undefined],
    ['unknown before', undefined, 'ab0e54'],
    ['unknown now', 'ab0e54', undefined],
    ['another one', 'ab0e54', 'cd0e54'],
  ])(
    'removes nothing of the former one if key and slug differ and the hierarchy is %s',
    async (_, was, is) => {
      const source = new FakeRepositorySource().put(7, 'OPS/tool', { hierarchyId: is });
      const before = [{ ...known(7, 'PAY/api'), hierarchyId: was }];
      const delta = await evaluateDelta(source, 'OPS/tool', { known: before });
      expect(targets(delta)).toEqual({ ...NOTHING, added: [target('OPS/tool')] });
      expect(stateAfter(before, delta)).toMatchObject([
        known(7, 'OPS/tool', [file('OPS/tool'), file('PAY/api')], NOW),
      ]);
    },
  );
});

describe('a former address that a webhook claims', () => {
  const selectors: RepositorySelector[] = [];
  const evaluateAll = async (
    source: FakeRepositorySource,
    before: readonly KnownRepository[],
  ) => {
    const evaluation = await evaluateRepository(address('OPS/mine'), scope(), {
      source,
      loadKnown: async selector => {
        selectors.push(selector);
        return before;
      },
      formerAddress: address('PAY/victim'),
      now: () => NOW,
    });
    if (evaluation.kind === 'unknown') {
      throw new Error(evaluation.problem.detail);
    }
    return evaluation;
  };
  const evaluate = async (...args: Parameters<typeof evaluateAll>) =>
    (await evaluateAll(...args)).delta;

  it('selects the known state of the id, of both addresses and of the requested one', async () => {
    const moved = { kind: 'found', repository: repository(7, 'OPS/now') } as const;
    const source = new FakeRepositorySource()
      .put(7, 'OPS/now')
      .answerRepository('OPS/mine', moved);
    selectors.length = 0;
    await evaluateAll(source, []);
    expect(selectors).toEqual(
      selectors.map(() => ({
        repositoryIds: [7],
        addresses: [
          address('OPS/mine'),
          expect.objectContaining(address('OPS/now')),
          address('PAY/victim'),
        ],
      })),
    );
    expect(selectors.length).toBeGreaterThan(0);
  });

  it.each([
    ['Bitbucket confirms it', {}, true],
    ['Bitbucket finds another one there', { 9: 'PAY/victim' }, false],
  ])('is reported when something was known there and %s', async (_, others, isTrue) => {
    const source = new FakeRepositorySource().put(7, 'OPS/mine');
    Object.entries(others).forEach(([id, at]) => source.put(Number(id), at));
    const before = [known(3, 'PAY/other'), known(-1, 'PAY/victim')];
    expect((await evaluateAll(source, before)).movedFrom).toEqual(
      isTrue ? address('PAY/victim') : undefined,
    );
  });

  it('costs no request and is not reported when nothing is known there', async () => {
    const source = new FakeRepositorySource().put(7, 'OPS/mine');
    const evaluation = await evaluateAll(source, [known(3, 'PAY/other')]);
    expect(evaluation).not.toHaveProperty('movedFrom');
    expect(source.asked).not.toContain('repository PAY/victim');
  });

  it('removes nothing from the repository there, which stays known by its address', async () => {
    const source = new FakeRepositorySource()
      .put(7, 'OPS/mine')
      .answerRepository('PAY/victim', {
        kind: 'unknown',
        problem: problem('not-permitted'),
      });
    const before = [known(-1, 'PAY/victim')];
    const delta = await evaluate(source, before);
    expect(targets(delta)).toEqual({ ...NOTHING, added: [target('OPS/mine')] });
    expect(delta.forgottenIds).toEqual([]);
    expect(stateAfter(before, delta)).toContainEqual(known(-1, 'PAY/victim'));
  });

  it('is released when Bitbucket confirms it', async () => {
    const source = new FakeRepositorySource().put(7, 'OPS/mine');
    const delta = await evaluate(source, [known(-1, 'PAY/victim')]);
    expect(targets(delta)).toEqual({
      added: [target('OPS/mine')],
      removed: [target('PAY/victim')],
      stayed: [],
    });
    expect(delta.forgottenIds).toEqual([-1]);
  });
});

describe('a repository known by its address only', () => {
  it.each([
    ['registered', [PLAIN], { ...NOTHING, stayed: [target('PAY/api')] }],
    ['absent', [], { ...NOTHING, removed: [target('PAY/api')] }],
  ])('gets its id when it is %s', async (_, files, expected) => {
    const source = new FakeRepositorySource().put(7, 'PAY/api', { files });
    const before = [known(-1, 'pay/API', [file('PAY/api')])];
    const delta = await evaluateDelta(source, 'PAY/api', { known: before });
    expect(targets(delta)).toEqual(expected);
    expect(delta.forgottenIds).toEqual([-1]);
    expect(stateAfter(before, delta).map(repository => repository.repositoryId)).toEqual([
      7,
    ]);
  });

  it('is merged with the repository known by id, each target once', async () => {
    const source = new FakeRepositorySource().put(7, 'PAY/api', { files: [] });
    const before = [known(-1, 'PAY/api'), known(7, 'PAY/api'), known(-2, 'PAY/web')];
    const delta = await evaluateDelta(source, 'PAY/api', { known: before });
    expect(targets(delta)).toEqual({ ...NOTHING, removed: [target('PAY/api')] });
    expect(delta.forgottenIds).toEqual([-1]);
  });

  it('keeps its placeholder when it has another address', async () => {
    const source = new FakeRepositorySource().put(7, 'PAY/api');
    const delta = await evaluateDelta(source, 'PAY/api', {
      known: [known(-1, 'PAY/web')],
    });
    expect(delta.forgottenIds).toEqual([]);
    expect(getTargets(delta.removed)).toEqual([]);
  });
});

describe('an address that another repository has taken over', () => {
  it('keeps its Location, which now belongs to the new repository', async () => {
    const source = new FakeRepositorySource().put(9, 'PAY/api');
    const before = [known(7, 'PAY/api')];
    const delta = await evaluateDelta(source, 'PAY/api', { known: before });
    expect(targets(delta)).toEqual({ ...NOTHING, stayed: [target('PAY/api')] });
    expect(stateAfter(before, delta)).toEqual([
      known(7, 'PAY/api', []),
      expect.objectContaining({ repositoryId: 9, files: [file('PAY/api')] }),
    ]);
  });

  it('leaves files that the new repository does not have to the former one', async () => {
    const source = new FakeRepositorySource().put(9, 'PAY/api', { files: [] });
    const before = [known(7, 'PAY/api')];
    const delta = await evaluateDelta(source, 'PAY/api', { known: before });
    expect(targets(delta)).toEqual(NOTHING);
    expect(stateAfter(before, delta)[0]).toEqual(before[0]);
  });

  it('does not lose the Location when the former repository is found elsewhere', async () => {
    const source = new FakeRepositorySource().put(9, 'PAY/api').put(7, 'OPS/api');
    let state = [known(7, 'PAY/api')];
    let catalog = new Set([target('PAY/api')]);
    for (const at of ['PAY/api', 'OPS/api']) {
      const delta = await evaluateDelta(source, at, { known: state });
      state = stateAfter(state, delta);
      catalog = catalogAfter(catalog, delta);
    }
    expect([...catalog].sort()).toEqual([target('OPS/api'), target('PAY/api')]);
  });

  it.each([
    ['one', ['PAY/a', 'PAY/b']],
    ['the other', ['PAY/b', 'PAY/a']],
  ])(
    'keeps both Locations of two repositories that swapped slugs, %s checked first',
    async (_, ats) => {
      const source = new FakeRepositorySource().put(7, 'PAY/b').put(9, 'PAY/a');
      let state = [known(7, 'PAY/a'), known(9, 'PAY/b')];
      let catalog = new Set([target('PAY/a'), target('PAY/b')]);
      for (const at of ats) {
        const delta = await evaluateDelta(source, at, { known: state });
        state = stateAfter(state, delta);
        catalog = catalogAfter(catalog, delta);
      }
      expect([...catalog].sort()).toEqual([target('PAY/a'), target('PAY/b')]);
      expect(state).toMatchObject([
        known(7, 'PAY/b', undefined, NOW),
        known(9, 'PAY/a', undefined, NOW),
      ]);
    },
  );

  it('keeps its Location after a rename while another repository has its file there', async () => {
    const source = new FakeRepositorySource().put(7, 'PAY/b');
    const before = [known(7, 'PAY/b', [file('PAY/a')]), known(9, 'PAY/a')];
    const delta = await evaluateDelta(source, 'PAY/b', { known: before });
    expect(targets(delta)).toEqual({ ...NOTHING, added: [target('PAY/b')] });
  });
});
