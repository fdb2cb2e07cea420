/**
 * The demo of `npm start`: a simulated Bitbucket on port 7990, whose developers push on
 * request to port 7991, and a real Backstage backend with this module on port 7007, or on
 * the next ports that are free. Nothing else needs to run.
 */

import { createBackend } from '@backstage/backend-defaults';
import { announce } from './announce';
import { createControl } from './control';
import { findFreePort, readPort } from './ports';
import { seed, seedOtherKinds } from './seed';
import { createSimulatedBitbucket, serve } from './simulatedBitbucket';

/** The environment variables that `dev/app-config.yaml` reads, with its defaults. */
const PORTS = { DEMO_BITBUCKET_PORT: 7990, DEMO_BACKSTAGE_PORT: 7007 };
/** As in `dev/app-config.yaml`. */
const WEBHOOK_SECRET = 'local-demo-only';

/** Finds a port and sets its variable, before the configuration is read. */
async function choosePort(name: keyof typeof PORTS, host: string): Promise<number> {
  const port = await findFreePort(readPort(name, PORTS[name], process.env), host);
  process.env[name] = String(port);
  return port;
}

async function main(): Promise<void> {
  const bitbucketPort = await choosePort('DEMO_BITBUCKET_PORT', 'localhost');
  const backstagePort = await choosePort('DEMO_BACKSTAGE_PORT', '127.0.0.1');
  const backstageUrl = `http://localhost:${backstagePort}`;
  const bitbucket = createSimulatedBitbucket({
    baseUrl: `http://localhost:${bitbucketPort}`,
    users: [
      { name: 'backstage', password: 'local-demo-only' },
      { name: 'jdoe', password: 'local-demo-only' },
    ],
    rateLimit: { capacity: 60, fillRate: 20, settingsReadable: true },
    latencyMs: 20,
  });
  seed(bitbucket);
  seedOtherKinds(bitbucket);
  await serve(bitbucket, { host: 'localhost', port: bitbucketPort });

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
    throw new Error('LOCATION_PARSER has to be metadata or description');
  }
  await backend.start();
  const controlPort = await findFreePort(bitbucketPort + 1, 'localhost');
  createControl({
    bitbucket,
    secret: WEBHOOK_SECRET,
    webhookUrl: `${backstageUrl}/api/events/http/bitbucketServer`,
  }).listen(controlPort, 'localhost');
  const controlUrl = `http://localhost:${controlPort}`;
  // Commands in another terminal read the same file, so they need the same variables.
  const isElsewhere = bitbucketPort !== PORTS.DEMO_BITBUCKET_PORT;
  const env = isElsewhere ? `DEMO_BITBUCKET_PORT=${bitbucketPort} ` : '';
  await announce({ backstageUrl, bitbucket, controlUrl, env });
}

main().catch(error => {
  // eslint-disable-next-line no-console -- there is no logger when the start itself fails
  console.error(error);
  process.exit(1);
});
