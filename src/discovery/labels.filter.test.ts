import * as fc from 'fast-check';
import { Problem } from '../model';
import { CarriesLabel, decideByLabels, LabelFilters, getLabels } from './labels';

const problemWith = (label: string): Problem => ({
  reason: 'server-error',
  detail: `${label} could not be read`,
});

/** `a` means that the repository has the label, `-a` that it does not, `?a` that this is not known. */
function knowing(text: string): CarriesLabel {
  const facts = new Map(
    text.split(' ').map(word => [word.replace(/^[-?]/, ''), word.charAt(0)]),
  );
  return label => {
    const fact = facts.get(label);
    if (fact === '?') {
      return problemWith(label);
    }
    return fact !== undefined && fact !== '-';
  };
}

function createFilters(labels?: string, exclude?: string): LabelFilters {
  return { labels: labels?.split(' '), exclude: { labels: exclude?.split(' ') } };
}

function decide(labels: string | undefined, exclude: string | undefined, facts: string) {
  const verdict = decideByLabels(createFilters(labels, exclude), knowing(facts));
  return verdict.kind === 'unknown' ? verdict.problem.detail : verdict.kind;
}

const B_UNKNOWN = problemWith('b').detail;
const X_UNKNOWN = problemWith('x').detail;

describe('decideByLabels', () => {
  it('requests no label when no filter names one', () => {
    const carries = () => problemWith('nothing');
    expect(decideByLabels({ exclude: {} }, carries)).toEqual({ kind: 'included' });
  });

  it.each<[string | undefined, string | undefined, string, string]>([
    // Including filters, excluding filters, the known labels, the decision.
    [undefined, undefined, 'a', 'included'],
    ['a', undefined, 'a', 'included'],
    ['a', undefined, '-a', 'excluded'],
    ['a b', undefined, 'a b', 'included'],
    ['a b', undefined, '-a b', 'included'],
    ['a b', undefined, '-a -b', 'excluded'],
    ['a b', undefined, 'a ?b', 'included'],
    ['a b', undefined, '-a ?b', B_UNKNOWN],
    [undefined, 'x', 'a', 'included'],
    [undefined, 'x', 'x', 'excluded'],
    [undefined, 'x', '?x', X_UNKNOWN],
    [undefined, 'x y', '?x y', 'excluded'],
    ['a', 'x', 'a x', 'excluded'],
    ['a', 'x', 'a -x', 'included'],
    ['a', 'x', 'a ?x', X_UNKNOWN],
    ['a', 'x', '-a ?x', 'excluded'],
    ['b', 'x', '?b x', 'excluded'],
    ['b', 'x', '?b -x', B_UNKNOWN],
    ['b', 'x', '?b ?x', B_UNKNOWN],
    ['a', 'a', 'a', 'excluded'],
  ])(
    'with %s included and %s excluded, "%s" is %s',
    (labels, exclude, facts, expected) => {
      expect(decide(labels, exclude, facts)).toBe(expected);
    },
  );

  it('does not depend on the order of labels', () => {
    const labels = fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd'), { minLength: 1 });
    const facts = fc.array(fc.constantFrom('-', '?', ''), { minLength: 4, maxLength: 4 });
    fc.assert(
      fc.property(
        fc.option(labels, { nil: undefined }),
        fc.option(labels, { nil: undefined }),
        facts,
        fc.func(fc.integer()),
        (wanted, unwanted, known, rank) => {
          const carries = knowing(
            ['a', 'b', 'c', 'd'].map((label, at) => `${known[at]}${label}`).join(' '),
          );
          const shuffle = (list?: string[]) =>
            list && [...list].sort((left, right) => rank(left) - rank(right));
          const verdict = (included?: string[], excluded?: string[]) =>
            decideByLabels({ labels: included, exclude: { labels: excluded } }, carries);
          expect(verdict(shuffle(wanted), shuffle(unwanted))).toEqual(
            verdict(wanted, unwanted),
          );
        },
      ),
    );
  });

  it('never includes or excludes a repository where a missing answer could change the decision', () => {
    const label = fc.constantFrom('a', 'b', 'c');
    const labels = fc.option(fc.uniqueArray(label, { minLength: 1 }), { nil: undefined });
    const marks = fc.array(fc.constantFrom('-', '?', ''), { minLength: 3, maxLength: 3 });
    fc.assert(
      fc.property(labels, labels, marks, marks, (wanted, unwanted, known, truth) => {
        const filters = { labels: wanted, exclude: { labels: unwanted } };
        const write = (list: string[]) =>
          ['a', 'b', 'c'].map((letter, at) => `${list[at]}${letter}`).join(' ');
        const real = known.map((mark, at) => (mark === '?' ? (truth[at] ?? '') : mark));
        const before = decideByLabels(filters, knowing(write(known)));
        const after = decideByLabels(
          filters,
          knowing(write(real.map(mark => (mark === '?' ? '-' : mark)))),
        );
        if (before.kind !== 'unknown') {
          expect(before).toEqual(after);
        }
      }),
    );
  });
});

describe('getLabels', () => {
  it('returns each label once, and none without such filters', () => {
    expect(getLabels(createFilters('a b', 'b c'))).toEqual(['a', 'b', 'c']);
    expect(getLabels(createFilters())).toEqual([]);
  });
});
