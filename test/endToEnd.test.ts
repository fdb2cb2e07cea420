import { createHmac } from 'node:crypto';
import {
  createSimulatedBitbucket,
  JsonObject,
  serve,
  SimulatedBitbucket,
  WebhookDetails,
  WebhookEventKey,
} from '../dev/simulatedBitbucket';
import { componentYaml } from '../dev/seed';
import { WEBHOOK_SECRET } from '../src/__testUtils__/backendApi';
import { eventually } from '../src/__testUtils__/eventually';
import { startBackend, TestBackend } from '../src/__testUtils__/startBackend';
import { appConfigFor, TEST_USER } from '../src/__testUtils__/testProvider';

const FILE = 'catalog-info.yaml';
const OTHER_FILE = 'docs/catalog-info.yaml';

/** Repositories with a catalog file, which describes a Component of the same name. */
const KNOWN = ['changed', 'cleared', 'moved-file', 'lost-file', 'branched', 'archived'];
/** The same for repositories whose address will change. */
const RELOCATED = ['old-name', 'to-move'];
/** Repositories without a catalog file. */
const WITHOUT = ['added', 'looked-at', 'unsigned', 'badly-signed', 'altered'];

const endings: (() => Promise<unknown>)[] = [];
let bitbucket: SimulatedBitbucket;
let backend: TestBackend;

function addContent(): void {
  const withFile = (name: string) => ({ [FILE]: componentYaml(name, 'as it was') });
  for (const slug of [...KNOWN, ...RELOCATED]) {
    bitbucket.addRepository({ projectKey: 'PAY', slug, files: withFile(slug) });
  }
  for (const slug of WITHOUT) {
    bitbucket.addRepository({ projectKey: 'PAY', slug });
  }
  bitbucket.addRepository({
    projectKey: 'OLDKEY',
    slug: 'in-project',
    files: withFile('in-project'),
  });
  bitbucket.addRepository({
    projectKey: 'PAY',
    slug: 'in-archive',
    archived: true,
    files: withFile('in-archive'),
  });
}

beforeAll(async () => {
  bitbucket = createSimulatedBitbucket({ users: [TEST_USER] });
  addContent();
  const served = await serve(bitbucket);
  endings.push(() => served.close());
  const config = {
    catalogPath: [`/${FILE}`, `/${OTHER_FILE}`],
    filters: { skipArchivedRepos: true },
  };
  backend = await startBackend({
    config: appConfigFor({ bitbucket, config }),
    webhooks: true,
  });
  endings.push(() => backend.stop());
  await backend.waitForEntities('kind=component', KNOWN.length + RELOCATED.length + 1);
});

afterAll(async () => {
  for (const end of endings.splice(0).reverse()) {
    await end();
  }
});

function signed<K extends WebhookEventKey>(eventKey: K, details: WebhookDetails[K]) {
  return bitbucket.webhook(eventKey, details, { secret: WEBHOOK_SECRET });
}

function createPush(slug: string, change: ReturnType<SimulatedBitbucket['writeFile']>) {
  return { projectKey: 'PAY', slug, changes: [change] };
}

/** @returns the webhook about it */
function write(slug: string, description = 'pushed', branch?: string) {
  const content = componentYaml(slug, description);
  return createPush(slug, bitbucket.writeFile('PAY', slug, FILE, content, branch));
}

async function deliverPush(details: WebhookDetails['repo:refs_changed']): Promise<void> {
  expect(await backend.deliver(signed('repo:refs_changed', details))).toBe(202);
}

let fences = 0;
/** Once this is in the catalog, all earlier deliveries have been handled. */
async function passFence(): Promise<void> {
  fences += 1;
  const slug = `fence-${fences}`;
  bitbucket.addRepository({ projectKey: 'PAY', slug });
  await deliverPush(write(slug));
  await backend.component(slug);
}

const requestsAbout = (text: string) =>
  bitbucket.requests.filter(({ path }) => path.includes(text));

const getLocations = (slug: string) =>
  `kind=location,metadata.annotations.bitbucket.org/repo-slug=${slug}`;

async function getTargets(slug: string): Promise<unknown[]> {
  const locations = await backend.entities(getLocations(slug));
  return locations.map(({ spec }) => spec?.target);
}

const browse = (project: string, slug: string, file = FILE) =>
  `${bitbucket.baseUrl}/projects/${project}/repos/${slug}/browse/${file}`;

describe('a signed push', () => {
  it('that adds the catalog file adds its Location', async () => {
    await deliverPush(write('added'));

    const component = await backend.component('added');
    expect(component.metadata.description).toBe('pushed');
    expect(await getTargets('added')).toEqual([browse('PAY', 'added')]);
  });

  it('leads to one check of the repository, without a request for changes where nothing subscribes to them', async () => {
    bitbucket.clearRequests();
    await deliverPush(write('looked-at'));

    await backend.component('looked-at');
    await passFence();
    const requests = requestsAbout('/repos/looked-at');
    expect(requests.filter(({ path }) => path.endsWith('/looked-at'))).toHaveLength(1);
    expect(requestsAbout('/compare/')).toEqual([]);
  });

  it('that changes it makes the catalog read it again, and the Component keeps its uid', async () => {
    const before = await backend.component('changed');

    await deliverPush(write('changed', 'as it is now'));

    await eventually(async () => {
      const { metadata } = await backend.component('changed');
      expect(metadata.description).toBe('as it is now');
    });
    const after = await backend.component('changed');
    expect(after.metadata.uid).toBe(before.metadata.uid);
  });

  it('that removes it removes Location and Component', async () => {
    await deliverPush(
      createPush('cleared', bitbucket.removeFile('PAY', 'cleared', FILE)),
    );

    await backend.waitForEntities('kind=component,metadata.name=cleared', 0);
    await backend.waitForEntities(getLocations('cleared'), 0);
  });

  it('that renames it to another catalog path leads to a Location there', async () => {
    const change = bitbucket.renameFile('PAY', 'moved-file', FILE, OTHER_FILE);
    await deliverPush(createPush('moved-file', change));

    await eventually(async () => {
      const { metadata } = await backend.component('moved-file');
      expect(metadata.annotations?.['backstage.io/managed-by-location']).toBe(
        `url:${browse('PAY', 'moved-file', OTHER_FILE)}`,
      );
    });
    expect(await getTargets('moved-file')).toEqual([
      browse('PAY', 'moved-file', OTHER_FILE),
    ]);
  });

  it('that renames it to something else removes it', async () => {
    const change = bitbucket.renameFile(
      'PAY',
      'lost-file',
      FILE,
      'catalog-info.yaml.old',
    );
    await deliverPush(createPush('lost-file', change));

    await backend.waitForEntities('kind=component,metadata.name=lost-file', 0);
    await backend.waitForEntities(getLocations('lost-file'), 0);
  });

  it('to another branch, or of a tag, changes nothing and costs at most one request', async () => {
    bitbucket.createBranch('PAY', 'branched', 'feature');
    bitbucket.clearRequests();
    await deliverPush(write('branched', 'not merged', 'feature'));
    const tag = bitbucket.createBranch('PAY', 'branched', 'main-1');
    await deliverPush({
      ...createPush('branched', tag),
      changes: [{ ...tag, branch: 'main', type: 'TAG' }],
    });
    await passFence();

    const requests = requestsAbout('/branched');
    expect(requests.filter(({ path }) => !path.includes('default-branch'))).toEqual([]);
    expect(requests.length).toBeLessThanOrEqual(1);
    const { metadata } = await backend.component('branched');
    expect(metadata.description).toBe('as it was');
  });
});

describe('a repository', () => {
  /** Changes a repository, and delivers the webhook about it. */
  const changeRepository = async (slug: string, change: () => { slug: string }) => {
    const old: JsonObject = bitbucket.repositoryJson('PAY', slug);
    const after = change();
    const { projectKey } = { projectKey: 'PAY', ...after };
    const details = { projectKey, slug: after.slug, old };
    expect(await backend.deliver(signed('repo:modified', details))).toBe(202);
  };

  const managedBy = async (name: string, url: string) =>
    eventually(async () => {
      const { metadata } = await backend.component(name);
      expect(metadata.annotations?.['backstage.io/managed-by-location']).toBe(
        `url:${url}`,
      );
    });

  it('that is renamed has one Location, and its Component is managed by that', async () => {
    await changeRepository('old-name', () =>
      bitbucket.renameRepository('PAY', 'old-name', 'new-name'),
    );

    await managedBy('old-name', browse('PAY', 'new-name'));
    expect(await getTargets('new-name')).toEqual([browse('PAY', 'new-name')]);
    expect(await getTargets('old-name')).toEqual([]);
  });

  it('that is moved to another project has one Location there', async () => {
    await changeRepository('to-move', () => {
      const { slug } = bitbucket.moveRepository('PAY', 'to-move', 'SHOP');
      return { slug, projectKey: 'SHOP' };
    });

    await managedBy('to-move', browse('SHOP', 'to-move'));
    expect(await getTargets('to-move')).toEqual([browse('SHOP', 'to-move')]);
  });

  it('whose project gets another key has one Location there', async () => {
    const old = bitbucket.projectJson('OLDKEY') ?? {};
    bitbucket.renameProject('OLDKEY', 'NEWKEY');

    const webhook = signed('project:modified', { projectKey: 'NEWKEY', old });
    expect(await backend.deliver(webhook)).toBe(202);

    await managedBy('in-project', browse('NEWKEY', 'in-project'));
    expect(await getTargets('in-project')).toEqual([browse('NEWKEY', 'in-project')]);
  });

  it('that is archived leaves the catalog, and comes back when it is unarchived', async () => {
    await changeRepository('archived', () =>
      bitbucket.archiveRepository('PAY', 'archived'),
    );
    await changeRepository('in-archive', () =>
      bitbucket.archiveRepository('PAY', 'in-archive', false),
    );

    await backend.component('in-archive');
    await backend.waitForEntities('kind=component,metadata.name=archived', 0);
    await backend.waitForEntities(getLocations('archived'), 0);
  });
});

describe("the webhook's address", () => {
  it('accepts Bitbucket without a token, unlike the rest of the backend', async () => {
    const ping = signed('diagnostics:ping', {});
    expect(await backend.deliver(ping)).toBe(202);
    for (const path of [
      '/api/catalog/entities',
      '/api/events/bus/v1/subscriptions/a/events',
    ]) {
      expect((await fetch(`${backend.baseUrl}${path}`)).status).toBe(401);
    }
  });

  it('refuses a signature with other digits like any wrong one', async () => {
    const { body, headers } = signed('repo:refs_changed', write('unsigned'));
    const wide = (headers['X-Hub-Signature'] ?? '').replace(/[0-9]/g, '１');
    // As bytes, the only characters that a header can contain.
    const signature = Buffer.from(wide, 'utf8').toString('latin1');
    const others = { ...headers, 'X-Hub-Signature': signature };
    expect(await backend.deliver({ body, headers: others })).toBe(403);
  });

  it('refuses a signed body that is nested too deeply with 400, not with an internal error', async () => {
    const body = `{"a":${'['.repeat(50_000)}${']'.repeat(50_000)}}`;
    const digest = createHmac('sha256', WEBHOOK_SECRET).update(body).digest('hex');
    const headers = {
      'Content-Type': 'application/json',
      'X-Hub-Signature': `sha256=${digest}`,
    };
    expect(await backend.deliver({ body, headers })).toBe(400);
  });

  it('accepts an unsigned ping without a request to Bitbucket', async () => {
    bitbucket.clearRequests();

    expect(await backend.deliver(bitbucket.webhook('diagnostics:ping', {}))).toBe(202);

    await passFence();
    const others = bitbucket.requests.filter(({ path }) => !path.includes('/fence-'));
    expect(others).toEqual([]);
  });

  it('refuses unsigned, wrongly signed and altered bodies without a request to Bitbucket', async () => {
    const unsigned = bitbucket.webhook('repo:refs_changed', write('unsigned'));
    const wrong = bitbucket.webhook('repo:refs_changed', write('badly-signed'), {
      secret: `${WEBHOOK_SECRET}.`,
    });
    const altered = signed('repo:refs_changed', write('altered'));
    bitbucket.clearRequests();

    expect(await backend.deliver(unsigned)).toBe(403);
    expect(await backend.deliver(wrong)).toBe(403);
    expect(await backend.deliver({ ...altered, body: `${altered.body} ` })).toBe(403);

    await passFence();
    for (const slug of ['unsigned', 'badly-signed', 'altered']) {
      expect(requestsAbout(`/${slug}`)).toEqual([]);
      expect(await backend.entities(`kind=component,metadata.name=${slug}`)).toEqual([]);
    }
  });
});
