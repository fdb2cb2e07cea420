/** The command line from its sources: `npm run discovery -- preview --config dev/app-config.yaml`. */

import { main } from '../src/cli';

void main();
