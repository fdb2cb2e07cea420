/**
 * Compiles the code of the measured processes: as in production, they then contain no compiler,
 * whose memory would count as that of the modules.
 */

import { mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { transformFileSync } from '@swc/core';

const ROOT = join(__dirname, '..');
const OUTPUT = join(ROOT, 'temp', 'bench');
const FOLDERS = ['bench', 'src'];

let isCompiled = false;

/** Compiles once per benchmark. @returns the folder that corresponds to the one of this file */
export function compileSubjects(): string {
  if (!isCompiled) {
    rmSync(OUTPUT, { recursive: true, force: true });
    FOLDERS.forEach(compileFolder);
    symlinkSync(join(ROOT, 'migrations'), join(OUTPUT, 'migrations'));
    isCompiled = true;
  }
  return join(OUTPUT, 'bench');
}

function compileFolder(folder: string): void {
  const files = readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' });
  for (const file of files) {
    if (!file.endsWith('.ts') || file.endsWith('.test.ts')) {
      continue;
    }
    const { code } = transformFileSync(join(ROOT, folder, file), {
      jsc: { parser: { syntax: 'typescript' }, target: 'es2022' },
      module: { type: 'commonjs', ignoreDynamic: true },
    });
    const output = join(OUTPUT, folder, file.replace(/\.ts$/, '.js'));
    mkdirSync(dirname(output), { recursive: true });
    writeFileSync(output, code);
  }
}
