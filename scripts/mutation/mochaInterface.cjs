/**
 * Runs the unit tests, written for Jest, in Mocha: it loads a test file once and runs it many
 * times in one process, while Jest loads everything anew for every mutant, which takes fifty
 * times longer. Jest's own packages provide what the tests use.
 */

require('../jest-properties');
const { transformFileSync } = require('@swc/core');
const { expect } = require('expect');
const { bind } = require('jest-each');
const { fn } = require('jest-mock');
const { interfaces } = require('mocha');

const OPTIONS = {
  jsc: { parser: { syntax: 'typescript' }, target: 'es2022' },
  module: { type: 'commonjs', ignoreDynamic: true },
  sourceMaps: 'inline',
};

require.extensions['.ts'] = (module, file) =>
  module._compile(transformFileSync(file, OPTIONS).code, file);

const { bdd } = interfaces;

interfaces.bdd = suite => {
  bdd(suite);
  suite.on('pre-require', context => {
    // A mutant that never settles fails the test instead of ending the process.
    suite.timeout(5_000);
    const { it, describe, before, after } = context;
    it.each = bind(it);
    describe.each = bind(describe, false);
    Object.assign(context, {
      beforeAll: before,
      afterAll: after,
      expect,
      jest: { fn },
      test: it,
    });
  });
};
