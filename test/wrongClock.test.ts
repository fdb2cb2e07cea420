/**
 * A backend clock that is wrong for a while, with a real catalog: the database determines the
 * order, so that nothing is trusted longer than it is true.
 */

import { z } from 'zod';
import {
  createSimulatedBitbucket,
  LoggedRequest,
  serve,
  SimulatedBitbucket,
} from '../dev/simulatedBitbucket';
import { componentYaml } from '../dev/seed';
import { WEBHOOK_SECRET } from '../src/__testUtils__/backendApi';
import { createCatalogObserver } from './__testUtils__/catalogObserver';
import { eventually } from '../src/__testUtils__/eventually';
import { startBackend, TestBackend } from '../src/__testUtils__/startBackend';
import {
  appConfigFor,
  EACH_RUN_CHECKS,
  TEST_USER,
} from '../src/__testUtils__/testProvider';
import { systemClock } from '../src/util/clock';

const TASK = 'bitbucketServer-provider:default:refresh';
const FILE = 'catalog-info.yaml';
const REPORT = '/api/catalog/bitbucket-server/discoveries/default';
const HOUR_MS = 3_600_000;
const YEAR_MS = 365 * 24 * HOUR_MS;

const endings: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  jest.restoreAllMocks();
  for (const end of endings.splice(0).reverse()) {
    await end();
  }
});

async function serveBitbucket(...slugs: string[]): Promise<SimulatedBitbucket> {
  const bitbucket = createSimulatedBitbucket({ users: [TEST_USER] });
  slugs.forEach(slug => add(bitbucket, slug));
  const served = await serve(bitbucket);
  endings.push(() => served.close());
  return bitbucket;
}

function add(bitbucket: SimulatedBitbucket, slug: string): void {
  const files = { [FILE]: componentYaml(slug, 'a service') };
  bitbucket.addRepository({ projectKey: 'PAY', slug, files });
}

/** Shifts the clock of the backend by the current result of `aheadMs`. */
function setClockWrong(aheadMs: () => number): void {
  jest.spyOn(systemClock, 'now').mockImplementation(() => Date.now() + aheadMs());
}

interface Catalog extends TestBackend {
  /** Runs discovery, and waits for it. */
  run(): Promise<void>;
}

/** Starts a backend and waits for its first run. */
async function start(bitbucket: SimulatedBitbucket): Promise<Catalog> {
  const observer = createCatalogObserver();
  const backend = await startBackend({
    config: appConfigFor({ bitbucket, config: EACH_RUN_CHECKS }),
    features: [observer.feature],
    webhooks: true,
  });
  endings.push(() => backend.stop());
  await eventually(() => getSummary(backend));
  return { ...backend, run: () => observer.runTask(TASK) };
}

const Report = z.object({
  status: z.literal('succeeded'),
  summary: z.object({ locations: z.number(), heldBack: z.number(), removed: z.number() }),
});

/** The report on the last finished run. */
async function getSummary(backend: TestBackend) {
  const response = await backend.send(REPORT);
  return Report.parse(await response.json()).summary;
}

async function getSlugs(backend: TestBackend): Promise<string[]> {
  const locations = await backend.entities('kind=location,spec.target');
  return locations
    .map(entity => /\/repos\/([^/]+)\//.exec(String(entity.spec?.target))?.[1] ?? '')
    .sort();
}

const isReadByCatalog = ({ path }: LoggedRequest) => path.includes('/raw/');

describe('a run on a clock that was wrong', () => {
  it.each([HOUR_MS, YEAR_MS, -HOUR_MS])(
    'by %i ms delays no addition, removal or rename of the next run',
    async aheadMs => {
      const bitbucket = await serveBitbucket('lost', 'renamed', 'stays');
      setClockWrong(() => aheadMs);
      const catalog = await start(bitbucket);
      await catalog.waitForEntities('kind=component', 3);

      jest.restoreAllMocks();
      bitbucket.removeFile('PAY', 'lost', FILE);
      bitbucket.renameRepository('PAY', 'renamed', 'better');
      add(bitbucket, 'added');
      await catalog.run();

      expect(await getSummary(catalog)).toMatchObject({ locations: 3, heldBack: 0 });
      await eventually(async () =>
        expect(await getSlugs(catalog)).toEqual(['added', 'better', 'stays']),
      );
      // Its results become the known state.
      await catalog.run();
      expect(await getSummary(catalog)).toMatchObject({ locations: 3, removed: 0 });
    },
  );

  it('and corrected during the run, delays neither events nor the next run', async () => {
    const bitbucket = await serveBitbucket('lost', 'renamed', 'stays', 'pushed');
    // The catalog reads the files as soon as the run has emitted them.
    setClockWrong(() => (bitbucket.requests.some(isReadByCatalog) ? 0 : HOUR_MS));
    const catalog = await start(bitbucket);
    await catalog.waitForEntities('kind=component', 4);

    const push = bitbucket.removeFile('PAY', 'pushed', FILE);
    const details = { projectKey: 'PAY', slug: 'pushed', changes: [push] };
    const secret = { secret: WEBHOOK_SECRET };
    const event = bitbucket.webhook('repo:refs_changed', details, secret);
    expect(await catalog.deliver(event)).toBe(202);
    await eventually(async () =>
      expect(await getSlugs(catalog)).toEqual(['lost', 'renamed', 'stays']),
    );

    bitbucket.removeFile('PAY', 'lost', FILE);
    bitbucket.renameRepository('PAY', 'renamed', 'better');
    add(bitbucket, 'added');
    await catalog.run();

    await eventually(async () =>
      expect(await getSlugs(catalog)).toEqual(['added', 'better', 'stays']),
    );
    await catalog.run();
    expect(await getSummary(catalog)).toMatchObject({ locations: 3, removed: 0 });
  });
});

describe('a clock that jumps forward', () => {
  it('confirms no removal that is held back', async () => {
    const bitbucket = await serveBitbucket('a', 'b', 'c');
    const catalog = await start(bitbucket);
    await catalog.waitForEntities('kind=component', 3);
    ['a', 'b', 'c'].forEach(slug => bitbucket.removeFile('PAY', slug, FILE));
    await catalog.run();
    expect(await getSummary(catalog)).toMatchObject({ heldBack: 3, removed: 0 });

    setClockWrong(() => YEAR_MS);
    await catalog.run();
    await catalog.run();

    expect(await getSummary(catalog)).toMatchObject({ heldBack: 3, removed: 0 });
    expect(await getSlugs(catalog)).toEqual(['a', 'b', 'c']);
  });
});
