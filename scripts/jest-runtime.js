/**
 * The module loader of Jest, with which the test files of a worker share the modules of
 * `node_modules`: each is run once per worker and not once per test file, a second of CPU time
 * for each file that starts a backend. The project's own modules are run by each test file.
 */
const { sep } = require('node:path');
const { default: Runtime } = require('jest-runtime');

const DEPENDENCIES = `${sep}node_modules${sep}`;

/** Calls `afterAll` when it is loaded, to stop the backends of the test file. */
const PER_TEST_FILE = ['@backstage', 'backend-test-utils', 'dist', ''].join(sep);

/** By file name: what the test files before this one have loaded. */
const shared = new Map();

/** The loader of the present test file. */
let present;

module.exports = class extends Runtime {
  constructor(...options) {
    super(...options);
    present = this;
    shared.forEach((module, path) => this.loaded?.set(path, module));
  }

  /** Internal to Jest: nothing is shared where its version has no such map. */
  get loaded() {
    return this.registries?.getActiveCjsRegistry?.();
  }

  // A shared module that requires another one late asks the loader that it was loaded by.
  requireModuleOrMock(from, moduleName) {
    return this === present
      ? super.requireModuleOrMock(from, moduleName)
      : present.requireModuleOrMock(from, moduleName);
  }

  teardown() {
    this.loaded?.forEach((module, path) => {
      if (path.includes(DEPENDENCIES) && !path.includes(PER_TEST_FILE)) {
        shared.set(path, module);
      }
    });
    super.teardown();
  }
};
