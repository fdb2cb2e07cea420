/**
 * Finds what nothing uses: a name that no other file imports need not be exported, and what
 * only tests import is not needed at all. Types are left alone where their own file names
 * them, as parts of what it does export. Entry points are for others.
 */

import { dirname, join, normalize, relative } from 'node:path';
import { existsSync, readFileSync } from 'node:fs';
import ts from 'typescript';
import { filesBelow, readJson, root } from './lib/files.mjs';

const FOLDERS = ['src', 'test', 'dev', 'bench'];
/** Loaded by others than our own imports. */
const STARTED = ['dev/index.ts', 'dev/cli.ts', 'bench/main.ts'];

const entryPoints = new Set([
  ...Object.values(readJson(join(root, 'package.json')).exports).map(normalize),
  ...STARTED,
]);

function resolve(from, specifier) {
  const path = join(dirname(from), specifier);
  return [`${path}.ts`, join(path, 'index.ts')].find(file =>
    existsSync(join(root, file)),
  );
}

const hasModifier = (node, kind) =>
  ts.canHaveModifiers(node) &&
  (ts.getModifiers(node) ?? []).some(modifier => modifier.kind === kind);

/** @returns what a statement declares */
function declared(statement) {
  const isType =
    ts.isInterfaceDeclaration(statement) || ts.isTypeAliasDeclaration(statement);
  const names = ts.isVariableStatement(statement)
    ? statement.declarationList.declarations.map(one => one.name.getText())
    : [statement.name?.getText()].filter(Boolean);
  return names.map(name => ({ name, isType }));
}

/** How often each name stands in a file. */
function countNames(source) {
  const counts = new Map();
  const visit = node => {
    if (ts.isIdentifier(node)) {
      counts.set(node.text, (counts.get(node.text) ?? 0) + 1);
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return counts;
}

/** What a file exports, and what it takes from which other file; `*` stands for everything. */
function analyze(file) {
  const text = readFileSync(join(root, file), 'utf8');
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  const exported = [];
  const imported = [];
  const take = (specifier, names) => {
    const target = specifier.startsWith('.') && resolve(file, specifier);
    if (target) {
      imported.push(...names.map(name => `${target}#${name}`));
    }
  };
  const namesOf = bindings =>
    bindings && !ts.isNamespaceImport(bindings) && !ts.isNamespaceExport(bindings)
      ? bindings.elements.map(one => (one.propertyName ?? one.name).text)
      : ['*'];
  for (const statement of source.statements) {
    if (ts.isImportDeclaration(statement)) {
      const { importClause, moduleSpecifier } = statement;
      const { name, namedBindings } = importClause ?? {};
      take(moduleSpecifier.text, [
        ...(name ? ['default'] : []),
        ...(namedBindings || !importClause ? namesOf(namedBindings) : []),
      ]);
    } else if (ts.isExportDeclaration(statement) && statement.moduleSpecifier) {
      take(statement.moduleSpecifier.text, namesOf(statement.exportClause));
    } else if (
      hasModifier(statement, ts.SyntaxKind.ExportKeyword) &&
      !hasModifier(statement, ts.SyntaxKind.DefaultKeyword)
    ) {
      exported.push(...declared(statement));
    }
  }
  for (const [, specifier] of text.matchAll(/\b(?:import|require)\(\s*'(\.[^']*)'/g)) {
    take(specifier, ['*']);
  }
  return { file, exported, imported, counts: countNames(source) };
}

const files = FOLDERS.flatMap(folder =>
  filesBelow(join(root, folder)).map(file => join(folder, relative('', file))),
).filter(file => file.endsWith('.ts'));
const analyzed = files.map(analyze);
const isTest = file => /\.test\.ts$|__testUtils__|^test\/|testSupport\.ts$/.test(file);
const importedBy = some => new Set(some.flatMap(one => one.imported));
const anywhere = importedBy(analyzed);
const inProduction = importedBy(analyzed.filter(({ file }) => !isTest(file)));

function problemOf({ file, counts }, { name, isType }) {
  const isImported = imports =>
    imports.has(`${file}#${name}`) || imports.has(`${file}#*`);
  const isUsedHere = counts.get(name) > 1;
  if (!isImported(anywhere) && !(isType && isUsedHere)) {
    return 'nothing imports it';
  }
  const isNeeded = isTest(file) || isUsedHere || isImported(inProduction);
  return isNeeded ? undefined : 'only tests import it';
}

const unused = analyzed
  .filter(({ file }) => !entryPoints.has(file))
  .flatMap(one =>
    one.exported.flatMap(({ name, isType }) => {
      const problem = problemOf(one, { name, isType });
      return problem ? [`${one.file}: ${name} is exported, and ${problem}`] : [];
    }),
  );
for (const one of unused) {
  console.error(`✗ ${one}`);
}
console.log(`Exports: ${files.length} files, ${unused.length} unused`);
process.exitCode = unused.length > 0 ? 1 : 0;
