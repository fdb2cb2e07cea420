import { ABSENCE_REASONS, EXCLUSION_REASONS, UNKNOWN_REASONS } from '../model';
import { explainOutcome, explainWithoutParser } from './explanations';

it.each([
  ...EXCLUSION_REASONS.map(reason => ['excluded', reason] as const),
  ...ABSENCE_REASONS.map(reason => ['absent', reason] as const),
  ...UNKNOWN_REASONS.map(reason => ['unknown', reason] as const),
])('explainOutcome explains %s, %s, with a remedy', (outcome, reason) => {
  const explanation = explainOutcome(outcome, reason);
  expect(explanation?.cause).toMatch(/\.$/);
  expect(explanation?.remedy).toMatch(/\.$/);
});

it('explainOutcome says how to approve a removal for a file that is registered only because its removal is held back', () => {
  expect(explainOutcome('registered', undefined, true)?.remedy).toMatch('Approve');
  expect(explainOutcome('registered')?.remedy).toMatch(/^None/);
});

it.each([undefined, '', 'toString', '__proto__'])(
  'explainOutcome has no explanation for %j',
  reason => {
    expect(explainOutcome('unknown', reason)).toBeUndefined();
  },
);

it('explainOutcome mentions a location parser for a missing file, but not where none can be at work', () => {
  const of = (explain: typeof explainWithoutParser) =>
    explain('absent', 'no-catalog-file');
  expect(of(explainOutcome)?.cause).toMatch('location parser');
  expect(of(explainWithoutParser)?.cause).not.toMatch('location parser');
  expect(of(explainWithoutParser)?.remedy).toBe(of(explainOutcome)?.remedy);
});

it.each([
  ['registered', undefined],
  ['excluded', 'fork'],
  ['unknown', 'toString'],
] as const)(
  'explainWithoutParser explains %s, %s, like explainOutcome',
  (outcome, reason) => {
    expect(explainWithoutParser(outcome, reason)).toEqual(
      explainOutcome(outcome, reason),
    );
  },
);
