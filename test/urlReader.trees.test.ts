/** Trees as TechDocs and the scaffolder read them, through Backstage's own reader service. */

import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { UrlReaders } from '@backstage/backend-defaults/urlReader';
import { mockServices } from '@backstage/backend-test-utils';
import { createSimulatedBitbucket } from '../dev/simulatedBitbucket';
import { FakeClock } from '../src/__testUtils__/FakeClock';
import { createFetch } from '../src/__testUtils__/simulatedClient';
import { createTestLimiters } from '../src/__testUtils__/testLimiters';
import { TEST_USER } from '../src/__testUtils__/testProvider';
import { createReaders } from '../src/reading/createReaders';
import { withArchives, withLargeArchives } from './__testUtils__/withArchives';

const DOCS = { 'docs/index.md': '# Docs', 'docs/more/a.md': 'more', 'mkdocs.yml': 'x' };

const MEBIBYTE = 2 ** 20;

const endings: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const end of endings.splice(0).reverse()) {
    await end();
  }
});

async function createDirectory(): Promise<string> {
  const directory = await mkdtemp(path.join(tmpdir(), 'bitbucket-trees-'));
  endings.push(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

function setUp() {
  const clock = new FakeClock();
  const bitbucket = createSimulatedBitbucket({ users: [TEST_USER] });
  const { git } = bitbucket.addRepository({
    projectKey: 'PAY',
    slug: 'api',
    files: DOCS,
  });
  bitbucket.addRepository({ projectKey: 'PAY', slug: 'empty', empty: true });
  withArchives(bitbucket);
  const integration = {
    host: new URL(bitbucket.baseUrl).host,
    apiBaseUrl: bitbucket.apiBaseUrl,
    username: TEST_USER.name,
    password: TEST_USER.password,
  };
  const config = mockServices.rootConfig({
    data: { integrations: { bitbucketServer: [integration] } },
  });
  const logger = mockServices.logger.mock();
  const reader = UrlReaders.default({
    config,
    logger,
    factories: [
      options =>
        createReaders({
          ...options,
          pluginId: 'techdocs',
          limiters: createTestLimiters(integration, { clock }),
          clock,
          fetch: createFetch(bitbucket),
        }),
    ],
  });
  const repository = `${bitbucket.baseUrl}/projects/PAY/repos/api`;
  return { bitbucket, git, reader, repository };
}

it('a tree contains all files of a repository, or those of a folder, with the commit as etag', async () => {
  const { bitbucket, git, reader, repository } = setUp();
  const readContents = async (url: string) => {
    const tree = await reader.readTree(url);
    expect(tree.etag).toBe(git.tip('main')?.id.slice(0, 12));
    const files = (await tree.files()).map(async file => [
      file.path,
      String(await file.content()),
    ]);
    return Object.fromEntries(await Promise.all(files));
  };
  expect(await readContents(repository)).toEqual(DOCS);
  expect(await readContents(`${repository}/browse/docs`)).toEqual({
    'index.md': '# Docs',
    'more/a.md': 'more',
  });
  const requests = bitbucket.requests.filter(({ path }) => path.includes('/commits?'));
  expect(requests).toHaveLength(2);
});

it('a tree is not modified until the next push', async () => {
  const { bitbucket, reader, repository } = setUp();
  const { etag } = await reader.readTree(repository);
  await expect(reader.readTree(repository, { etag })).rejects.toMatchObject({
    name: 'NotModifiedError',
  });
  bitbucket.writeFile('PAY', 'api', 'docs/index.md', '# New');
  expect((await reader.readTree(repository, { etag })).etag).not.toBe(etag);
});

it('a tree does not exist if Bitbucket says so, and cannot be read otherwise', async () => {
  const { bitbucket, reader, repository } = setUp();
  const empty = repository.replace(/api$/, 'empty');
  await expect(reader.readTree(empty)).rejects.toMatchObject({ name: 'NotFoundError' });
  bitbucket.faults.add({ effect: { type: 'html', status: 404 } });
  await expect(reader.readTree(repository)).rejects.toMatchObject({ name: 'Error' });
});

// What `fetch:template` and `fetch:plain` of the scaffolder and the preparer of TechDocs do.
it('a tree is unpacked into a directory, as far as the filter selects its files', async () => {
  const { reader, repository } = setUp();
  const targetDir = await createDirectory();
  const tree = await reader.readTree(`${repository}/browse/docs`, {
    filter: name => name !== 'index.md',
  });
  expect(await tree.dir({ targetDir })).toBe(targetDir);
  expect(await readdir(targetDir)).toEqual(['more']);
  expect(await readFile(path.join(targetDir, 'more', 'a.md'), 'utf8')).toBe('more');
});

it('a tree of 200 MB takes no more memory than a small one', async () => {
  const { bitbucket, reader, repository } = setUp();
  const files = 25;
  const usage = () => {
    const { external, heapUsed } = process.memoryUsage();
    return external + heapUsed;
  };
  const before = usage();
  let peak = before;
  let chunks = 0;
  withLargeArchives(bitbucket, {
    files,
    onChunk() {
      chunks += 1;
      peak = Math.max(peak, usage());
    },
  });
  const targetDir = await createDirectory();
  const tree = await reader.readTree(repository);
  await tree.dir({ targetDir });

  const names = await readdir(targetDir);
  expect(names).toHaveLength(files);
  const sizes = names.map(async name => (await stat(path.join(targetDir, name))).size);
  expect(new Set(await Promise.all(sizes))).toEqual(new Set([8 * MEBIBYTE]));
  expect(chunks).toBe(200);
  expect((peak - before) / MEBIBYTE).toBeLessThan(100);
}, 60_000);
