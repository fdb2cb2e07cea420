/**
 * The demo of `npm start`: a simulated Bitbucket on port 7990, whose developers push on
 * request to port 7991, and a real Backstage backend with this module on port 7007.
 * Nothing else needs to run.
 */

import { createBackend } from '@backstage/backend-defaults';
import { announce } from './announce';
import { createControl } from './control';
import { seed, seedOtherKinds } from './seed';
import { createSimulatedBitbucket, serve } from './simulatedBitbucket';

const BITBUCKET_PORT = 7990;
const CONTROL_PORT = 7991;
const BACKSTAGE_URL = 'http://localhost:7007';
/** As in `dev/app-config.yaml`. */
const WEBHOOK_SECRET = 'local-demo-only';

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
  seedOtherKinds(bitbucket);
  await serve(bitbucket, { host: 'localhost', port: BITBUCKET_PORT });

  const backend = createBackend();
  backend.add(import('@backstage/plugin-catalog-backend'));
  backend.add(import('@backstage/plugin-catalog-backend-module-scaffolder-entity-model'));
  backend.add(import('@backstage/plugin-events-backend'));
  backend.add(import('../src'));
  backend.add(import('../src/eventsEntry'));
  const parser = process.env.LOCATION_PARSER;
  if (parser === 'metadata') {
    backend.add(import('./parsers/repositoryMetadata'));
  } else if (parser === 'description') {
    backend.add(import('./parsers/descriptionAndLabels'));
  } else if (parser !== undefined) {
    throw new Error('LOCATION_PARSER may be metadata or description');
  }
  await backend.start();
  createControl({
    bitbucket,
    secret: WEBHOOK_SECRET,
    webhookUrl: `${BACKSTAGE_URL}/api/events/http/bitbucketServer`,
  }).listen(CONTROL_PORT, 'localhost');
  await announce(BACKSTAGE_URL, bitbucket, `http://localhost:${CONTROL_PORT}`);
}

main().catch(error => {
  // eslint-disable-next-line no-console -- there is no logger when the start itself fails
  console.error(error);
  process.exit(1);
});
