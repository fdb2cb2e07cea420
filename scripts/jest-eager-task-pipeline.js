/**
 * Stands for the loop with which the catalog looks for what it has to process and to stitch:
 * the same one, but when there is nothing to do it looks again after {@link POLL_MS} and not
 * only after a second, which nobody can configure and which tests would wait for.
 */
const { dirname, join } = require('node:path');

const catalog = dirname(
  require.resolve('@backstage/plugin-catalog-backend/package.json'),
);
const original = require(join(catalog, 'dist/processing/TaskPipeline.cjs.js'));

const POLL_MS = 50;

module.exports = {
  ...original,
  startTaskPipeline: options =>
    original.startTaskPipeline({ ...options, pollingIntervalMs: POLL_MS }),
};
