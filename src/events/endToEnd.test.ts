import { z } from 'zod';
import eventsPlugin from '@backstage/plugin-events-backend';
import { eventsServiceFactory } from '@backstage/plugin-events-node';
import {
  createSimulatedBitbucket,
  serve,
  SimulatedBitbucket,
  WebhookRequest,
} from '../../dev/simulatedBitbucket';
import { componentYaml } from '../../dev/seed';
import { eventually } from '../__testUtils__/eventually';
import { startCatalogBackend, TestBackend } from '../__testUtils__/testBackend';
import { appConfigFor, TEST_USER } from '../__testUtils__/testProvider';
import eventsFeature from '../eventsEntry';
import discoveryModule from '../index';

const SECRET = 'a-webhook-secret';
const endings: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const end of endings.splice(0).reverse()) {
    await end();
  }
});

/** A backend with the events plugin and both features of this package, after its first run. */
async function start(bitbucket: SimulatedBitbucket) {
  const served = await serve(bitbucket);
  endings.push(() => served.close());
  const backend = await startCatalogBackend(
    {
      ...appConfigFor({ bitbucket }),
      events: {
        modules: { bitbucketServer: { webhookSecret: SECRET } },
        // One process needs no bus, and a poll of the bus would hold up its end.
        useEventBus: 'never',
      },
    },
    discoveryModule,
    eventsPlugin,
    eventsFeature,
    // The test backend's own keeps what one plugin publishes from the others.
    eventsServiceFactory,
  );
  endings.push(() => backend.stop());
  await eventually(async () => {
    expect(bitbucket.requests.some(one => one.path.includes('/repos?'))).toBe(true);
  });
  return backend;
}

async function deliver(
  backend: TestBackend,
  { headers, body }: WebhookRequest,
): Promise<number> {
  const response = await fetch(`${backend.baseUrl}/api/events/http/bitbucketServer`, {
    method: 'POST',
    headers: Object.fromEntries(Object.entries(headers)),
    body,
  });
  return response.status;
}

const Named = z.object({ metadata: z.object({ name: z.string(), uid: z.string() }) });

describe('a signed webhook', () => {
  it('brings a catalog file that was just pushed into the catalog', async () => {
    const bitbucket = createSimulatedBitbucket({ users: [TEST_USER] });
    bitbucket.addRepository({
      projectKey: 'PAY',
      slug: 'api',
      files: { 'README.md': 'x' },
    });
    const backend = await start(bitbucket);

    const changes = bitbucket.writeFile(
      'PAY',
      'api',
      'catalog-info.yaml',
      componentYaml('api', 'x'),
    );
    const webhook = bitbucket.webhook(
      'repo:refs_changed',
      { projectKey: 'PAY', slug: 'api', changes: [changes] },
      { secret: SECRET },
    );
    expect(await deliver(backend, webhook)).toBe(202);

    const [component] = await backend.waitForEntities('kind=component', 1);
    expect(Named.parse(component).metadata.name).toBe('api');
  });
});
