/**
 * Writes the API report of each entry point of the package, or with `--check` fails when
 * one differs. Reads the declarations that `tsc` has written.
 */

import { existsSync, readFileSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { Extractor, ExtractorConfig } from '@microsoft/api-extractor';
import ts from 'typescript';

/** Keeps the API small; everything else is internal. */
const MAX_PUBLIC_NAMES = 15;

const root = resolve(import.meta.dirname, '..');
const check = process.argv.includes('--check');

/** The entry points as package.json names them: `.`, `./events` and so on. */
function entryPoints() {
  const { exports } = JSON.parse(readFileSync(resolve(root, 'package.json'), 'utf8'));
  return Object.entries(exports)
    .filter(([, source]) => source.endsWith('.ts'))
    .map(([mount, source]) => ({
      mount,
      declarations: resolve(root, 'dist-types', source.replace(/\.ts$/, '.d.ts')),
      report: mount === '.' ? 'report.api.md' : `report-${basename(mount)}.api.md`,
    }));
}

function updateReport({ declarations, report }) {
  const configObjectFullPath = resolve(root, 'api-extractor.json');
  const configObject = ExtractorConfig.loadFile(configObjectFullPath);
  configObject.mainEntryPointFilePath = declarations;
  configObject.apiReport.reportFileName = report;
  const config = ExtractorConfig.prepare({
    configObject,
    configObjectFullPath,
    packageJsonFullPath: resolve(root, 'package.json'),
  });
  const problems = [];
  const result = Extractor.invoke(config, {
    localBuild: !check,
    messageCallback: message => {
      message.handled = true;
      if (message.logLevel === 'error') {
        const at = message.sourceFilePath
          ? `${message.sourceFilePath}:${message.sourceFileLine} `
          : '';
        problems.push(`${at}${message.messageId}: ${message.text}`);
      }
    },
  });
  if (check && result.apiReportChanged) {
    problems.push(`${report} is not up to date: run \`npm run api-report\``);
  }
  return problems;
}

/** The names that an entry point exports; the feature of a sub-path is identified by its path. */
function publicNames(entries) {
  const program = ts.createProgram(
    entries.map(entry => entry.declarations),
    { moduleResolution: ts.ModuleResolutionKind.Bundler, module: ts.ModuleKind.ESNext },
  );
  const checker = program.getTypeChecker();
  return entries.flatMap(({ mount, declarations }) => {
    const source = program.getSourceFile(declarations);
    const symbol = source && checker.getSymbolAtLocation(source);
    const names = symbol ? checker.getExportsOfModule(symbol).map(s => s.name) : [];
    return mount === '.'
      ? names
      : names.filter(name => name !== 'default').map(name => `${name} (${mount})`);
  });
}

const entries = entryPoints();
const missing = entries.filter(entry => !existsSync(entry.declarations));
const problems =
  missing.length > 0
    ? missing.map(entry => `${entry.declarations} is missing: run \`npm run tsc\``)
    : entries.flatMap(updateReport);
const names = missing.length > 0 ? [] : publicNames(entries);
if (names.length > MAX_PUBLIC_NAMES) {
  problems.push(`more than ${MAX_PUBLIC_NAMES} public names`);
}
for (const problem of problems) {
  console.error(`✗ ${problem}`);
}
console.log(`API: ${names.length} public names: ${names.join(', ')}`);
process.exitCode = problems.length > 0 ? 1 : 0;
