/** Which repository a known state belongs to when ids and addresses no longer match. */

import {
  file,
  HOUR,
  known,
  problem,
  repository,
  scope,
  target,
  getTargets,
} from '../__testUtils__/discoveryData';
import { FakeRepositorySource } from '../__testUtils__/FakeRepositorySource';
import { performRun, Run } from './performRun';
import { HeldRemoval, KnownRepository } from './types';

interface Asked extends Run {
  readonly catalog: string[];
  readonly lookups: string[];
}

async function run(
  source: FakeRepositorySource,
  before: readonly KnownRepository[],
  {
    held = [],
    sinceConfirmationMs = 0,
  }: { held?: readonly HeldRemoval[]; sinceConfirmationMs?: number } = {},
): Promise<Asked> {
  const first = source.asked.length;
  const finished = await performRun({
    scope: scope(),
    policy: { maxPercentage: 30, holdForMs: 24 * HOUR },
    source,
    state: { repositories: before, held },
    loadConcurrentChanges: async () => ({
      approved: new Set(),
      newer: [],
      sinceConfirmationMs,
    }),
    clock: { now: () => 1000 },
  });
  return {
    ...finished,
    catalog: getTargets(finished.reconciliation.locations),
    lookups: source.asked
      .slice(first)
      .filter(request => request.startsWith('repository')),
  };
}

/** Targets of the repositories that were not renamed. */
const OTHERS = [1, 2, 3].map(id => known(id, `PAY/r${id}`));

function server(): FakeRepositorySource {
  const source = new FakeRepositorySource();
  OTHERS.forEach(repository =>
    source.put(repository.repositoryId, `PAY/${repository.slug}`),
  );
  return source;
}

const OTHER_TARGETS = OTHERS.map(repository => target(`PAY/${repository.slug}`));

const noAnswer = { kind: 'unknown', problem: problem('not-permitted', '401') } as const;

describe('a repository that is listed at another address', () => {
  it.each([
    ['renamed', 'PAY/gateway', {}],
    ['moved', 'OPS/api', {}],
    ['moved and renamed within its hierarchy', 'OPS/gateway', { hierarchyId: 'ab0e54' }],
  ])('is replaced in one run when it was %s', async (_, to, how) => {
    const source = server().put(7, to, how);
    const { catalog, lookups, summary, reconciliation, result } = await run(source, [
      ...OTHERS,
      { ...known(7, 'PAY/api'), hierarchyId: 'ab0e54' },
    ]);
    expect(catalog).toEqual([...OTHER_TARGETS, target(to)].sort());
    expect(lookups).toEqual(['repository PAY/api']);
    expect(summary).toMatchObject({ removed: 1, replaced: 1, heldBack: 0, unknown: 0 });
    expect(result.reassigned).toEqual([]);
    expect(
      reconciliation.state?.repositories.map(repository => repository.repositoryId),
    ).toEqual([1, 2, 3, 7]);
  });

  it('is replaced even when it is the only one', async () => {
    const source = new FakeRepositorySource().put(7, 'PAY/gateway');
    const { catalog, summary } = await run(source, [known(7, 'PAY/api')]);
    expect(catalog).toEqual([target('PAY/gateway')]);
    expect(summary).toMatchObject({ removed: 1, replaced: 1, heldBack: 0 });
  });

  it('is replaced when Bitbucket redirects from the former address', async () => {
    const moved = repository(7, 'OPS/gateway');
    const source = server()
      .put(7, 'OPS/gateway')
      .answerRepository('PAY/api', { kind: 'found', repository: moved });
    const { catalog, summary } = await run(source, [...OTHERS, known(7, 'PAY/api')]);
    expect(catalog).toEqual([target('OPS/gateway'), ...OTHER_TARGETS].sort());
    expect(summary).toMatchObject({ removed: 1, replaced: 1, heldBack: 0 });
  });

  it('keeps its former Location while Bitbucket does not say which repository is there', async () => {
    const source = server().put(7, 'PAY/gateway').answerRepository('PAY/api', noAnswer);
    const before = [...OTHERS, known(7, 'PAY/api')];
    const first = await run(source, before);
    expect(first.catalog).toEqual(
      [target('PAY/api'), target('PAY/gateway'), ...OTHER_TARGETS].sort(),
    );
    expect(first.summary).toMatchObject({ removed: 0, carriedForward: 1 });

    const second = await run(source, first.reconciliation.state?.repositories ?? []);
    expect(second.catalog).toEqual(first.catalog);
    expect(second.lookups).toEqual(['repository PAY/api']);

    const answering = server().put(7, 'PAY/gateway');
    const third = await run(answering, second.reconciliation.state?.repositories ?? []);
    expect(third.catalog).toEqual([target('PAY/gateway'), ...OTHER_TARGETS].sort());
    expect(third.summary).toMatchObject({ removed: 1 });
  });

  it('leaves its former Location to the repository now there, without a request', async () => {
    const source = server().put(7, 'PAY/gateway').put(9, 'PAY/api', { files: [] });
    const { catalog, lookups, summary } = await run(source, [
      ...OTHERS,
      known(7, 'PAY/api'),
    ]);
    expect(catalog).toEqual([target('PAY/gateway'), ...OTHER_TARGETS].sort());
    expect(lookups).toEqual([]);
    expect(summary).toMatchObject({ removed: 1, replaced: 0 });
  });

  it('loses its Location when it no longer has the file', async () => {
    const source = server().put(7, 'PAY/gateway', { files: [] });
    const { catalog, summary } = await run(source, [...OTHERS, known(7, 'PAY/api')]);
    expect(catalog).toEqual(OTHER_TARGETS);
    expect(summary).toMatchObject({ removed: 1, replaced: 0 });
  });

  it('is requested again at its former address while the removal is held back', async () => {
    const ids = [11, 12, 13, 14, 15, 16];
    const source = new FakeRepositorySource();
    ids.forEach(id => source.put(id, `CASH/r${id}`));
    const before = ids.map(id => known(id, `PAY/r${id}`));
    const first = await run(source, before);
    expect(first.summary).toMatchObject({ locations: 12, heldBack: 6, removed: 0 });
    expect(first.lookups).toHaveLength(6);

    const state = first.reconciliation.state;
    const second = await run(source, state?.repositories ?? [], {
      held: state?.held,
      sinceConfirmationMs: HOUR,
    });
    expect(second.summary).toMatchObject({ locations: 12, heldBack: 6, removed: 0 });
    expect(second.lookups).toEqual(first.lookups);

    const third = await run(source, second.reconciliation.state?.repositories ?? [], {
      held: second.reconciliation.state?.held,
      sinceConfirmationMs: 23 * HOUR,
    });
    expect(third.catalog).toEqual(ids.map(id => target(`CASH/r${id}`)));
    expect(third.summary).toMatchObject({ removed: 6, replaced: 6, heldBack: 0 });
  });
});

describe('a repository at a known address that is not listed', () => {
  it('leaves its former address once that is proven empty, without a request for the repository itself', async () => {
    const left = known(7, 'OUT/api', [file('OPS/api')]);
    const { catalog, lookups, summary } = await run(server(), [...OTHERS, left]);
    expect(lookups).toEqual(['repository OPS/api']);
    expect(catalog).toEqual(OTHER_TARGETS);
    expect(summary).toMatchObject({ removed: 1, replaced: 0 });
  });
});

describe('an id that now belongs to another repository', () => {
  it.each([
    ['unknown', undefined, undefined],
    ['unknown before', undefined, 'cd0e54'],
    ['another one', 'ab0e54', 'cd0e54'],
  ])(
    'moves nothing without a request if key and slug differ and the hierarchy is %s',
    async (_, hierarchyId, is) => {
      const source = server()
        .put(7, 'OPS/tool', { hierarchyId: is })
        .answerRepository('PAY/api', noAnswer);
      const before = { ...known(7, 'PAY/api'), hierarchyId };
      const { catalog, lookups, result } = await run(source, [...OTHERS, before]);
      expect(catalog).toEqual(
        [target('OPS/tool'), target('PAY/api'), ...OTHER_TARGETS].sort(),
      );
      expect(lookups).toEqual(['repository PAY/api']);
      expect(result.reassigned).toEqual([before]);
    },
  );

  it('leads to the removal of the former repository once that is proven gone', async () => {
    const source = server().put(7, 'OPS/tool');
    const { catalog, summary } = await run(source, [...OTHERS, known(7, 'PAY/api')]);
    expect(catalog).toEqual([target('OPS/tool'), ...OTHER_TARGETS].sort());
    expect(summary).toMatchObject({ removed: 1, replaced: 0 });
  });

  it('does not empty the catalog, although a single removal is always allowed', async () => {
    const source = new FakeRepositorySource().put(7, 'OPS/tool');
    const { catalog, summary } = await run(source, [known(7, 'PAY/api')]);
    expect(catalog).toEqual([target('OPS/tool'), target('PAY/api')]);
    expect(summary).toMatchObject({ removed: 0, heldBack: 1 });
  });

  it('removes nothing when the run ends before the former repository is requested', async () => {
    const source = server()
      .put(7, 'OPS/tool')
      .failListing(
        'list',
        { kind: 'failed', problem: problem(), unsupported: false, gone: false },
        2,
      );
    const { reconciliation } = await run(source, [...OTHERS, known(7, 'PAY/api')]);
    const remembered = reconciliation.state?.repositories.flatMap(
      repository => repository.files,
    );
    expect(reconciliation.mutation).toBe('add-only');
    expect(remembered).toContainEqual(file('PAY/api'));
  });
});

describe('a repository at the address of one that is gone', () => {
  const anew =
    'https://bitbucket.test/git/projects/PAY/repos/api/browse/catalog-info.yaml';
  const left = known(7, 'PAY/api', [{ ...file('PAY/api'), targetUrl: anew }]);

  it('keeps the URL of the file there although the base URL has changed', async () => {
    const source = server().put(9, 'PAY/api');
    const { catalog, reconciliation, summary } = await run(source, [...OTHERS, left]);
    expect(catalog).toEqual([anew, ...OTHER_TARGETS].sort());
    expect(summary).toMatchObject({ removed: 0, replaced: 0, heldBack: 0 });
    expect(reconciliation.state?.repositories).toContainEqual(
      expect.objectContaining({ repositoryId: 9, files: left.files }),
    );
  });

  it('removes the Location there when it has no file', async () => {
    const source = server().put(9, 'PAY/api', { files: [] });
    const { catalog, summary } = await run(source, [...OTHERS, left]);
    expect(catalog).toEqual(OTHER_TARGETS);
    expect(summary).toMatchObject({ removed: 1 });
  });

  it('does not use the URL of a file at another address', async () => {
    const source = server().put(9, 'PAY/gateway');
    const { catalog } = await run(source, [...OTHERS, left]);
    expect(catalog).toEqual([target('PAY/gateway'), ...OTHER_TARGETS].sort());
  });
});

describe('an entity from a location parser', () => {
  const made = (at: string, targetUrl: string) => ({
    ...file(at),
    targetUrl,
    entity: { key: 'component:default/api', json: '{}' },
  });

  it('belongs to its repository, whatever target it names', async () => {
    const source = server()
      .put(7, 'PAY/api', { lookup: noAnswer })
      .put(9, 'PAY/docs', { files: [] });
    const before = known(7, 'PAY/api', [made('PAY/api', target('PAY/docs'))]);
    const { reconciliation, lookups } = await run(source, [...OTHERS, before]);
    expect(reconciliation.carriedForward.map(location => location.file)).toEqual(
      before.files,
    );
    expect(lookups).toEqual([]);
  });
});
