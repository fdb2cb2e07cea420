/**
 * The demo of `npm start`: a simulated Bitbucket on port 7990 and a real Backstage
 * backend with this module on port 7007. Nothing else needs to run.
 */

import { createBackend } from '@backstage/backend-defaults';
import { announce } from './announce';
import { seed } from './seed';
import { createSimulatedBitbucket, serve } from './simulatedBitbucket';

const BITBUCKET_PORT = 7990;

async function main(): Promise<void> {
  const bitbucket = createSimulatedBitbucket({
    baseUrl: `http://localhost:${BITBUCKET_PORT}`,
    users: [
      { name: 'backstage', password: 'local-demo-only' },
      { name: 'jdoe', password: 'local-demo-only' },
    ],
    rateLimit: { capacity: 60, fillRate: 20, settingsReadable: true },
    latencyMs: 20,
  });
  seed(bitbucket);
  await serve(bitbucket, { host: 'localhost', port: BITBUCKET_PORT });

  const backend = createBackend();
  backend.add(import('@backstage/plugin-catalog-backend'));
  backend.add(import('../src'));
  await backend.start();
  await announce('http://localhost:7007', bitbucket);
}

main().catch(error => {
  // eslint-disable-next-line no-console -- there is no logger when the start itself fails
  console.error(error);
  process.exit(1);
});
