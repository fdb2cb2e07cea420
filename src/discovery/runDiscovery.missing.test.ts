import {
  failedListing,
  known,
  problem,
  repository,
  scope,
  target,
  getTargets,
} from '../__testUtils__/discoveryData';
import { FakeRepositorySource } from '../__testUtils__/FakeRepositorySource';
import { RepositoryFilters } from '../filters/types';
import { performRun, Run } from './performRun';
import { KnownRepository } from './types';

/** A run with the guard off: proven removals are applied immediately. */
async function run(
  source: FakeRepositorySource,
  before: readonly KnownRepository[],
  filters: Partial<RepositoryFilters> = {},
): Promise<Run & { kept: string[]; lookups: string[] }> {
  const finished = await performRun({
    scope: scope({ filters }),
    policy: { maxPercentage: 100, holdForMs: 0 },
    source,
    state: { repositories: before, held: [] },
    clock: { now: () => 1000 },
  });
  return {
    ...finished,
    kept: getTargets(finished.reconciliation.locations),
    lookups: source.asked.filter(request => request.startsWith('repository')),
  };
}

const REFUSED = failedListing({ problem: problem('not-permitted', '401 refused') });

describe('a known repository that a complete listing lacks', () => {
  const server = () => new FakeRepositorySource().put(1, 'PAY/a');
  const missing = known(7, 'PAY/api', undefined, 500);

  it('is requested once, and removed when Bitbucket says that it is gone', async () => {
    const { kept, lookups, result, reconciliation } = await run(server(), [missing]);
    expect(lookups).toEqual(['repository PAY/api']);
    expect([...result.goneRepositoryIds]).toEqual([7]);
    expect(kept).toEqual([target('PAY/a')]);
    expect(getTargets(reconciliation.removed)).toEqual([target('PAY/api')]);
  });

  it('is not requested when it has no Locations', async () => {
    const { lookups, result } = await run(server(), [known(7, 'PAY/api', [])]);
    expect(lookups).toEqual([]);
    expect(result.repositories.size).toBe(1);
  });

  it('is checked like any other when it still exists', async () => {
    const source = server().put(7, 'PAY/api', { unlisted: true });
    const { kept, result } = await run(source, [missing]);
    expect(kept).toEqual([target('PAY/a'), target('PAY/api')]);
    expect(source.asked).toContain('file PAY/api catalog-info.yaml');
    expect(result.goneRepositoryIds.size).toBe(0);
  });

  it('loses its Location when it still exists without the file', async () => {
    const source = server().put(7, 'PAY/api', { unlisted: true, files: [] });
    expect((await run(source, [missing])).kept).toEqual([target('PAY/a')]);
  });

  it('loses its Location when it still exists and is excluded', async () => {
    const source = server().put(7, 'PAY/api', { unlisted: true, archived: true });
    const { kept } = await run(source, [missing], { skipArchivedRepos: true });
    expect(kept).toEqual([target('PAY/a')]);
    expect(source.asked).not.toContain('file PAY/api catalog-info.yaml');
  });

  it('gets its new address when it was renamed', async () => {
    const source = server()
      .put(7, 'PAY/gateway', { unlisted: true })
      .answerRepository('PAY/api', {
        kind: 'found',
        repository: repository(7, 'PAY/gateway'),
      });
    const { kept, reconciliation } = await run(source, [missing]);
    expect(kept).toEqual([target('PAY/a'), target('PAY/gateway')]);
    expect(getTargets(reconciliation.removed)).toEqual([target('PAY/api')]);
    expect(reconciliation.replaced).toEqual(
      new Map([[target('PAY/api'), 'other-target']]),
    );
  });

  it.each([
    ['not-permitted', '401'],
    ['server-error', '503'],
    ['unexpected-answer', 'a login page'],
    ['timeout', 'late'],
    ['rate-limited', '429'],
  ] as const)(
    'keeps its Location when the answer is inconclusive: %s',
    async (reason, detail) => {
      const source = server().answerRepository('PAY/api', {
        kind: 'unknown',
        problem: { reason, detail },
      });
      const { kept, summary, reconciliation } = await run(source, [missing]);
      expect(kept).toEqual([target('PAY/a'), target('PAY/api')]);
      expect(summary.reasons.unknown).toEqual({ [reason]: 1 });
      expect(
        reconciliation.state?.repositories.find(
          repository => repository.repositoryId === 7,
        ),
      ).toEqual({ ...missing, problem: { reason, detail } });
    },
  );

  it('keeps its Location when the file check of a repository found again fails', async () => {
    const source = server().put(7, 'PAY/api', {
      unlisted: true,
      lookup: { kind: 'unknown', problem: problem() },
    });
    expect((await run(source, [missing])).kept).toContain(target('PAY/api'));
  });

  describe('whose address another repository has taken', () => {
    it('is gone, and the other one is checked once', async () => {
      const source = server().put(9, 'PAY/api', { files: [] });
      const { kept, result } = await run(source, [missing]);
      expect([...result.goneRepositoryIds]).toEqual([7]);
      expect(kept).toEqual([target('PAY/a')]);
      expect(
        source.asked.filter(request => request.startsWith('file PAY/api')),
      ).toHaveLength(1);
    });

    it('leaves its Location to the other one, even when the listing lacks that as well', async () => {
      const source = server().put(9, 'PAY/api', { unlisted: true });
      const { kept, reconciliation } = await run(source, [missing]);
      expect(kept).toEqual([target('PAY/a'), target('PAY/api')]);
      expect(reconciliation.removed).toEqual([]);
      expect(
        reconciliation.state?.repositories.map(repository => repository.repositoryId),
      ).toEqual([1, 9]);
    });

    it('keeps its Location in place while the other one is unknown', async () => {
      const source = server().put(9, 'PAY/api', {
        unlisted: true,
        lookup: { kind: 'unknown', problem: problem() },
      });
      expect((await run(source, [missing])).kept).toContain(target('PAY/api'));
    });
  });

  it('is not gone when it swapped addresses with another missing one', async () => {
    const source = server()
      .put(7, 'PAY/web', { unlisted: true })
      .put(9, 'PAY/api', { unlisted: true });
    const { kept, result } = await run(source, [missing, known(9, 'PAY/web')]);
    expect(result.goneRepositoryIds.size).toBe(0);
    expect(kept).toEqual([target('PAY/a'), target('PAY/api'), target('PAY/web')]);
  });

  describe('of which only the address is known', () => {
    it('is gone when there is no repository at its address', async () => {
      const { kept, result } = await run(server(), [known(-1, 'PAY/api')]);
      expect([...result.goneRepositoryIds]).toEqual([-1]);
      expect(kept).toEqual([target('PAY/a')]);
    });

    it('becomes the repository at its address', async () => {
      const source = server().put(9, 'PAY/api', { unlisted: true });
      const { kept, result } = await run(source, [known(-1, 'PAY/api')]);
      expect([...result.known.keys()]).toEqual([9]);
      expect(kept).toEqual([target('PAY/a'), target('PAY/api')]);
    });

    it.each([
      ['listed', false],
      ['not listed', true],
    ])(
      'becomes the renamed repository that Bitbucket answers with, %s',
      async (_, unlisted) => {
        const source = server()
          .put(9, 'PAY/gateway', { unlisted })
          .answerRepository('PAY/api', {
            kind: 'found',
            repository: repository(9, 'PAY/gateway'),
          });
        const { kept, result, reconciliation } = await run(source, [
          known(-1, 'PAY/api'),
        ]);
        expect([...result.known.keys()]).toEqual([9]);
        expect(kept).toEqual([target('PAY/a'), target('PAY/gateway')]);
        expect(reconciliation.replaced).toEqual(
          new Map([[target('PAY/api'), 'other-target']]),
        );
        expect(
          source.asked.filter(request => request.includes('file PAY/gateway')),
        ).toHaveLength(1);
      },
    );

    it('stays a placeholder while the answer is inconclusive', async () => {
      const source = server().answerRepository('PAY/api', {
        kind: 'unknown',
        problem: problem(),
      });
      const { kept, reconciliation } = await run(source, [known(-1, 'PAY/api')]);
      expect(kept).toContain(target('PAY/api'));
      expect(
        reconciliation.state?.repositories.map(repository => repository.repositoryId),
      ).toContain(-1);
    });
  });
});

describe('a known repository outside of the projects that are listed', () => {
  const both = () => new FakeRepositorySource().put(1, 'PAY/a').put(2, 'OPS/b');

  it('is excluded without a request when its project cannot match', async () => {
    const { kept, lookups, summary } = await run(
      both(),
      [known(1, 'PAY/a'), known(2, 'OPS/b')],
      { projectKey: /^PAY$/ },
    );
    expect(lookups).toEqual([]);
    expect(kept).toEqual([target('PAY/a')]);
    expect(summary.reasons.excluded).toEqual({ 'project-key': 1 });
  });

  it('is requested when the listing of another project failed, since it may have moved there', async () => {
    const source = both()
      .failListing('list OPS', REFUSED)
      .answerRepository('OLD/b', {
        kind: 'unknown',
        problem: problem('not-permitted'),
      });
    const { kept, lookups } = await run(source, [known(2, 'OLD/b')], {
      projectKey: /^(PAY|OPS)$/,
    });
    expect(lookups).toEqual(['repository OLD/b']);
    expect(kept).toEqual([target('OLD/b'), target('PAY/a')]);
  });

  it('still loses its Location when it is in a project that does not match', async () => {
    const source = both().put(3, 'OLD/c').failListing('list OPS', REFUSED);
    const { kept } = await run(source, [known(3, 'OLD/c')], {
      projectKey: /^(PAY|OPS)$/,
    });
    expect(kept).toEqual([target('PAY/a')]);
  });

  it.each([
    ['OPS/b', /^(PAY|OPS)$/, 'list OPS'],
    ['ops/b', /^(PAY|OPS)$/, 'list OPS'],
    ['~jdoe/b', /^(PAY|~JDOE)$/, 'list ~JDOE'],
  ])(
    'is neither requested nor removed when the listing of its project failed: %s',
    async (at, projectKey, listing) => {
      const source = both().failListing(listing, REFUSED);
      for (const id of [-1, 2]) {
        const { kept, lookups, summary } = await run(source, [known(id, at)], {
          projectKey,
          personalRepos: true,
        });
        expect(lookups).toEqual([]);
        expect(kept).toContain(target(at));
        expect(summary.reasons.unknown).toEqual({ 'not-permitted': 1 });
      }
    },
  );

  it('is requested when its key, read from the catalog, differs in case from the pattern', async () => {
    const source = both().answerRepository('~jdoe/x', {
      kind: 'unknown',
      problem: problem('not-permitted'),
    });
    const { kept } = await run(source, [known(-1, '~jdoe/x')], {
      projectKey: /^(PAY|~JDOE)$/,
      personalRepos: true,
    });
    expect(kept).toEqual([target('PAY/a'), target('~jdoe/x')].sort());
  });

  it('is requested when its project is gone, and stays if it was moved', async () => {
    const source = both()
      .put(5, 'PAY/moved', { unlisted: true })
      .failListing('list OLD', failedListing({ gone: true }))
      .answerRepository('OLD/moved', {
        kind: 'found',
        repository: repository(5, 'PAY/moved'),
      });
    const { kept, lookups } = await run(
      source,
      [known(5, 'OLD/moved'), known(6, 'OLD/lost')],
      { projectKey: /^(PAY|OLD)$/ },
    );
    expect(lookups).toHaveLength(2);
    expect(kept).toEqual([target('PAY/a'), target('PAY/moved')]);
  });

  it('does not change when no project could be listed', async () => {
    const source = both()
      .failListing('list PAY', REFUSED)
      .failListing('list OPS', REFUSED);
    const { reconciliation, lookups, failure } = await run(
      source,
      [known(1, 'PAY/a'), known(9, 'OLD/x')],
      { projectKey: /^(PAY|OPS)$/ },
    );
    expect(reconciliation.mutation).toBe('add-only');
    expect(lookups).toEqual([]);
    expect(failure?.kind).toBe('listing');
  });
});
