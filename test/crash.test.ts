import { ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import {
  createSimulatedBitbucket,
  serve,
  SimulatedBitbucket,
} from '../dev/simulatedBitbucket';
import { HELD_TABLE, openCatalogFile } from './__testUtils__/discoveryProcess';
import { eventually } from '../src/__testUtils__/eventually';
import { appConfigFor, TEST_USER } from '../src/__testUtils__/testProvider';

const REPOSITORIES = 700;
/** Enough to store one batch of results, but far from the end. */
const CHECKS_BEFORE_THE_CRASH = 450;

const endings: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const end of endings.splice(0).reverse()) {
    await end();
  }
});

async function serveBitbucket(): Promise<SimulatedBitbucket> {
  const bitbucket = createSimulatedBitbucket({ users: [TEST_USER], latencyMs: 2 });
  for (let index = 0; index < REPOSITORIES; index += 1) {
    const files = { 'catalog-info.yaml': 'kind: Component' };
    bitbucket.addRepository({ projectKey: 'PAY', slug: `r${index}`, files });
  }
  const served = await serve(bitbucket);
  endings.push(() => served.close());
  return bitbucket;
}

async function createFile(): Promise<string> {
  const directory = await mkdtemp(path.join(tmpdir(), 'bitbucket-discovery-'));
  endings.push(() => rm(directory, { recursive: true, force: true }));
  return path.join(directory, 'catalog.sqlite');
}

function startProcess(bitbucket: SimulatedBitbucket, file: string): ChildProcess {
  const child = spawn(
    process.execPath,
    [
      '--require',
      require.resolve('@backstage/cli-node/config/nodeTransform.cjs'),
      path.join(__dirname, '__testUtils__', 'discoveryProcess.ts'),
      JSON.stringify({ file, config: appConfigFor({ bitbucket }) }),
    ],
    { stdio: ['ignore', 'ignore', 'inherit'] },
  );
  endings.push(async () => child.kill('SIGKILL'));
  return child;
}

async function heldBy(file: string): Promise<number> {
  const knex = await openCatalogFile(file);
  try {
    const rows: unknown[] = await knex(HELD_TABLE).where('name', 'like', 'generated-%');
    return rows.length;
  } finally {
    await knex.destroy();
  }
}

const countChecks = (bitbucket: SimulatedBitbucket) =>
  bitbucket.requests.filter(request => request.path.includes('type=true')).length;

describe('a process that is killed in the middle of a run', () => {
  it('leaves its Locations in the catalog, and its successor continues from there', async () => {
    const bitbucket = await serveBitbucket();
    const file = await createFile();
    const first = startProcess(bitbucket, file);
    await eventually(async () =>
      expect(countChecks(bitbucket)).toBeGreaterThanOrEqual(CHECKS_BEFORE_THE_CRASH),
    );

    first.kill('SIGKILL');
    await once(first, 'exit');

    const kept = await heldBy(file);
    expect(kept).toBeGreaterThanOrEqual(200);
    expect(kept).toBeLessThan(REPOSITORIES);
    bitbucket.clearRequests();
    const second = startProcess(bitbucket, file);
    const [exitCode] = await once(second, 'exit');
    expect(exitCode).toBe(0);
    expect(countChecks(bitbucket)).toBeLessThanOrEqual(REPOSITORIES - kept);
    expect(await heldBy(file)).toBe(REPOSITORIES);
  });
});
