#!/usr/bin/env node
/**
 * Starts the command line: from `dist/` in the published package, from the sources in the
 * work tree.
 */

const { existsSync } = require('node:fs');
const { join } = require('node:path');

const published = join(__dirname, '..', 'dist', 'cli.cjs.js');

if (!existsSync(published)) {
  require('@backstage/cli-node/config/nodeTransform.cjs');
}

const { main } = existsSync(published)
  ? require(published)
  : require('../src/cli/index.ts');

main();
