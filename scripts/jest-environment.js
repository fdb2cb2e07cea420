/**
 * The environment of Jest for Node.js, with one context for all test files of a worker, so that
 * they can share modules (`jest-runtime.js`), and in which each module is compiled once per
 * worker. What a test file leaves that slows down the files after it is ended with it.
 */
const { AsyncLocalStorage } = require('node:async_hooks');
const vm = require('node:vm');
const { TestEnvironment } = require('jest-environment-node');

const { compileFunction } = vm;

/** By file name: the code, the script that was compiled from it, and who loads modules for it. */
const compiled = new Map();

/** In place of the function with which Jest compiles a module, whose result fits one context. */
vm.compileFunction = function compileOnce(code, parameters, options = {}) {
  const { filename, importModuleDynamically, parsingContext, ...others } = options;
  if (!filename || !parsingContext || Object.keys(others).length > 0) {
    return compileFunction(code, parameters, options);
  }
  const head = `(function (${parameters.join(', ')}) {`;
  const source = `${head}${code}\n})`;
  const known = compiled.get(filename);
  const entry = known?.source === source ? known : { source };
  // A worker runs one test file at a time, and a script would call the one that it began with.
  entry.load = importModuleDynamically;
  entry.script ??= new vm.Script(source, {
    filename,
    columnOffset: -head.length,
    importModuleDynamically: (...request) => entry.load(...request),
  });
  compiled.set(filename, entry);
  return entry.script.runInContext(parsingContext);
};

/** Storages that the present test file uses: every promise costs some time for each of them. */
const storages = new Set();

for (const name of ['run', 'enterWith']) {
  const original = AsyncLocalStorage.prototype[name];
  AsyncLocalStorage.prototype[name] = function enable(...values) {
    storages.add(this);
    return original.apply(this, values);
  };
}

/** The environment of all test files of this worker. */
let shared;

module.exports = class extends TestEnvironment {
  constructor(...options) {
    if (shared) {
      return shared;
    }
    super(...options);
    shared = this;
  }

  async teardown() {
    delete this.global.__coverage__;
    storages.forEach(storage => storage.disable());
    storages.clear();
  }
};
