/** The messages of a clone that is not built, or not even installed. */

import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { readManifest, ROOT } from './__testUtils__/readmeText';

describe('a clone without dist/ and node_modules/', () => {
  let clone: string;

  beforeAll(() => {
    clone = mkdtempSync(path.join(tmpdir(), 'unbuilt-'));
    for (const name of ['bin', 'scripts', 'package.json']) {
      cpSync(path.join(ROOT, name), path.join(clone, name), { recursive: true });
    }
  });

  afterAll(() => rmSync(clone, { recursive: true }));

  function run(file: string, ...args: string[]) {
    return spawnSync(process.execPath, [path.join(clone, file), ...args], {
      encoding: 'utf8',
    });
  }

  it('says in one sentence how to build the command line', () => {
    const { status, stderr } = run('bin/bitbucket-server-discovery.js', 'check');

    expect(stderr).toMatch(
      /Run `npm run build` once, or .* `npm run discovery -- check`/,
    );
    expect(stderr.trim().split('\n')).toHaveLength(1);
    expect(status).toBe(1);
  });

  it('refuses to be packed, and names the command to run first', () => {
    const { status, stderr } = run('scripts/prepack.mjs');

    expect(stderr).toMatch(/Nothing is packed\. .* run `npm install` first/);
    expect(stderr.trim().split('\n')).toHaveLength(1);
    expect(status).toBe(1);
  });

  it('runs that check before packing', () => {
    expect(readManifest().scripts.prepack).toMatch(/^node scripts\/prepack\.mjs && /);
  });
});
