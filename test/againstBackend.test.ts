/** The preview against a running backend: the same counts, and exactly the differences. */

import { mockCredentials } from '@backstage/backend-test-utils';
import peerModule from '@backstage/plugin-catalog-backend-module-bitbucket-server';
import { JsonObject } from '@backstage/types';
import { z } from 'zod';
import { componentYaml } from '../dev/seed';
import { serve, SimulatedBitbucket } from '../dev/simulatedBitbucket';
import {
  createDropInWorld,
  DropInWorld,
  LOCATIONS,
  selectRun,
  SCHEDULE,
} from './__testUtils__/dropInWorld';
import { eventually } from '../src/__testUtils__/eventually';
import { startBackend, TestBackend } from '../src/__testUtils__/startBackend';
import { appConfigFor } from '../src/__testUtils__/testProvider';
import discoveryModule from '../src/index';
import {
  createDemoBitbucket,
  DEMO_PROVIDER,
} from '../src/cli/__testUtils__/demoBitbucket';
import { runCommand } from '../src/cli/__testUtils__/runCommand';
import { PreviewDocument, ProviderPreview } from '../src/cli/previewDocument';

const Discovery = z.object({
  status: z.string(),
  summary: z.record(z.string(), z.unknown()).optional(),
});

const FOUND_IN_DEMO = 45;

const BROKEN = 'kind: Component\n\tmetadata: [';

const endings: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const end of endings.splice(0).reverse()) {
    await end();
  }
});

/** Returns the result of `preview --against` for each provider. */
async function previewAgainst(
  backend: TestBackend,
  appConfig: JsonObject,
  bitbucket: SimulatedBitbucket,
): Promise<Record<string, ProviderPreview>> {
  const { stdout, exitCode, stderr } = await runCommand(
    ['preview', '--json', '--against', backend.baseUrl],
    { bitbucket, appConfig, env: { BACKSTAGE_TOKEN: mockCredentials.user.token() } },
  );
  expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 });
  const document: PreviewDocument = JSON.parse(stdout);
  return Object.fromEntries(
    document.providers.map(provider => [provider.providerId, provider]),
  );
}

it('preview --against lists exactly the changes in Bitbucket since the last run of a live backend', async () => {
  const bitbucket = createDemoBitbucket();
  await using _ = await serve(bitbucket);
  const appConfig = appConfigFor({ bitbucket, config: DEMO_PROVIDER });
  const backend = await startBackend({ config: appConfig, features: [discoveryModule] });
  endings.push(() => backend.stop());
  const preview = async () =>
    (await previewAgainst(backend, appConfig, bitbucket)).default;

  const report = await eventually(async () => {
    const answer = await fetch(
      `${backend.baseUrl}/api/catalog/bitbucket-server/discoveries/default`,
    );
    const discovery = Discovery.parse(await answer.json());
    expect(discovery.status).toBe('succeeded');
    return discovery;
  });
  // The anchor in addition to the found files.
  await backend.waitForEntities('kind=location', FOUND_IN_DEMO + 1);

  const before = await preview();
  expect(before?.against).toMatchObject({ added: [], removed: [], unchanged: 45 });
  expect(report.summary).toMatchObject({
    registered: before?.summary.registered,
    excluded: before?.summary.excluded,
    absent: before?.summary.absent,
    unknown: before?.summary.unknown,
    locations: before?.summary.locations,
    reasons: {
      excluded: before?.summary.reasons.excluded,
      absent: before?.summary.reasons.absent,
      unknown: before?.summary.reasons.unknown,
    },
  });

  bitbucket.writeFile('PAY', 'pay-service-1', 'catalog-info.yaml', 'kind: Component');
  bitbucket.removeFile('PAY', 'pay-service-4', 'catalog-info.yaml');
  bitbucket.renameRepository('SHOP', 'shop-service-4', 'checkout');
  bitbucket.deleteRepository('DATA', 'data-service-4');

  const toTarget = (path: string) =>
    `${bitbucket.baseUrl}/projects/${path}/browse/catalog-info.yaml`;
  expect((await preview())?.against).toMatchObject({
    added: [toTarget('PAY/repos/pay-service-1'), toTarget('SHOP/repos/checkout')],
    removed: [
      toTarget('DATA/repos/data-service-4'),
      toTarget('PAY/repos/pay-service-4'),
      toTarget('SHOP/repos/shop-service-4'),
    ],
    heldBack: [],
    unchanged: 42,
  });
});

it('preview --against includes Locations that were broken from the start, like the report', async () => {
  const world = await createWorld({ schedule: SCHEDULE });
  world.bitbucket.writeFile('SHOP', 'no-file', 'catalog-info.yaml', BROKEN);
  const backend = await world.start(discoveryModule);
  endings.push(() => backend.stop());
  await selectRun(backend);
  // The anchor in addition to the readable files.
  await backend.waitForEntities('kind=location', LOCATIONS + 1);

  const { default: preview } = await previewAgainst(
    backend,
    world.config,
    world.bitbucket,
  );

  expect(preview?.against).toMatchObject({
    knownBy: 'report',
    added: [],
    removed: [],
    unchanged: LOCATIONS + 1,
  });
  await eventually(async () => {
    const { default: now } = await previewAgainst(backend, world.config, world.bitbucket);
    const broken = now?.repositories.find(
      repository => repository.repositorySlug === 'no-file',
    );
    expect(broken?.catalog).toMatchObject({
      entities: [],
      errors: [
        {
          message: expect.stringContaining('YAML error'),
          remedy: expect.stringContaining('Fix the YAML'),
        },
      ],
    });
  });
});

describe('against a catalog that the published module has filled', () => {
  /** More than the few that may always be removed; one of them exists already. */
  const WITHOUT_FILE = 6;

  /** By default it emits a Location for each repository. */
  async function whilePublished<T>(
    world: DropInWorld,
    locations: number,
    work: (backend: TestBackend) => Promise<T>,
  ): Promise<T> {
    const backend = await world.start(peerModule);
    try {
      await backend.waitForEntities('kind=location', locations);
      return await work(backend);
    } finally {
      await backend.stop();
    }
  }

  function toTarget({ bitbucket }: DropInWorld, projectKey: string, slug: string) {
    return `${bitbucket.baseUrl}/projects/${projectKey}/repos/${slug}/browse/catalog-info.yaml`;
  }

  it.each([
    ['holds back', 30, { heldBack: WITHOUT_FILE, removed: 0 }],
    ['removes', 100, { heldBack: 0, removed: WITHOUT_FILE }],
  ])('shows what the first run %s', async (_, maxPercentage, expected) => {
    const world = await createWorld({ schedule: SCHEDULE, removals: { maxPercentage } });
    const slugs = ['none-1', 'none-2', 'none-3', 'none-4', 'none-5'];
    slugs.forEach(slug => world.bitbucket.addRepository({ projectKey: 'PAY', slug }));
    const goes = [
      ...slugs.map(slug => toTarget(world, 'PAY', slug)),
      toTarget(world, 'SHOP', 'no-file'),
    ];
    const previews = await whilePublished(world, LOCATIONS + WITHOUT_FILE, backend =>
      previewAgainst(backend, world.config, world.bitbucket),
    );
    const after = await world.start(discoveryModule);
    endings.push(() => after.stop());

    const { against, summary } = previews.default ?? {};
    expect(against).toMatchObject({
      knownBy: 'entities',
      added: [],
      removed: expected.removed > 0 ? goes : [],
      heldBack: expected.heldBack > 0 ? goes : [],
      unchanged: LOCATIONS,
    });
    const run = await selectRun(after);
    expect(run).toMatchObject(expected);
    expect(summary).toMatchObject(run);
  });

  it('ignores manually registered Locations, and those in their files', async () => {
    const world = await createWorld({ schedule: SCHEDULE });
    const { bitbucket } = world;
    const inFolder = (file: string) =>
      `${toTarget(world, 'PAY', 'api')}`.replace('catalog-info.yaml', file);
    const location =
      'apiVersion: backstage.io/v1alpha1\nkind: Location\nmetadata: { name: more }\nspec: { type: url, target: ./child.yaml }\n';
    bitbucket.writeFile('PAY', 'api', 'parent.yaml', location);
    bitbucket.writeFile('PAY', 'api', 'child.yaml', componentYaml('child', 'a service'));
    const against = await whilePublished(world, LOCATIONS + 1, async backend => {
      const body = JSON.stringify({ type: 'url', target: inFolder('parent.yaml') });
      const headers = { 'Content-Type': 'application/json' };
      const url = `${backend.baseUrl}/api/catalog/locations`;
      expect(await fetch(url, { method: 'POST', headers, body })).toMatchObject({
        status: 201,
      });
      // The registered one, and the one in its file.
      await backend.waitForEntities('kind=location', LOCATIONS + 3);
      return (await previewAgainst(backend, world.config, bitbucket)).default?.against;
    });

    expect(against).toMatchObject({
      added: [],
      removed: [toTarget(world, 'SHOP', 'no-file')],
      unchanged: LOCATIONS,
    });
  });

  it('says that a file that was broken from the start cannot be distinguished from a new one', async () => {
    const world = await createWorld({ schedule: SCHEDULE });
    world.bitbucket.writeFile('SHOP', 'no-file', 'catalog-info.yaml', BROKEN);
    const { stdout } = await whilePublished(world, LOCATIONS, backend =>
      runCommand(['preview', '--against', backend.baseUrl], {
        bitbucket: world.bitbucket,
        appConfig: world.config,
        env: { BACKSTAGE_TOKEN: mockCredentials.user.token() },
      }),
    );

    expect(stdout).toContain('1 would be added, 0 removed, 0 held back, 4 unchanged.');
    expect(stdout).toContain(
      'does not show a Location whose file it could never process: such a Location may already exist',
    );
  });
});

async function createWorld(provider: JsonObject): Promise<DropInWorld> {
  const world = await createDropInWorld({ providers: provider });
  endings.push(() => world.end());
  return world;
}
