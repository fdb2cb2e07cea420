/** Runs the program as users do: in a separate process, with real sockets and signals. */

import { ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { serve, SimulatedBitbucket } from '../../dev/simulatedBitbucket';
import { eventually } from '../__testUtils__/eventually';
import { appConfigFor, TEST_USER } from '../__testUtils__/testProvider';
import { createDemoBitbucket, DEMO_PROVIDER } from './__testUtils__/demoBitbucket';
import { serveBackstage } from './__testUtils__/fakeBackstage';

const TRANSFORM = require.resolve('@backstage/cli-node/config/nodeTransform.cjs');
const PROGRAM = path.resolve(__dirname, '../../dev/cli.ts');

/** A process that has been started. */
class Program {
  readonly child: ChildProcess;
  stdout = '';
  stderr = '';

  constructor(args: readonly string[], cwd: string, env: NodeJS.ProcessEnv = {}) {
    this.child = spawn(process.execPath, ['--require', TRANSFORM, PROGRAM, ...args], {
      cwd,
      env: { ...process.env, ...env },
    });
    this.child.stdout?.on('data', data => (this.stdout += data));
    this.child.stderr?.on('data', data => (this.stderr += data));
  }

  async exitCode(): Promise<number | null> {
    await once(this.child, 'close');
    return this.child.exitCode;
  }
}

describe('the command line in a separate process', () => {
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'cli-process-test-'));
  });

  afterEach(async () => {
    await rm(folder, { recursive: true });
  });

  async function configureFor(bitbucket: SimulatedBitbucket): Promise<void> {
    const data = appConfigFor({ bitbucket, config: DEMO_PROVIDER });
    await writeFile(path.join(folder, 'app-config.yaml'), JSON.stringify(data));
  }

  it('checks, previews and compares over the network', async () => {
    const bitbucket = createDemoBitbucket();
    await using _ = await serve(bitbucket);
    await using backstage = await serveBackstage({ token: 'secret-backstage-token' });
    await configureFor(bitbucket);

    const check = new Program(['check'], folder);
    expect(await check.exitCode()).toBe(0);
    expect(check.stdout).toContain('Signed in as backstage');

    const preview = new Program(
      ['preview', '--html', 'page.html', '--against', backstage.url],
      folder,
      { BACKSTAGE_TOKEN: 'secret-backstage-token' },
    );
    expect(await preview.exitCode()).toBe(0);
    expect(preview.stdout).toContain(
      '45 would be added, 0 removed, 0 held back, 0 unchanged.',
    );
    expect(await readFile(path.join(folder, 'page.html'), 'utf8')).toContain('<html');
    expect(preview.stdout + preview.stderr).not.toContain('secret-backstage-token');
    expect(preview.stdout + preview.stderr).not.toContain(TEST_USER.password);
    expect(backstage.asked.every(request => request.startsWith('GET '))).toBe(true);
    expect(bitbucket.requests.every(request => request.method === 'GET')).toBe(true);
  });

  it('stops on Ctrl-C, shows the results so far and exits with 1', async () => {
    const bitbucket = createDemoBitbucket();
    await using _ = await serve(bitbucket);
    await configureFor(bitbucket);
    const enough = 40;
    bitbucket.faults.add({ after: enough, effect: 'hang' });

    const preview = new Program(['preview'], folder);
    await eventually(async () => {
      expect(bitbucket.requests.length + bitbucket.inFlight).toBeGreaterThan(enough);
    });
    preview.child.kill('SIGINT');

    expect(await preview.exitCode()).toBe(1);
    expect(preview.stdout).toContain('was stopped before it finished');
    expect(preview.stdout).toMatch(/unknown +not-checked/);
  });

  it('exits with 2 and without a stack trace for wrong usage', async () => {
    const program = new Program(['preview'], folder);

    expect(await program.exitCode()).toBe(2);
    expect(program.stderr).toMatch(/^error: Config file .* does not exist/);
    expect(program.stderr).not.toMatch(/\n +at /);
  });
});
