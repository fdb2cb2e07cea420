import peerModule from '@backstage/plugin-catalog-backend-module-bitbucket-server';
import { JsonObject } from '@backstage/types';
import {
  createSimulatedBitbucket,
  serve,
  ServedBitbucket,
  SimulatedBitbucket,
  SimulatedBitbucketOptions,
} from '../dev/simulatedBitbucket';
import { componentYaml } from '../dev/seed';
import { eventually } from '../src/__testUtils__/eventually';
import { startBackend, TestBackend } from '../src/__testUtils__/startBackend';
import { appConfigFor, TEST_USER } from '../src/__testUtils__/testProvider';
import discoveryModule, { BitbucketServerClient } from '../src/index';

const running: { stop(): Promise<void> }[] = [];

afterEach(async () => {
  for (const backend of running.splice(0).reverse()) {
    await backend.stop();
  }
});

async function serveBitbucket(
  options: SimulatedBitbucketOptions = {},
): Promise<SimulatedBitbucket> {
  const bitbucket = createSimulatedBitbucket({ users: [TEST_USER], ...options });
  const served: ServedBitbucket = await serve(bitbucket);
  running.push({ stop: () => served.close() });
  return bitbucket;
}

async function start(
  bitbucket: SimulatedBitbucket,
  config: JsonObject = {},
): Promise<TestBackend> {
  const backend = await startBackend({
    config: appConfigFor({ bitbucket, config }),
    features: [discoveryModule],
  });
  running.push(backend);
  return backend;
}

function getNames(entities: readonly { metadata: { name: string } }[]): string[] {
  return entities.map(entity => entity.metadata.name).sort();
}

describe('the module in a real backend', () => {
  it('adds the Components of discovered catalog files to the catalog', async () => {
    const bitbucket = await serveBitbucket();
    for (const slug of ['api', 'web']) {
      const files = { 'catalog-info.yaml': componentYaml(slug, 'a service') };
      bitbucket.addRepository({ projectKey: 'PAY', slug, files });
    }
    bitbucket.addRepository({ projectKey: 'PAY', slug: 'empty', empty: true });
    bitbucket.addRepository({ projectKey: 'PAY', slug: 'no-file' });

    const backend = await start(bitbucket);

    const components = await backend.waitForEntities('kind=component', 2);
    expect(getNames(components)).toEqual(['api', 'web']);
  });

  it('runs at the start, also with a scheduler that awaits the end of a run that it is told to start', async () => {
    const bitbucket = await serveBitbucket();
    const files = { 'catalog-info.yaml': componentYaml('api', 'a service') };
    bitbucket.addRepository({ projectKey: 'PAY', slug: 'api', files });

    // The scheduler of the test backend does so; without the delay it starts the task itself.
    const backend = await start(bitbucket, {
      schedule: {
        frequency: { hours: 1 },
        timeout: { minutes: 5 },
        initialDelay: { hours: 1 },
      },
    });

    await backend.waitForEntities('kind=component', 1);
  });

  it('shows its anchor even while Bitbucket is down, since it reads no file', async () => {
    const bitbucket = await serveBitbucket();
    bitbucket.faults.add({ effect: 'reset' });

    const backend = await start(bitbucket);

    const [anchor] = await backend.waitForEntities('kind=location', 1);
    expect(anchor).toMatchObject({
      metadata: { name: 'bitbucket-server-default' },
      spec: { type: 'url', targets: [] },
    });
  });

  it('sets the web page of the server as the source of its anchor, which the refresh button requires, and never reads it', async () => {
    const baseUrl = 'http://bitbucket.test/context/path';
    const bitbucket = await serveBitbucket({ baseUrl });
    bitbucket.addRepository({ projectKey: 'PAY', slug: 'api' });

    const backend = await start(bitbucket);

    const [anchor] = await backend.waitForEntities('kind=location', 1);
    const page = `url:${bitbucket.baseUrl}/`;
    expect(anchor?.metadata.annotations).toMatchObject({
      'backstage.io/managed-by-location': page,
      'backstage.io/source-location': page,
    });
    const runs = () =>
      bitbucket.requests.filter(({ path }) => path.includes('/repos?')).length;
    await eventually(async () => expect(runs()).toBe(1));
    await fetch(`${backend.baseUrl}/api/catalog/refresh`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ entityRef: 'location:default/bitbucket-server-default' }),
    });
    await eventually(async () => expect(runs()).toBe(2));
    const elsewhere = bitbucket.requests.filter(
      ({ path }) => !path.startsWith('/context/path/rest/'),
    );
    expect(elsewhere).toEqual([]);
  });

  it('emits readable targets of every kind: context path, branch, unusual path, personal project, foreign base URL', async () => {
    const bitbucket = await serveBitbucket({
      baseUrl: 'http://bitbucket.test/context/path',
      linkBaseUrl: 'https://git.internal.example/context/path',
      users: [TEST_USER, { name: 'jdoe', password: 'x' }],
    });
    const path = 'docs and more/catalog #1.yaml';
    const branch = 'feature/a&b+c';
    const withBranch = (name: string) => ({
      branches: { [branch]: { [path]: componentYaml(name, 'on a branch') } },
    });
    bitbucket.addRepository({ projectKey: 'PAY', slug: 'api', ...withBranch('api') });
    const { key } = bitbucket.addPersonalProject('jdoe');
    bitbucket.addRepository({ projectKey: key, slug: 'mine', ...withBranch('mine') });

    const backend = await start(bitbucket, {
      catalogPath: `/${path}`,
      branch,
      filters: { personalRepos: true },
    });

    const components = await backend.waitForEntities('kind=component', 2);
    expect(getNames(components)).toEqual(['api', 'mine']);
    const locations = await backend.entities('kind=location,spec.type=url');
    const targets = locations.flatMap(({ spec }) => spec?.target ?? []);
    const encoded = 'browse/docs%20and%20more/catalog%20%231.yaml?at=feature%2Fa%26b%2Bc';
    expect(targets.sort()).toEqual([
      `${bitbucket.baseUrl}/projects/PAY/repos/api/${encoded}`,
      `${bitbucket.baseUrl}/users/jdoe/repos/mine/${encoded}`,
    ]);
  });

  it('runs several providers, each with its own anchor and filters', async () => {
    const bitbucket = await serveBitbucket();
    for (const projectKey of ['PAY', 'SHOP']) {
      const slug = projectKey.toLowerCase();
      const files = { 'catalog-info.yaml': componentYaml(slug, 'a service') };
      bitbucket.addRepository({ projectKey, slug, files });
    }
    const { host } = new URL(bitbucket.baseUrl);
    const { integrations } = appConfigFor({ bitbucket });
    const backend = await startBackend({
      config: {
        integrations,
        catalog: {
          providers: {
            bitbucketServer: {
              payments: { host, filters: { projectKey: '^PAY$' } },
              shop: { host, filters: { projectKey: '^SHOP$' } },
            },
          },
        },
      },
      features: [discoveryModule],
    });
    running.push(backend);

    await backend.waitForEntities('kind=component', 2);
    const locations = getNames(await backend.entities('kind=location'));
    expect(locations.filter(name => !name.startsWith('generated-'))).toEqual([
      'bitbucket-server-payments',
      'bitbucket-server-shop',
    ]);
    const listings = bitbucket.requests.filter(request => /\/repos\?/.test(request.path));
    expect(
      listings.every(request => /\/projects\/(PAY|SHOP)\/repos/.test(request.path)),
    ).toBe(true);
  });

  it('shares its limits with every client of that host and credential, even one that was created earlier', async () => {
    const bitbucket = await serveBitbucket({ latencyMs: 10 });
    for (let index = 0; index < 20; index += 1) {
      bitbucket.addRepository({ projectKey: 'PAY', slug: `r${index}` });
    }
    const { host } = new URL(bitbucket.baseUrl);
    const { name: username, password } = TEST_USER;
    const integration = { host, apiBaseUrl: bitbucket.apiBaseUrl, username, password };
    const client = BitbucketServerClient.fromConfig({ config: integration });

    await start(bitbucket, { concurrency: 1, rateLimit: 'off' });
    await eventually(async () => expect(bitbucket.requests.length).toBeGreaterThan(2));
    const asked = Array.from({ length: 5 }, (_, index) =>
      client.getRepository({ projectKey: 'PAY', repo: `r${index}` }),
    );

    expect(await Promise.all(asked)).toHaveLength(5);
    expect(bitbucket.peakInFlight).toBe(1);
  });

  it('does nothing where nothing is configured', async () => {
    const backend = await startBackend({ config: {}, features: [discoveryModule] });
    running.push(backend);

    expect(await backend.entities('kind=location')).toEqual([]);
  });
});

describe('a backend with an invalid configuration', () => {
  it.each<[string, JsonObject, RegExp]>([
    ['a misspelt key', { catalogPaths: '/a.yaml' }, /bitbucketServer\.catalogPaths/],
    ['a bad regular expression', { filters: { repoSlug: '(' } }, /filters\.repoSlug/],
    ['a wrong type', { concurrency: 'many' }, /bitbucketServer\.concurrency/],
    ['a bad glob', { catalogPath: '/{a.yaml' }, /bitbucketServer\.catalogPath/],
    ['an unknown host', { host: 'elsewhere.example' }, /bitbucketServer\.host/],
    ['a value out of range', { removals: { maxPercentage: 101 } }, /maxPercentage/],
  ])('refuses to start for %s and names the key', async (_, config, message) => {
    const bitbucket = createSimulatedBitbucket();

    await expect(
      startBackend({
        config: appConfigFor({ bitbucket, config }),
        features: [discoveryModule],
      }),
    ).rejects.toThrow(message);
  });

  it('refuses to start together with the published module', async () => {
    const bitbucket = createSimulatedBitbucket();

    await expect(
      startBackend({
        config: appConfigFor({ bitbucket }),
        features: [discoveryModule, peerModule],
      }),
    ).rejects.toThrow(/bitbucket-server-entity-provider/);
  });
});
