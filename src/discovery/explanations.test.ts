import { ABSENCE_REASONS, EXCLUSION_REASONS, UNKNOWN_REASONS } from '../model';
import { explainOutcome } from './explanations';

it.each([
  ...EXCLUSION_REASONS.map(reason => ['excluded', reason] as const),
  ...ABSENCE_REASONS.map(reason => ['absent', reason] as const),
  ...UNKNOWN_REASONS.map(reason => ['unknown', reason] as const),
])('explains %s, %s, with a remedy', (outcome, reason) => {
  const explanation = explainOutcome(outcome, reason);
  expect(explanation?.cause).toMatch(/\.$/);
  expect(explanation?.remedy).toMatch(/\.$/);
});

it('says of what is registered only since its removal is held back how to have it removed', () => {
  expect(explainOutcome('registered', undefined, true)?.remedy).toMatch('Approve');
  expect(explainOutcome('registered')?.remedy).toMatch(/^None/);
});

it.each([undefined, '', 'toString', '__proto__'])('has no words for %j', reason => {
  expect(explainOutcome('unknown', reason)).toBeUndefined();
});
