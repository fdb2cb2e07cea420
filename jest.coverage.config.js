const base = require('./jest.config.js');

/** The folders in which an untested branch is a risk: all decisions, and the code of every request. */
const FOLDERS = ['discovery', 'events', 'filters', 'http'];

/**
 * Measures the coverage of these folders by the tests in them: code that only a backend test
 * happens to run does not count as tested. Babel counts in the source, since V8 counts blocks, but
 * not both sides of `??` and default values.
 */
module.exports = {
  ...base,
  roots: FOLDERS.map(folder => `<rootDir>/src/${folder}`),
  // These only add samples, and take longer than all others; no branch may depend on them.
  testPathIgnorePatterns: [
    '/node_modules/',
    '\\.(fuzz|hostile|properties|simulated|simulation)\\.test\\.ts$',
  ],
  // Counting makes suites with thousands of repositories several times slower.
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
