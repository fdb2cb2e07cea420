/**
 * Runs the suites that start a backend first: they mostly wait for the catalog, and a single one
 * at the end would leave the other workers idle.
 */
const { default: Sequencer } = require('@jest/test-sequencer');

module.exports = class extends Sequencer {
  sort(tests) {
    const isLong = ({ path }) => /[\\/]test[\\/][^\\/]+$/.test(path);
    const sorted = super.sort(tests);
    return [...sorted.filter(isLong), ...sorted.filter(test => !isLong(test))];
  }
};
