/**
 * Property tests use the same values each time, so that a run can be repeated and only a change
 * of the code can change its result. `PROPERTY_SEED=<number>` uses other values, and
 * `PROPERTY_SEED=random` new ones each time; a failure names its seed. `PROPERTY_RUNS=<number>`
 * sets the number of samples of each test without its own number, such as the fuzz tests.
 */
const fc = require('fast-check');

const { PROPERTY_SEED = '1', PROPERTY_RUNS } = process.env;
if (PROPERTY_SEED !== 'random') {
  const seed = Number(PROPERTY_SEED);
  if (!Number.isSafeInteger(seed)) {
    throw new Error(
      `PROPERTY_SEED is '${PROPERTY_SEED}': set an integer, or 'random', or leave it out.`,
    );
  }
  fc.configureGlobal({ ...fc.readConfigureGlobal(), seed });
}

if (PROPERTY_RUNS !== undefined) {
  const numRuns = Number(PROPERTY_RUNS);
  if (!Number.isSafeInteger(numRuns) || numRuns < 1) {
    throw new Error(
      `PROPERTY_RUNS is '${PROPERTY_RUNS}': set a number, or leave it out.`,
    );
  }
  fc.configureGlobal({ ...fc.readConfigureGlobal(), numRuns });
}
