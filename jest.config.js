/** Tests run as CommonJS, compiled by swc: the same shape Backstage publishes. */
module.exports = {
  testEnvironment: 'node',
  roots: ['<rootDir>/src', '<rootDir>/dev'],
  testMatch: ['**/*.test.ts'],
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
  transformIgnorePatterns: [
    '/node_modules/(?!(@mswjs|msw|until-async|rettime|@open-draft)/)',
  ],
  globalSetup: '<rootDir>/scripts/jest-global-setup.js',
  testTimeout: 60_000,
  // The catalog plugin leaves timers behind after its backend has stopped.
  forceExit: true,
};
