import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { coreServices, createServiceFactory } from '@backstage/backend-plugin-api';
import { JsonObject } from '@backstage/types';
import { componentYaml } from '../dev/seed';
import { createSimulatedBitbucket, serve } from '../dev/simulatedBitbucket';
import { startBackend } from '../src/__testUtils__/startBackend';
import {
  appConfigFor,
  createLogRecorder,
  TEST_USER,
} from '../src/__testUtils__/testProvider';
import discoveryModule from '../src/index';

const endings: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const end of endings.splice(0).reverse()) {
    await end();
  }
});

/** Consecutive backends on one database, with a Bitbucket of two projects. */
async function createWorld() {
  const directory = await mkdtemp(path.join(tmpdir(), 'lost-providers-'));
  endings.push(() => rm(directory, { recursive: true }));
  const bitbucket = createSimulatedBitbucket({ users: [TEST_USER] });
  for (const projectKey of ['PAY', 'OPS']) {
    const files = { 'catalog-info.yaml': componentYaml(`of-${projectKey}`, 'a service') };
    bitbucket.addRepository({ projectKey, slug: 'api', files });
  }
  const served = await serve(bitbucket);
  endings.push(() => served.close());
  const { host } = new URL(bitbucket.baseUrl);
  return {
    /** Starts a backend, waits until the catalog has this many Components, and stops it. */
    async warningsWith(
      providers: Readonly<Record<string, JsonObject>>,
      components: number,
    ) {
      const logger = createLogRecorder();
      const backend = await startBackend({
        config: {
          backend: { database: { client: 'better-sqlite3', connection: { directory } } },
          integrations: appConfigFor({ bitbucket }).integrations,
          catalog: {
            providers: {
              bitbucketServer: Object.fromEntries(
                Object.entries(providers).map(([id, provider]) => [
                  id,
                  { ...provider, host },
                ]),
              ),
            },
          },
        },
        features: [
          discoveryModule,
          createServiceFactory({
            service: coreServices.logger,
            deps: {},
            factory: () => logger,
          }),
        ],
      });
      try {
        await backend.waitForEntities('kind=component', components);
      } finally {
        await backend.stop();
      }
      return logger
        .messages('warn')
        .filter(text => text.includes('no longer configured'));
    },
  };
}

describe('a provider that was removed from the configuration', () => {
  it('is named once when the backend starts, with its entities in the catalog', async () => {
    const { warningsWith } = await createWorld();
    const split = {
      payments: { filters: { projectKey: '^PAY$' } },
      rest: { filters: { projectKey: '^OPS$' } },
    };
    expect(await warningsWith({ default: {} }, 2)).toEqual([]);
    expect(await warningsWith({ default: {} }, 2)).toEqual([]);

    // The catalog still has them from the one that is gone when the others first run.
    expect(await warningsWith(split, 0)).toEqual([
      // Two Locations, and the one that represents the discovery.
      expect.stringMatching(/: "default" \(3\)\..*give its id to a provider/),
    ]);
    expect(await warningsWith(split, 2)).toEqual([]);
  });
});
