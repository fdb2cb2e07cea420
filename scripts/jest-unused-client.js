/**
 * Stands for the clients of services that no test talks to: Backstage loads them wherever it
 * starts or knows of integrations, which in Jest means in each test file. They can be made,
 * as Backstage's URL readers do, and not used.
 */
const LOOKED_FOR_BY_LOADERS = new Set(['__esModule', 'then']);

function createProxy(target, getValue) {
  return new Proxy(target, {
    get: (_, name) =>
      typeof name === 'symbol' || LOOKED_FOR_BY_LOADERS.has(name)
        ? undefined
        : getValue(name),
  });
}

module.exports = createProxy(
  {},
  className =>
    class {
      constructor() {
        return createProxy(this, method => () => {
          throw new Error(`${className}.${method} is not there in tests: jest.config.js`);
        });
      }
    },
);
