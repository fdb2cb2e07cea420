/** Checks that the build matches the current sources. */

import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { assert } from './checks.mjs';
import { filesBelow, root } from './files.mjs';

/** @throws Error that names the command to run, where it does not */
export function checkFreshBuild() {
  const built = join(root, 'dist', 'index.cjs.js');
  assert(existsSync(built), 'dist/ is missing: run `npm run build`');
  const { mtimeMs } = statSync(built);
  const newer = filesBelow(join(root, 'src')).filter(
    file =>
      !/\.test\.ts$|__testUtils__/.test(file) &&
      statSync(join(root, 'src', file)).mtimeMs > mtimeMs,
  );
  assert(
    newer.length === 0,
    `dist/ is older than src/${newer.join(', src/')}: run \`npm run build\``,
  );
}
