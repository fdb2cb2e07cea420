/**
 * A real backend in its own process, like a replica of an installation, so that a test can
 * have several of them and kill them. Started by `backendProcess.ts`.
 */

import { createBackend } from '@backstage/backend-defaults';
import {
  BackendFeature,
  coreServices,
  createServiceFactory,
} from '@backstage/backend-plugin-api';
import { ConfigReader } from '@backstage/config';
import { z } from 'zod';
import { PROCESS_FEATURES, ProcessFeature } from './processFeatures';

const Task = z.object({
  config: z.record(z.string(), z.json()),
  features: z.array(z.enum(PROCESS_FEATURES)),
});

type Load = () => Promise<{ default: BackendFeature }>;

const LOAD: Readonly<Record<ProcessFeature, Load>> = {
  events: () => import('@backstage/plugin-events-backend'),
  webhooks: () => import('../eventsEntry'),
  catalog: () => import('@backstage/plugin-catalog-backend'),
  discovery: () => import('../index'),
  'url-reader': () => import('../urlReaderEntry'),
  'frequent-scheduler-checks': () => import('./frequentSchedulerChecks'),
  'published-discovery': () =>
    import('@backstage/plugin-catalog-backend-module-bitbucket-server'),
};

async function main(): Promise<void> {
  const { config, features } = Task.parse(JSON.parse(process.argv[2] ?? ''));
  const backend = createBackend();
  backend.add(
    createServiceFactory({
      service: coreServices.rootConfig,
      deps: {},
      factory: () => new ConfigReader(config),
    }),
  );
  features.forEach(feature => backend.add(LOAD[feature]()));
  await backend.start();
}

// Exits together with the test, even when the test is killed.
process.stdin.on('end', () => process.exit()).resume();

main().catch(error => {
  process.stderr.write(`${error}\n`);
  process.exit(1);
});
