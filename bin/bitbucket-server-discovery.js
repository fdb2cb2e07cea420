#!/usr/bin/env node
/** Starts the command line of the built package; in the work tree use `npm run discovery`. */

const { existsSync } = require('node:fs');
const path = require('node:path');

const built = path.join(__dirname, '..', 'dist', 'cli.cjs.js');
if (existsSync(built)) {
  require(built).main();
} else {
  process.stderr.write(
    'This is a clone that is not built: there is no dist/cli.cjs.js. Run `npm run build` once, ' +
      'or use the sources with `npm run discovery -- check` in its folder.\n',
  );
  process.exitCode = 1;
}
