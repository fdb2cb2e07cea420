/**
 * Property tests draw the same values each time, so that a run can be repeated and a change
 * is judged by what it changes. `PROPERTY_SEED=<number>` draws others, and
 * `PROPERTY_SEED=random` new ones each time; a failure names its seed.
 */
const fc = require('fast-check');

const { PROPERTY_SEED = '1' } = process.env;
if (PROPERTY_SEED !== 'random') {
  const seed = Number(PROPERTY_SEED);
  if (!Number.isSafeInteger(seed)) {
    throw new Error(
      `PROPERTY_SEED is '${PROPERTY_SEED}': set an integer, or 'random', or leave it out.`,
    );
  }
  fc.configureGlobal({ ...fc.readConfigureGlobal(), seed });
}
