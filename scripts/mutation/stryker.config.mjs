import { join } from 'node:path';

const folder = process.env.MUTATION_FOLDER;

/**
 * Runs the mutants of one folder against the tests in it, except for those that need thousands of
 * repositories or samples, or separate processes.
 */
export default {
  testRunner: 'mocha',
  plugins: ['@stryker-mutator/mocha-runner'],
  mochaOptions: {
    require: [join(import.meta.dirname, 'mochaInterface.cjs')],
    spec: [`src/${folder}/**/*.test.ts`],
    ignore: [
      'src/**/*.{fuzz,hostile,properties,simulated,simulation,secondCopy}.test.ts',
    ],
  },
  mutate: [`src/${folder}/**/*.ts`, '!**/*.test.ts', '!**/__testUtils__/**'],
  ignorePatterns: ['/bench', '/coverage', '/dist*', '/docs', '/soak', '/temp', '/test'],
  coverageAnalysis: 'perTest',
  // Code that runs once when a file is loaded needs a new process for each mutant.
  ignoreStatic: true,
  concurrency: Number(process.env.MUTATION_CONCURRENCY ?? 1),
  incremental: true,
  incrementalFile: `temp/mutation/${folder}.incremental.json`,
  tempDirName: 'temp/stryker',
  reporters: ['clear-text', 'json', 'progress-append-only'],
  jsonReporter: { fileName: `temp/mutation/${folder}.json` },
  clearTextReporter: { logTests: false, reportTests: false },
  // Only for mutants that never yield: a test that never settles fails by itself.
  timeoutMS: 20_000,
};
