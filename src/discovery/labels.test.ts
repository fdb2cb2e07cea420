import {
  failedListing,
  file,
  known,
  NOW,
  problem,
  registered,
  scope,
  address,
  knownById,
} from '../__testUtils__/discoveryData';
import { FakeRepositorySource } from '../__testUtils__/FakeRepositorySource';
import { RepositoryFilters } from '../filters/types';
import { evaluateRepository } from './evaluateRepository';
import { runDiscovery } from './runDiscovery';
import { DiscoveryResult, KnownRepository } from './types';

const REFUSED = failedListing({ problem: problem('not-permitted', 'Refused: 401') });
const NO_SUCH_LABEL = failedListing({
  gone: true,
  problem: problem('unexpected-answer', '404 NoSuchLabelException'),
});

/** Repositories with the labels `a`, `b`, both, none; `a` and `old`. */
function labeled(): FakeRepositorySource {
  return new FakeRepositorySource()
    .put(1, 'PAY/with-a', { labels: ['a'] })
    .put(2, 'PAY/with-b', { labels: ['b'] })
    .put(3, 'PAY/with-both', { labels: ['a', 'b'] })
    .put(4, 'OPS/plain')
    .put(5, 'OPS/old', { labels: ['a', 'old'] });
}

function run(
  source: FakeRepositorySource,
  filters: Partial<RepositoryFilters>,
  before: readonly KnownRepository[] = [],
): Promise<DiscoveryResult> {
  return runDiscovery(scope({ filters }), {
    source,
    now: () => NOW,
    known: knownById(before),
  });
}

/** Slug → `registered`, `excluded label`, … */
function outcomes(result: DiscoveryResult): Record<string, string> {
  return Object.fromEntries(
    [...result.repositories.values()].map(({ repository, outcome }) => [
      repository.slug,
      outcome.kind === 'registered' ? outcome.kind : `${outcome.kind} ${outcome.reason}`,
    ]),
  );
}

const asked = (source: FakeRepositorySource, what: string) =>
  source.asked.filter(question => question.startsWith(what));

const OUT = 'excluded label';

describe('a run with filters by label', () => {
  it.each<[string, Partial<RepositoryFilters>, string[]]>([
    ['one label', { labels: ['a'] }, ['with-a', 'with-both', 'old']],
    [
      'one of two labels',
      { labels: ['a', 'b'] },
      ['with-a', 'with-b', 'with-both', 'old'],
    ],
    [
      'two labels the other way round',
      { labels: ['b', 'a'] },
      ['with-a', 'with-b', 'with-both', 'old'],
    ],
    [
      'not one label',
      { exclude: { labels: ['old'] } },
      ['with-a', 'with-b', 'with-both', 'plain'],
    ],
    [
      'one label without another',
      { labels: ['a'], exclude: { labels: ['old', 'b'] } },
      ['with-a'],
    ],
  ])(
    'finds repositories with %s, and requests no other labels',
    async (_, filters, found) => {
      const source = labeled();
      const result = outcomes(await run(source, filters));
      const expected = Object.keys(result).map(slug => [
        slug,
        found.includes(slug) ? 'registered' : OUT,
      ]);
      expect(result).toEqual(Object.fromEntries(expected));
      expect(
        asked(source, 'file ')
          .map(question => question.split(/[/ ]/)[2])
          .sort(),
      ).toEqual([...found].sort());
      expect(asked(source, 'labels')).toEqual([]);
    },
  );

  it('reads each label once for all repositories, page after page', async () => {
    const source = labeled();
    await run(source, { labels: ['a', 'b'], exclude: { labels: ['old', 'b'] } });
    const count = (label: string) => asked(source, `label ${label}`).length;
    expect([count('a'), count('b'), count('old')]).toEqual([2, 1, 1]);
  });

  it('requests no label when none is configured', async () => {
    const source = labeled();
    await run(source, { repoSlug: /with/ });
    expect(asked(source, 'label')).toEqual([]);
  });

  it('requests no label when the other filters exclude everything', async () => {
    const source = labeled();
    const result = await run(source, { repoSlug: /^none$/, labels: ['a'] });
    expect(new Set(Object.values(outcomes(result)))).toEqual(
      new Set(['excluded repo-slug']),
    );
    expect(asked(source, 'label')).toEqual([]);
  });

  it('names the other filter, not the label, when both exclude a repository', async () => {
    const result = await run(labeled(), { labels: ['b'], projectKey: /PAY/ });
    expect(outcomes(result)).toMatchObject({
      'with-a': OUT,
      plain: 'excluded project-key',
    });
  });

  it('treats a label that does not exist as one without repositories', async () => {
    const source = labeled().failListing('label none', NO_SUCH_LABEL);
    const filters = { labels: ['b', 'none'], exclude: { labels: ['none'] } };
    const result = await run(source, filters);
    expect(outcomes(result)).toEqual({
      'with-a': OUT,
      'with-b': 'registered',
      'with-both': 'registered',
      plain: OUT,
      old: OUT,
    });
    expect(result.interruption).toBeUndefined();
    expect(result.listing.complete).toBe(true);
  });
});

describe('a label that cannot be read', () => {
  it('makes only repositories unknown that it could have included', async () => {
    const source = labeled().failListing('label b', REFUSED);
    const result = await run(source, { labels: ['a', 'b'] });
    expect(outcomes(result)).toEqual({
      'with-a': 'registered',
      'with-b': 'unknown not-permitted',
      'with-both': 'registered',
      plain: 'unknown not-permitted',
      old: 'registered',
    });
    const plain = result.repositories.get(4);
    expect(plain?.outcome).toMatchObject({
      detail: 'Which repositories carry the label "b" could not be read. Refused: 401',
    });
    expect(asked(source, 'file OPS/plain')).toEqual([]);
  });

  it('makes repositories unknown that it could have excluded, except those excluded anyway', async () => {
    const source = labeled().failListing('label old', REFUSED);
    const filters = { labels: ['a'], exclude: { labels: ['old'], repoSlug: /both/ } };
    expect(outcomes(await run(source, filters))).toEqual({
      'with-a': 'unknown not-permitted',
      'with-b': OUT,
      'with-both': 'excluded excluded-by-pattern',
      plain: OUT,
      old: 'unknown not-permitted',
    });
  });

  it('still proves the repositories listed before it failed', async () => {
    const source = labeled().failListing('label a', failedListing(), 1);
    expect(outcomes(await run(source, { labels: ['a'] }))).toEqual({
      'with-a': 'registered',
      'with-both': 'registered',
      'with-b': 'unknown server-error',
      plain: 'unknown server-error',
      old: 'unknown server-error',
    });
  });

  it('makes its repositories unknown when it is deleted while it is read', async () => {
    const source = labeled().failListing('label a', NO_SUCH_LABEL, 1);
    expect(outcomes(await run(source, { labels: ['a'] }))).toMatchObject({
      'with-a': 'registered',
      old: 'unknown unexpected-answer',
    });
  });

  it('makes repositories unknown when rows are not repositories', async () => {
    const source = labeled();
    source.beforeAnswer = question => {
      source.unreadablePerPage = question.startsWith('label') ? 1 : 0;
    };
    expect(outcomes(await run(source, { labels: ['a'] }))).toMatchObject({
      'with-a': 'registered',
      plain: 'unknown unexpected-answer',
    });
  });

  it('ends the run when the source throws', async () => {
    const source = labeled();
    source.beforeAnswer = question => {
      if (question.startsWith('label')) {
        throw new Error('wrong password');
      }
    };
    const result = await run(source, { labels: ['a'] });
    expect(result.interruption?.kind).toBe('failed');
    expect(new Set(Object.values(outcomes(result)))).toEqual(
      new Set(['unknown not-checked']),
    );
  });
});

describe('a label of several pages', () => {
  /** `old` has the label, and the first reading misses it because its pages shift. */
  function shifting() {
    const source = labeled()
      .put(5, 'OPS/old', { labels: ['old'] })
      .put(6, 'OPS/more', { labels: ['a'] });
    source.beforeAnswer = () => {
      if (asked(source, 'label a').length === 2) {
        source.put(5, 'OPS/old', { labels: ['a', 'old'] });
      }
    };
    return source;
  }

  it('is read a second time before a Location is removed because of it', async () => {
    const source = shifting();
    const result = await run(source, { labels: ['a'] }, [known(5, 'OPS/old')]);
    expect(outcomes(result)).toMatchObject({ old: 'registered', plain: OUT });
    expect(asked(source, 'label a')).toHaveLength(4);
  });

  it('is read once when nothing would be removed', async () => {
    const source = labeled();
    await run(source, { labels: ['a', 'b'] }, [
      known(2, 'PAY/with-b'),
      known(4, 'OPS/plain', []),
    ]);
    expect(asked(source, 'label a')).toHaveLength(2);
  });

  it('is accepted the second time', async () => {
    const source = labeled();
    const result = await run(source, { labels: ['a'] }, [known(4, 'OPS/plain')]);
    expect(outcomes(result)).toMatchObject({ plain: OUT });
    expect(asked(source, 'label a')).toHaveLength(4);
  });
});

describe('the check of one repository after an event', () => {
  const evaluate = (
    source: FakeRepositorySource,
    at: string,
    filters: Partial<RepositoryFilters>,
    before: readonly KnownRepository[] = [],
  ) =>
    evaluateRepository(address(at), scope({ filters }), {
      source,
      loadKnown: async () => before,
      now: () => NOW,
    });

  it.each<[string, Partial<RepositoryFilters>, object]>([
    ['PAY/with-a', { labels: ['b', 'a'] }, registered('PAY/with-a')],
    ['PAY/with-a', { labels: ['b'] }, { kind: 'excluded', reason: 'label' }],
    ['OPS/old', { exclude: { labels: ['old'] } }, { kind: 'excluded', reason: 'label' }],
    ['OPS/plain', { exclude: { labels: ['old'] } }, registered('OPS/plain')],
  ])('requests only its own labels: %s with %j', async (at, filters, outcome) => {
    const source = labeled();
    expect(await evaluate(source, at, filters)).toMatchObject({ result: { outcome } });
    expect(asked(source, 'label')).toEqual([`labels ${at}`]);
  });

  it('removes its Location when the label is gone', async () => {
    const evaluation = await evaluate(labeled(), 'OPS/plain', { labels: ['a'] }, [
      known(4, 'OPS/plain'),
    ]);
    expect(evaluation).toMatchObject({
      delta: { removed: [{ file: file('OPS/plain') }] },
    });
  });

  it('returns unknown when its labels cannot be read', async () => {
    const source = labeled().answerLabels('PAY/with-a', {
      kind: 'unknown',
      problem: problem('timeout', 'No answer'),
    });
    const evaluation = await evaluate(source, 'PAY/with-a', { labels: ['a'] });
    expect(evaluation).toEqual({
      kind: 'unknown',
      problem: problem('timeout', 'Its labels could not be read. No answer'),
    });
    expect(asked(source, 'file')).toEqual([]);
  });

  it.each<[string, Partial<RepositoryFilters>]>([
    ['no label is configured', {}],
    ['another filter excludes it', { repoSlug: /^none$/, labels: ['a'] }],
  ])('requests no labels when %s', async (_, filters) => {
    const source = labeled();
    await evaluate(source, 'PAY/with-a', filters);
    expect(asked(source, 'label')).toEqual([]);
  });
});
