#!/usr/bin/env node
/** Starts the command line of the built package; in the work tree use `npm run discovery`. */

require('../dist/cli.cjs.js').main();
