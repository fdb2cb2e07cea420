const { availableParallelism } = require('node:os');

const UNUSED_CLIENT = '<rootDir>/scripts/jest-unused-client.js';

/** Tests run as CommonJS, compiled by swc: the same shape Backstage publishes. */
module.exports = {
  testEnvironment: '<rootDir>/scripts/jest-environment.js',
  runtime: '<rootDir>/scripts/jest-runtime.js',
  roots: [
    '<rootDir>/src',
    '<rootDir>/test',
    '<rootDir>/dev',
    '<rootDir>/scripts',
    '<rootDir>/bench',
    '<rootDir>/soak',
  ],
  testMatch: ['**/*.test.ts', '**/*.test.mjs'],
  transform: {
    '^.+\\.(ts|js|mjs)$': [
      '@swc/jest',
      {
        jsc: {
          parser: { syntax: 'typescript' },
          target: 'es2022',
        },
        module: { type: 'commonjs', ignoreDynamic: true },
      },
    ],
  },
  // Published as ES modules alone. The innermost folder counts: a package may be nested.
  transformIgnorePatterns: [
    '/node_modules/(?!.*/node_modules/)(?!(@mswjs|msw|until-async|rettime|@open-draft|jose)/)',
  ],
  // A fifth of the time to load a backend, half of that to load `@backstage/integration`.
  moduleNameMapper: {
    '^@azure/(identity|storage-blob)$': UNUSED_CLIENT,
    '^@google-cloud/storage$': UNUSED_CLIENT,
    '^@keyv/(redis|valkey|memcache)$': UNUSED_CLIENT,
    '^\\.{1,2}/(processing/)?TaskPipeline\\.cjs\\.js$':
      '<rootDir>/scripts/jest-eager-task-pipeline.js',
    '^\\./openapi\\.schema\\.validator$': '<rootDir>/scripts/jest-valid-openapi.js',
    '^\\.{1,2}/validation/entityKindSchemaValidator\\.cjs\\.js$':
      '<rootDir>/scripts/jest-lazy-validator.js',
  },
  globalSetup: '<rootDir>/scripts/jest-global-setup.js',
  // Suites with a backend wait more than they compute, so few cores serve more workers.
  maxWorkers: Math.max(7, availableParallelism() - 1),
  testSequencer: '<rootDir>/scripts/jest-sequencer.js',
  setupFiles: ['<rootDir>/scripts/jest-properties.js'],
  // Far more than any test takes: what is beside them decides how long that is.
  testTimeout: 180_000,
};
