/**
 * The suites that start a backend first: each waits for the catalog most of its time, and
 * one of them alone at the end would leave the other workers idle.
 */
const { default: Sequencer } = require('@jest/test-sequencer');

module.exports = class extends Sequencer {
  sort(tests) {
    const isLong = ({ path }) => /[\\/]test[\\/][^\\/]+$/.test(path);
    const sorted = super.sort(tests);
    return [...sorted.filter(isLong), ...sorted.filter(test => !isLong(test))];
  }
};
