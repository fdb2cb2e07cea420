/**
 * Replaces the loop in which the catalog polls for entities to process and to stitch. It is the
 * same loop, but polls every {@link POLL_MS} instead of every second, for which tests would have
 * to wait: the interval cannot be configured. It also publishes what it does, so that tests can
 * wait for that.
 */
const { channel } = require('node:diagnostics_channel');
const { dirname, join } = require('node:path');

const catalog = dirname(
  require.resolve('@backstage/plugin-catalog-backend/package.json'),
);
const original = require(join(catalog, 'dist/processing/TaskPipeline.cjs.js'));

const POLL_MS = 150;

/** Gets each task when it begins, with a promise that lasts as long as the task. */
const tasks = channel('catalog-tasks');

module.exports = {
  ...original,
  startTaskPipeline: options =>
    original.startTaskPipeline({
      ...options,
      pollingIntervalMs: POLL_MS,
      processTask(item) {
        const done = options.processTask(item);
        const kind = 'stitchTicket' in item ? 'stitching' : 'processing';
        tasks.publish({ kind, entityRef: item.entityRef, done });
        return done;
      },
    }),
};
