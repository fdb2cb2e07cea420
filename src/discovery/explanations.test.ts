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

it('says how to approve a removal for a file that is registered only because its removal is held back', () => {
  expect(explainOutcome('registered', undefined, true)?.remedy).toMatch('Approve');
  expect(explainOutcome('registered')?.remedy).toMatch(/^None/);
});

it.each([undefined, '', 'toString', '__proto__'])('has no explanation for %j', reason => {
  expect(explainOutcome('unknown', reason)).toBeUndefined();
});
