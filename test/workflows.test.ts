/** The commands of the workflows and of the pages for contributors exist. */

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { readManifest, ROOT } from './__testUtils__/readmeText';

const Workflow = z.object({
  jobs: z.record(
    z.string(),
    z.object({
      strategy: z
        .object({ matrix: z.object({ node: z.array(z.number()).optional() }) })
        .optional(),
      steps: z.array(
        z.object({ run: z.string().optional(), uses: z.string().optional() }),
      ),
    }),
  ),
});

const WORKFLOWS = path.join('.github', 'workflows');
const read = (file: string) => readFileSync(path.join(ROOT, file), 'utf8');
const files = readdirSync(path.join(ROOT, WORKFLOWS)).map(name =>
  path.join(WORKFLOWS, name),
);
const jobs = files.flatMap(file => Object.values(Workflow.parse(parse(read(file))).jobs));
const steps = jobs.flatMap(job => job.steps);

describe('the workflows', () => {
  it('run on the oldest Node.js that the package supports, and on later ones', () => {
    const versions = jobs.flatMap(({ strategy }) => strategy?.matrix.node ?? []);
    expect(`>=${Math.min(...versions)}`).toBe(readManifest().engines.node);
    expect(versions.length).toBeGreaterThan(1);
  });

  it('name the version of each action', () => {
    const actions = steps.flatMap(({ uses }) => uses ?? []);
    expect(actions.length).toBeGreaterThan(0);
    expect(actions.filter(action => !/@(v\d+|[0-9a-f]{40})$/.test(action))).toEqual([]);
  });

  it('run only files of the repository that exist', () => {
    const commands = steps.flatMap(({ run }) => /^\.\S+/.exec(run ?? '') ?? []);
    expect(commands).toContain('.ci/run');
    expect(commands.filter(file => !existsSync(path.join(ROOT, file)))).toEqual([]);
  });
});

it.each([...files, '.ci/run', 'CONTRIBUTING.md', 'RELEASING.md'])(
  'the npm scripts that %s names exist',
  file => {
    const named = [...read(file).matchAll(/\bnpm run ([\w:-]+)/g)].map(
      ([, script = '']) => script,
    );
    const { scripts } = readManifest();
    expect(named.filter(script => !(script in scripts))).toEqual([]);
  },
);
