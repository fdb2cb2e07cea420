import {
  createSimulatedBitbucket,
  serve,
  SimulatedBitbucket,
} from '../dev/simulatedBitbucket';
import { componentYaml } from '../dev/seed';
import { WEBHOOK_SECRET } from '../src/__testUtils__/backendApi';
import { eventually } from '../src/__testUtils__/eventually';
import { startBackend, TestBackend } from '../src/__testUtils__/startBackend';
import { appConfigFor, TEST_USER } from '../src/__testUtils__/testProvider';

/** Files that discovery does not look for, each with the suffix of the path in its registration. */
const BY_HAND = {
  plain: '',
  'with-branch': '?at=main',
  'with-encoded-ref': '?at=refs%2Fheads%2Fmain',
  'with-ref': '?at=refs/heads/main',
};
const NAMES = Object.keys(BY_HAND);
const toPath = (name: string) => `more/${name}.yaml`;

const endings: (() => Promise<unknown>)[] = [];
let bitbucket: SimulatedBitbucket;
let backend: TestBackend;

async function register(target: string): Promise<void> {
  const body = { type: 'url', target };
  const { status } = await backend.send('/api/catalog/locations', {
    method: 'POST',
    body,
  });
  expect(status).toBe(201);
}

/** Adds a repository with a file per name, which only a registration brings into the catalog. */
function addRepository(slug: string, names: readonly string[]): void {
  const files = Object.fromEntries(
    names.map(name => [toPath(name), componentYaml(name, 'old')]),
  );
  bitbucket.addRepository({ projectKey: 'PAY', slug, files });
}

const toUrl = (slug: string, name: string) =>
  `${bitbucket.baseUrl}/projects/PAY/repos/${slug}/browse/${toPath(name)}`;

const write = (slug: string, name: string, branch?: string) => {
  const content = componentYaml(name, 'new');
  return bitbucket.writeFile('PAY', slug, toPath(name), content, branch);
};

async function push(slug: string, change: ReturnType<typeof write>): Promise<void> {
  const details = { projectKey: 'PAY', slug, changes: [change] };
  const webhook = bitbucket.webhook('repo:refs_changed', details, {
    secret: WEBHOOK_SECRET,
  });
  expect(await backend.deliver(webhook)).toBe(202);
}

const getReads = (name: string) =>
  bitbucket.requests.filter(
    ({ path }) => path.includes('/raw/') && path.includes(toPath(name)),
  );

async function waitForDescription(name: string, description: string): Promise<void> {
  await eventually(async () => {
    expect((await backend.component(name)).metadata.description).toBe(description);
  });
}

const compareRequests = () =>
  bitbucket.requests.filter(({ path }) => path.includes('/compare/'));

beforeAll(async () => {
  bitbucket = createSimulatedBitbucket({ users: [TEST_USER] });
  addRepository('api', [...NAMES, 'untouched']);
  addRepository('cleared', ['gone', 'stays']);
  addRepository('tidied', ['moved']);
  addRepository('branched', ['on-main']);
  const served = await serve(bitbucket);
  endings.push(() => served.close());
  const { catalog, ...config } = appConfigFor({ bitbucket });
  backend = await startBackend({
    config: { ...config, catalog: { ...Object(catalog), scmEvents: true } },
    webhooks: true,
  });
  endings.push(() => backend.stop());
  const targets = [
    ...Object.entries(BY_HAND).map(([name, query]) => `${toUrl('api', name)}${query}`),
    toUrl('api', 'untouched'),
    toUrl('cleared', 'gone'),
    toUrl('cleared', 'stays'),
    toUrl('tidied', 'moved'),
    toUrl('branched', 'on-main'),
  ];
  await Promise.all(targets.map(register));
  await backend.waitForEntities('kind=component', targets.length);
});

afterAll(async () => {
  for (const end of endings.splice(0).reverse()) {
    await end();
  }
});

describe('a push, where the catalog listens to SCM events', () => {
  it('makes the catalog read manually registered files again, in any spelling', async () => {
    const { uid } = (await backend.component('plain')).metadata;
    bitbucket.clearRequests();
    const { fromHash } = write('api', NAMES[0] ?? '');
    const [last] = NAMES.slice(1)
      .map(name => write('api', name))
      .reverse();

    await push('api', { branch: 'main', fromHash, toHash: last?.toHash ?? '' });

    await Promise.all(NAMES.map(name => waitForDescription(name, 'new')));
    expect(compareRequests()).toHaveLength(1);
    expect((await backend.component('plain')).metadata.uid).toBe(uid);
    expect(getReads('untouched')).toEqual([]);
  });

  it('removes only the manually registered files that are gone', async () => {
    await push('cleared', bitbucket.removeFile('PAY', 'cleared', toPath('gone')));

    await backend.waitForEntities('kind=component,metadata.name=gone', 0);
    await backend.component('stays');
  });

  it('moves manually registered Locations with their file', async () => {
    await push(
      'tidied',
      bitbucket.renameFile('PAY', 'tidied', toPath('moved'), toPath('here')),
    );

    await eventually(async () => {
      const { metadata } = await backend.component('moved');
      expect(metadata.annotations?.['backstage.io/managed-by-location']).toBe(
        `url:${toUrl('tidied', 'here')}`,
      );
    });
  });

  it('to another branch triggers no read', async () => {
    bitbucket.createBranch('PAY', 'branched', 'feature');
    bitbucket.addRepository({ projectKey: 'PAY', slug: 'fence' });
    bitbucket.clearRequests();

    await push('branched', write('branched', 'on-main', 'feature'));

    // Once this is in the catalog, all earlier deliveries have been handled.
    const content = componentYaml('fence', 'new');
    await push(
      'fence',
      bitbucket.writeFile('PAY', 'fence', 'catalog-info.yaml', content),
    );
    await backend.component('fence');
    expect(getReads('on-main')).toEqual([]);
    expect(compareRequests().filter(({ path }) => path.includes('branched'))).toEqual([]);
  });
});
