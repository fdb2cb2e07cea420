/** `npm install` of this project, as on the build server. */

import { root } from './lib/files.mjs';
import { installWithNpm } from './lib/installs.mjs';
import { tail } from './lib/processes.mjs';

try {
  const args = ['install', '--no-audit', '--no-fund'];
  const result = await installWithNpm(args, { cwd: root, timeoutMs: 900_000 });
  console.log(tail(result));
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
