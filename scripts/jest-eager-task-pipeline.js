/**
 * Replaces the loop in which the catalog polls for entities to process and to stitch. It is the
 * same loop, but polls every {@link POLL_MS} instead of every second, for which tests would have
 * to wait: the interval cannot be configured.
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
