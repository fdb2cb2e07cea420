/** Draws worlds. */

import fc from 'fast-check';
import { ServerSettings, serverSettings } from './server';
import { ProviderSettings, providerSettings } from './settings';
import { Step, STEP_WEIGHTS, StepKind } from './steps';

/** A world and what happens in it. */
export interface Plan {
  readonly settings: ProviderSettings;
  readonly alternatives: readonly ProviderSettings[];
  readonly server: ServerSettings;
  readonly replicas: number;
  /** A repository each. */
  readonly repositories: readonly number[];
  readonly steps: readonly Step[];
  /** What is held back at the end is waited for; it is approved otherwise. */
  readonly waitsForHeld: boolean;
}

const MAX_CHOICE = 99_999;

const choice = fc.integer({ min: 0, max: MAX_CHOICE });

const kinds = Object.entries(STEP_WEIGHTS).map(([kind, weight]) => ({
  weight,
  arbitrary: fc.constant(kind as StepKind),
}));

const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.oneof(...kinds),
  position: fc.nat({ max: 30 }),
  choice,
});

/** Draws a world. */
export const plan: fc.Arbitrary<Plan> = fc.record({
  settings: providerSettings,
  alternatives: fc.array(providerSettings, { maxLength: 2 }),
  server: serverSettings,
  replicas: fc.constantFrom(1, 1, 2),
  repositories: fc.array(choice, { maxLength: 14, size: 'max' }),
  steps: fc.array(step, { minLength: 1, maxLength: 25, size: 'max' }),
  waitsForHeld: fc.boolean(),
});

/** A world in a few lines, to be read by whoever looks for what went wrong. */
export function describePlan({ steps, ...rest }: Plan): string {
  const lines = steps.map(
    ({ kind, position, choice: number }) => `  ${kind} ${position} ${number}`,
  );
  return [JSON.stringify(rest), ...lines].join('\n');
}
