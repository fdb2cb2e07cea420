/** Draws worlds. */

import fc from 'fast-check';
import { ServerSettings, serverSettings } from './server';
import { ProviderSettings, providerSettings } from './settings';
import { Step, STEP_WEIGHTS, StepKind } from './steps';

/** A world and its steps. */
export interface Plan {
  readonly settings: ProviderSettings;
  readonly alternatives: readonly ProviderSettings[];
  readonly server: ServerSettings;
  readonly replicas: number;
  /** One number per repository. */
  readonly repositories: readonly number[];
  readonly steps: readonly Step[];
  /** Whether removals held back at the end are waited for; otherwise they are approved. */
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

/** Describes a world in a few lines, for debugging. */
export function describePlan({ steps, ...rest }: Plan): string {
  const lines = steps.map(
    ({ kind, position, choice: number }) => `  ${kind} ${position} ${number}`,
  );
  return [JSON.stringify(rest), ...lines].join('\n');
}
