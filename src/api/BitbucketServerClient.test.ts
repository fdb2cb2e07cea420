import {
  createSimulatedBitbucket,
  serve,
  SimulatedBitbucket,
} from '../../dev/simulatedBitbucket';
import { createFetch } from '../__testUtils__/simulatedClient';
import { TEST_USER } from '../__testUtils__/testProvider';
import { BitbucketServerClient } from './BitbucketServerClient';

const PAGE = 'http://bitbucket.test/context/projects/PAY/repos/api/browse';

function createBitbucket(): SimulatedBitbucket {
  const bitbucket = createSimulatedBitbucket({
    baseUrl: 'http://bitbucket.test/context',
    users: [TEST_USER],
  });
  bitbucket.addRepository({
    projectKey: 'PAY',
    slug: 'api',
    name: 'The API',
    description: 'Takes payments',
    labels: ['service', 'tier-1'],
    files: { 'my docs/ü#1.yaml': 'ä: ö' },
    branches: { release: { 'only-here.yaml': 'x' } },
  });
  bitbucket.addRepository({
    projectKey: 'PAY',
    slug: 'fork',
    origin: { projectKey: 'PAY', slug: 'api' },
    public: true,
  });
  bitbucket.addRepository({ projectKey: 'PAY', slug: 'new', empty: true });
  return bitbucket;
}

/** A client whose requests go straight to the simulated Bitbucket. */
function createClient(bitbucket = createBitbucket()) {
  const fetchFromServer = createFetch(bitbucket);
  const credentials = Buffer.from(`${TEST_USER.name}:${TEST_USER.password}`);
  const headers = { Authorization: `Basic ${credentials.toString('base64')}` };
  const client = new BitbucketServerClient({
    config: { host: 'bitbucket.test', apiBaseUrl: bitbucket.apiBaseUrl },
    fetchApi: url => fetchFromServer(url, { headers }),
  });
  return { client, bitbucket };
}

const API = { projectKey: 'PAY', repo: 'api' };

describe('BitbucketServerClient', () => {
  it('reads a file whose path needs encoding, with a leading slash or without', async () => {
    const { client } = createClient();

    for (const path of ['my docs/ü#1.yaml', '/my docs/ü#1.yaml']) {
      const response = await client.getFile({ ...API, path });
      expect(response.status).toBe(200);
      expect(await response.text()).toBe('ä: ö');
    }
  });

  it('reads a file of a branch', async () => {
    const { client } = createClient();
    const file = { ...API, path: 'only-here.yaml' };

    expect((await client.getFile({ ...file, branch: 'release' })).status).toBe(200);
    expect((await client.getFile(file)).status).toBe(404);
  });

  it('does not return a 404 that does not prove a missing file', async () => {
    const { client, bitbucket } = createClient();
    const file = { ...API, path: 'catalog-info.yaml' };

    expect((await client.getFile(file)).status).toBe(404);
    const gone = client.getFile({ projectKey: 'PAY', repo: 'no-such', path: 'x' });
    await expect(gone).rejects.toMatchObject({ name: 'ServiceUnavailableError' });
    bitbucket.faults.add({ effect: 'xml-404' });
    await expect(client.getFile(file)).rejects.toThrow(
      /It is not known whether the file exists: .*404 with an XML document/,
    );
  });

  it('reads a repository', async () => {
    const { client } = createClient();

    expect(await client.getRepository(API)).toEqual({
      id: expect.any(Number),
      project: { key: 'PAY' },
      slug: 'api',
      name: 'The API',
      description: 'Takes payments',
      links: {
        self: [{ href: PAGE }],
        clone: expect.arrayContaining([{ href: expect.any(String) }]),
      },
      archived: false,
      public: false,
      fork: false,
    });
    expect(await client.getRepository({ projectKey: 'PAY', repo: 'fork' })).toMatchObject(
      { description: '', public: true, fork: true },
    );
  });

  it('reads the default branch and the labels', async () => {
    const { client } = createClient();

    expect(await client.getDefaultBranch(API)).toMatchObject({
      id: 'refs/heads/main',
      displayId: 'main',
      isDefault: true,
    });
    expect(await client.getLabels(API)).toEqual(['service', 'tier-1']);
  });

  it('reads the default branch of a server before 7.5', async () => {
    const { client, bitbucket } = createClient();
    bitbucket.settings.version = '7.4.2';

    expect(await client.getDefaultBranch(API)).toMatchObject({
      displayId: 'main',
      latestCommit: expect.stringMatching(/^[0-9a-f]{40}$/),
    });
    await expect(
      client.getDefaultBranch({ projectKey: 'PAY', repo: 'new' }),
    ).rejects.toMatchObject({ name: 'NotFoundError' });
  });

  it('reads listings page by page', async () => {
    const { client } = createClient();
    const first = await client.listRepositories({
      projectKey: 'PAY',
      listOptions: { limit: 2 },
    });

    expect(first.values.map(repository => repository.slug)).toEqual(['fork', 'new']);
    expect(first).toMatchObject({ isLastPage: false, size: 2, limit: 2, start: 0 });
    const start = first.nextPageStart;
    const second = await client.listRepositories({
      projectKey: 'PAY',
      listOptions: { limit: 2, start },
    });
    expect(second.values.map(repository => repository.slug)).toEqual(['api']);
    expect(second).toMatchObject({ isLastPage: true, nextPageStart: undefined });
  });

  it('lists projects', async () => {
    const { client } = createClient();

    expect((await client.listProjects()).values).toEqual([{ key: 'PAY' }]);
    expect((await client.listProjects({ listOptions: { start: 1 } })).values).toEqual([]);
  });

  it('returns a web URL with the context path, without a request', async () => {
    const { client, bitbucket } = createClient();

    expect(client.resolvePath({ ...API, path: '/browse/catalog-info.yaml' })).toEqual({
      path: `${PAGE}/catalog-info.yaml`,
    });
    expect(bitbucket.requests).toEqual([]);
  });

  it('reports a missing repository', async () => {
    const { client } = createClient();
    const missing = { projectKey: 'PAY', repo: 'no-such' };

    for (const ask of [client.getRepository(missing), client.getLabels(missing)]) {
      await expect(ask).rejects.toMatchObject({ name: 'NotFoundError' });
    }
  });

  it('reports a refusal by Bitbucket', async () => {
    const { client, bitbucket } = createClient();
    bitbucket.faults.add({ match: {}, effect: { type: 'status', status: 503 } });

    await expect(client.getRepository(API)).rejects.toMatchObject({
      name: 'ResponseError',
      statusCode: 503,
    });
  });

  it.each([
    ['a login page', { type: 'login-page' }],
    ['half a document', { type: 'truncated-json' }],
  ] as const)('refuses %s', async (_, effect) => {
    const { client, bitbucket } = createClient();
    bitbucket.faults.add({ match: {}, effect });

    await expect(client.getRepository(API)).rejects.toThrow(
      /GET .*repos\/api does not have the format of Bitbucket/,
    );
  });

  it('refuses a page with too many rows', async () => {
    const { client, bitbucket } = createClient();
    const body = `{"isLastPage":true,"values":[${'{},'.repeat(100_000)}{}]}`;
    bitbucket.faults.add({ effect: { type: 'body', body } });

    await expect(client.listProjects()).rejects.toThrow(
      /GET .*projects does not have the format of Bitbucket/,
    );
    await expect(client.getLabels(API)).rejects.toThrow(/does not have the format/);
  });

  it('sends its own requests with the credentials of the integration', async () => {
    const bitbucket = createSimulatedBitbucket({
      baseUrl: 'http://127.0.0.1',
      users: [TEST_USER],
    });
    bitbucket.addRepository({ projectKey: 'PAY', slug: 'api' });
    const served = await serve(bitbucket);
    try {
      const { host } = new URL(bitbucket.baseUrl);
      const config = { host, apiBaseUrl: bitbucket.apiBaseUrl };
      const { name: username, password } = TEST_USER;
      const client = BitbucketServerClient.fromConfig({
        config: { ...config, username, password },
      });
      expect(await client.getRepository(API)).toMatchObject({ slug: 'api' });

      const anonymous = BitbucketServerClient.fromConfig({ config });
      await expect(anonymous.getRepository(API)).rejects.toMatchObject({
        name: 'ResponseError',
        statusCode: 401,
      });
    } finally {
      await served.close();
    }
  });
});
