/**
 * A real backend in its own process, like a replica of an installation, so that a test can
 * have several of them and kill them. Started by `backendProcess.ts`.
 */

import { createBackend } from '@backstage/backend-defaults';
import { coreServices, createServiceFactory } from '@backstage/backend-plugin-api';
import { ConfigReader } from '@backstage/config';
import { z } from 'zod';

const Task = z.object({
  config: z.record(z.string(), z.json()),
  /** Without this module, the backend only receives webhooks. */
  withCatalog: z.boolean(),
});

async function main(): Promise<void> {
  const { config, withCatalog } = Task.parse(JSON.parse(process.argv[2] ?? ''));
  const backend = createBackend();
  backend.add(
    createServiceFactory({
      service: coreServices.rootConfig,
      deps: {},
      factory: () => new ConfigReader(config),
    }),
  );
  backend.add(import('@backstage/plugin-events-backend'));
  backend.add(import('../eventsEntry'));
  if (withCatalog) {
    backend.add(import('@backstage/plugin-catalog-backend'));
    backend.add(import('../index'));
  }
  await backend.start();
}

// Exits together with the test, even when the test is killed.
process.stdin.on('end', () => process.exit()).resume();

main().catch(error => {
  process.stderr.write(`${error}\n`);
  process.exit(1);
});
