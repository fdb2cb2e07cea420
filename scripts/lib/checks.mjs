/** Counts checks and prints a line for each. */

export function assert(condition, message) {
  if (!condition) {
    throw new Error(message);
  }
}

/** Thrown by a check whose requirements this machine lacks. */
export class Skipped extends Error {}

let passed = 0;
let failed = 0;
let skipped = 0;

/**
 * Runs one check; later checks run even when it fails.
 *
 * @returns whether it passed, for checks that depend on it
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

/** Skips a check with a message; shows the first line and the error of a long reason. */
export function skip(what, why) {
  skipped += 1;
  const lines = why
    .split('\n')
    .filter((line, index) => index === 0 || /\berror\b/.test(line))
    .slice(0, 3);
  console.log(`- ${what}: SKIPPED: ${lines.join('; ')}`);
}

/** Prints the last line, and sets the exit code. */
export function summarize(title) {
  const skips = skipped > 0 ? `, ${skipped} skipped` : '';
  console.log(`${title}: ${passed} passed, ${failed} failed${skips}`);
  process.exitCode = failed > 0 ? 1 : 0;
}
