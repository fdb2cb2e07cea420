/**
 * Runs before `npm pack` and `npm publish`, since the archive has to be built from the current
 * `src`. Builds it if necessary, and fails if it cannot.
 */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { checkFreshBuild } from './lib/freshBuild.mjs';
import { root } from './lib/files.mjs';
import { run } from './lib/processes.mjs';

async function buildIfNeeded() {
  if (!existsSync(join(root, 'node_modules', '@backstage', 'cli-module-build'))) {
    throw new Error('There is nothing to build with: run `npm install` first.');
  }
  try {
    checkFreshBuild();
  } catch (error) {
    console.error(`${error.message}; doing so now`);
    await run('npm', ['run', 'build'], { cwd: root, timeoutMs: 1_800_000 });
    checkFreshBuild();
  }
}

try {
  await buildIfNeeded();
} catch (error) {
  console.error(`Nothing is packed. ${error.message}`);
  process.exitCode = 1;
}
