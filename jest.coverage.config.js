const base = require('./jest.config.js');

/** Where a branch that no test takes is a risk: all that decides, and what every request passes. */
const FOLDERS = ['discovery', 'events', 'filters', 'http'];

/**
 * Coverage of these folders by the tests that stand in them: what a whole backend happens to
 * pass through is not tested by that. Counted in the source, by Babel: V8 counts blocks, not
 * the sides of `??` and default values.
 */
module.exports = {
  ...base,
  roots: FOLDERS.map(folder => `<rootDir>/src/${folder}`),
  // These only add samples, and take longer than all others: a branch must not need them.
  testPathIgnorePatterns: [
    '/node_modules/',
    '\\.(fuzz|hostile|properties|simulated|simulation)\\.test\\.ts$',
  ],
  // Counting makes the suites of thousands of repositories several times slower.
  testTimeout: 240_000,
  collectCoverage: true,
  coverageProvider: 'babel',
  collectCoverageFrom: [
    `src/{${FOLDERS}}/**/*.ts`,
    '!**/*.test.ts',
    '!**/__testUtils__/**',
  ],
  coverageReporters: [
    ['text', { skipFull: true }],
    'lcovonly',
    require.resolve('./scripts/jest-coverage-line.js'),
  ],
  coverageThreshold: Object.fromEntries(
    FOLDERS.map(folder => [`./src/${folder}/`, { branches: 95 }]),
  ),
};
