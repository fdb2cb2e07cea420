/**
 * Parses one entry of `catalogPath` and matches entries against the files of a
 * repository. Pure. The configuration reader parses, the run and the preview match.
 */

import { braceExpand, Minimatch, MinimatchOptions, unescape } from 'minimatch';
import { isAddressable } from '../util/text';
import { compilePattern, TextPattern } from './textPattern';
import { CatalogPath } from './types';

/** Linux allows no longer paths (`PATH_MAX`), so no checkout could contain one. */
const MAX_PATH_LENGTH = 4096;

/** Braces multiply: each file of a repository is compared with every one of them. */
const MAX_ALTERNATIVES = 100;

const GLOB_OPTIONS: MinimatchOptions = {
  dot: true,
  nonegate: true,
  nocomment: true,
  magicalBraces: true,
  braceExpandMax: MAX_ALTERNATIVES + 1,
  // The same behaviour wherever Backstage runs.
  platform: 'linux',
};

/** minimatch excludes "." and ".." from wildcards; paths of a repository have no such folders. */
const NO_DOT_FOLDERS = /(?!(?:^|\/)\.\.?(?:$|\/))/.source;

/**
 * Parses a path from the repository root, plain or a glob.
 *
 * @remarks A leading `/` is optional. The path is a glob if any of its characters is special
 * to minimatch: `*`, `?`, `[…]`, `{a,b}`, `+(…)` and the like. A leading `!` or `#` is not
 * special. Everything else, spaces and `#` included, is taken literally, not URL-encoded.
 *
 * @param text - as configured
 * @throws Error with one sentence naming the fault and the remedy; the caller adds the text
 *   itself and its key
 */
export function parseCatalogPath(text: string): CatalogPath {
  const path = text.startsWith('/') ? text.slice(1) : text;
  refuse(findTextFault(path) ?? findBraceFault(path) ?? findFolderFault(path));
  const glob = new Minimatch(path, GLOB_OPTIONS);
  refuse(findUnclosed(glob));
  // `[a]` is a class of one, which minimatch reads as an escape instead of as magic.
  if (!glob.hasMagic() && unescape(path) === path) {
    return { kind: 'plain', path };
  }
  boundTime(glob);
  return { kind: 'glob', pattern: path, matches: file => glob.match(file) };
}

/**
 * Returns the files that any of the paths matches.
 *
 * @param paths - as parsed
 * @param allFiles - paths from the repository root, no leading slash, not encoded
 * @returns each matching file once, sorted by code unit
 */
export function matchCatalogPaths(
  paths: readonly CatalogPath[],
  allFiles: readonly string[],
): string[] {
  const isNamed = (file: string) =>
    paths.some(path => (path.kind === 'plain' ? path.path === file : path.matches(file)));
  return [...new Set(allFiles.filter(isNamed))].sort();
}

function refuse(fault: string | undefined): void {
  if (fault !== undefined) {
    throw new Error(fault);
  }
}

function findTextFault(path: string): string | undefined {
  if (path.trim() === '') {
    return 'it names no file; write a path from the repository root, such as /catalog-info.yaml';
  }
  if (path.length > MAX_PATH_LENGTH) {
    return `it is longer than ${MAX_PATH_LENGTH} characters; shorten it or split it into a list of paths`;
  }
  if (!isAddressable(path)) {
    return 'it contains a control character, such as a line break or a tab, or a part of a character; remove it';
  }
  if (path.includes('\\')) {
    return 'it contains a backslash; separate folders with "/"';
  }
  if (path.startsWith('/') || path.includes('//')) {
    return 'it contains "//"; write a single "/" between folders';
  }
  if (path.endsWith('/')) {
    return 'it ends in "/" and so names a folder; add the name of the file';
  }
  return undefined;
}

function findBraceFault(path: string): string | undefined {
  if (path.split('{').length !== path.split('}').length) {
    return 'it has a "{" without its "}", or the other way round; balance the braces';
  }
  return braceExpand(path, GLOB_OPTIONS).length > MAX_ALTERNATIVES
    ? `its braces stand for more than ${MAX_ALTERNATIVES} paths; use "*" instead`
    : undefined;
}

/** Braces may contain slashes, so the folders are those of the expanded paths. */
function findFolderFault(path: string): string | undefined {
  const folders = braceExpand(path, GLOB_OPTIONS).flatMap(expanded =>
    expanded.split('/'),
  );
  const fault = folders.find(folder => folder === '.' || folder === '..');
  return fault === undefined
    ? undefined
    : `it contains the folder "${fault}"; write the path from the repository root`;
}

/** minimatch silently takes an unclosed bracket literally, and `[z-a]` for nothing. */
function findUnclosed({ set }: Minimatch): string | undefined {
  const isUnclosed = set.flat().some(part => {
    if (!(part instanceof RegExp)) {
      return typeof part === 'string' && /[[\]]|[?*+@!]\(/.test(part);
    }
    const withoutClasses = part.source.replace(/(\\.)|\[(?:\\.|[^\\\]])*\]/g, '$1');
    return part.source === '^$.$' || /\\[[\]]/.test(withoutClasses);
  });
  return isUnclosed
    ? 'it has a "[", a "]" or a pattern list such as "+(" without its other half in the same folder or file name, or a range such as [z-a]; balance the brackets, or write "?" for the character itself'
    : undefined;
}

/**
 * Ensures that matching a name of a path takes time linear in its length.
 *
 * @throws Error with one sentence naming the fault and the remedy
 */
function boundTime({ set }: Minimatch): void {
  // Parts with their own `test` do not use the regular expression.
  for (const part of set.flat().filter(candidate => candidate instanceof RegExp)) {
    if (!Object.hasOwn(part, 'test')) {
      part.test = compilePart(part).test;
    }
  }
}

function compilePart({ source, flags }: RegExp): TextPattern {
  try {
    return compilePattern(source.replaceAll(NO_DOT_FOLDERS, ''), flags);
  } catch {
    throw new Error(
      'beside its "!(…)" it repeats so much that a single file name could take minutes; leave "!(…)" out, or write a list of simpler paths',
    );
  }
}
