/**
 * Replaces the clients of cloud services that no test uses: Backstage loads them with every
 * backend and every integration, which Jest repeats for each test file. They can be created, as
 * Backstage's URL readers do, but not used.
 */
const READ_BY_LOADERS = new Set(['__esModule', 'then']);

function createProxy(target, getValue) {
  return new Proxy(target, {
    get: (_, name) =>
      typeof name === 'symbol' || READ_BY_LOADERS.has(name) ? undefined : getValue(name),
  });
}

module.exports = createProxy(
  {},
  className =>
    class {
      constructor() {
        return createProxy(this, method => () => {
          throw new Error(`jest.config.js replaces ${className}.${method} in tests`);
        });
      }
    },
);
