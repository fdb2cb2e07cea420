/** Counts checks and prints a line for each. */

export function assert(condition, message) {
  if (!condition) {
    throw new Error(message);
  }
}

/** Thrown by a check that this machine has not the means for. */
export class Skipped extends Error {}

let passed = 0;
let failed = 0;
let skipped = 0;

/**
 * One check; the ones after it run even when it fails.
 *
 * @returns whether it passed, for those that would make no sense without it
 */
export async function check(what, action) {
  const start = Date.now();
  try {
    const note = await action();
    passed += 1;
    const seconds = ((Date.now() - start) / 1000).toFixed(1);
    console.log(`✓ ${what} (${seconds} s)${note ? `: ${note}` : ''}`);
    return true;
  } catch (error) {
    if (error instanceof Skipped) {
      skip(what, error.message);
    } else {
      failed += 1;
      console.error(`✗ ${what}: ${error.message}`);
    }
    return false;
  }
}

/** Leaves a check out, aloud; of a long reason the first line and what names the error. */
export function skip(what, why) {
  skipped += 1;
  const lines = why
    .split('\n')
    .filter((line, index) => index === 0 || /\berror\b/.test(line))
    .slice(0, 3);
  console.log(`- ${what}: SKIPPED: ${lines.join('; ')}`);
}

/** The last line, and the exit code. */
export function summarize(title) {
  const skips = skipped > 0 ? `, ${skipped} skipped` : '';
  console.log(`${title}: ${passed} passed, ${failed} failed${skips}`);
  process.exitCode = failed > 0 ? 1 : 0;
}
