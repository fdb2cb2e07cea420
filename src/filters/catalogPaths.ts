/**
 * Reads one entry of `catalogPath` and matches such entries against the files of a
 * repository. Pure. The configuration reader parses, the run and the preview match.
 */

import { braceExpand, Minimatch, MinimatchOptions, unescape } from 'minimatch';
import { CatalogPath } from './types';

/** Linux allows no longer path (`PATH_MAX`), so no checkout could hold one. */
const LONGEST_PATH = 4096;

/** Braces multiply: more than this many patterns from one path is a mistake. */
const MOST_ALTERNATIVES = 1000;

const GLOB_OPTIONS: MinimatchOptions = {
  dot: true,
  nonegate: true,
  nocomment: true,
  magicalBraces: true,
  braceExpandMax: MOST_ALTERNATIVES + 1,
  // The same meaning wherever Backstage runs.
  platform: 'linux',
};

// eslint-disable-next-line no-control-regex
const CONTROL_CHARACTER = /[\u0000-\u001f\u007f]/;

/**
 * Reads a path from the repository root, plain or a glob.
 *
 * @remarks A leading `/` is optional. It is a glob as soon as minimatch gives any of its
 * characters a meaning: `*`, `?`, `[…]`, `{a,b}`, `+(…)` and its like. A leading `!` or `#`
 * has none. Everything else, spaces and `#` included, is taken as it is, not URL-encoded.
 *
 * @param text - as configured
 * @throws Error with one sentence naming the fault and the remedy; the text itself and
 *   the key it comes from are the caller's to add
 */
export function parseCatalogPath(text: string): CatalogPath {
  const path = text.startsWith('/') ? text.slice(1) : text;
  const fault = findFault(path);
  if (fault !== undefined) {
    throw new Error(fault);
  }
  const glob = new Minimatch(path, GLOB_OPTIONS);
  // `[a]` is a class of one, which minimatch reads as an escape instead of as magic.
  if (!glob.hasMagic() && unescape(path) === path) {
    return { kind: 'plain', path };
  }
  return { kind: 'glob', pattern: path, matches: file => glob.match(file) };
}

/**
 * Picks the files that any of the paths names.
 *
 * @param paths - as parsed
 * @param allFiles - paths from the repository root, no leading slash, not encoded
 * @returns each matching file once, sorted by code unit
 */
export function matchCatalogPaths(
  paths: readonly CatalogPath[],
  allFiles: readonly string[],
): string[] {
  const plain = new Set(
    paths.flatMap(path => (path.kind === 'plain' ? [path.path] : [])),
  );
  const globs = paths.flatMap(path => (path.kind === 'glob' ? [path] : []));
  const matching = allFiles.filter(
    file => plain.has(file) || globs.some(glob => glob.matches(file)),
  );
  return [...new Set(matching)].sort();
}

function findFault(path: string): string | undefined {
  return findTextFault(path) ?? findBraceFault(path) ?? findSegmentFault(path);
}

function findTextFault(path: string): string | undefined {
  if (path.trim() === '') {
    return 'it names no file; write a path from the repository root, such as /catalog-info.yaml';
  }
  if (path.length > LONGEST_PATH) {
    return `it is longer than ${LONGEST_PATH} characters; shorten it or split it into a list of paths`;
  }
  if (CONTROL_CHARACTER.test(path)) {
    return 'it contains a control character, such as a line break or a tab; remove it';
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
  let depth = 0;
  for (const character of path) {
    if (character === '{') {
      depth += 1;
    } else if (character === '}') {
      depth -= 1;
    }
    if (depth < 0) {
      return 'it has a "}" without its "{"; balance the braces';
    }
  }
  if (depth > 0) {
    return 'it has a "{" without its "}"; balance the braces';
  }
  if (braceExpand(path, GLOB_OPTIONS).length > MOST_ALTERNATIVES) {
    return `its braces stand for more than ${MOST_ALTERNATIVES} paths; use "*" instead`;
  }
  return undefined;
}

/** Braces may hold slashes, so segments are those of the expanded paths. */
function findSegmentFault(path: string): string | undefined {
  for (const expanded of braceExpand(path, GLOB_OPTIONS)) {
    for (const segment of expanded.split('/')) {
      if (segment === '.' || segment === '..') {
        return `it contains the folder "${segment}"; write the path from the repository root`;
      }
      const fault = findBracketFault(segment);
      if (fault !== undefined) {
        return fault;
      }
    }
  }
  return undefined;
}

/**
 * Finds brackets that minimatch would silently take for ordinary characters because
 * their other half is missing. Parentheses mean something only after one of `?*+@!`.
 */
function findBracketFault(segment: string): string | undefined {
  const openGroups: boolean[] = [];
  for (let at = 0; at < segment.length; at += 1) {
    const character = segment[at];
    if (character === '[') {
      const end = endOfClass(segment, at);
      if (end === undefined) {
        return 'it has a "[" without its "]" in the same folder or file name; balance the brackets';
      }
      if (hasReversedRange(segment.slice(at + 1, end))) {
        return 'it has a range in brackets whose ends are the wrong way round; write [a-z], not [z-a]';
      }
      at = end;
    } else if (character === ']') {
      return 'it has a "]" without its "["; balance the brackets, or write "?" for the character itself';
    } else if (character === '(') {
      openGroups.push(at > 0 && '?*+@!'.includes(segment[at - 1] ?? ' '));
    } else if (character === ')') {
      openGroups.pop();
    }
  }
  return openGroups.includes(true)
    ? 'it has a pattern list such as "+(" without its ")"; balance the parentheses'
    : undefined;
}

/** A `]` right after the opening, or within `[:…:]`, does not close the class. */
function endOfClass(segment: string, start: number): number | undefined {
  let at = start + 1;
  if (segment[at] === '!' || segment[at] === '^') {
    at += 1;
  }
  for (let first = true; at < segment.length; at += 1, first = false) {
    const namedEnd = segment.startsWith('[:', at) ? segment.indexOf(':]', at + 2) : -1;
    if (namedEnd !== -1) {
      at = namedEnd + 1;
    } else if (segment[at] === ']' && !first) {
      return at;
    }
  }
  return undefined;
}

function hasReversedRange(characters: string): boolean {
  for (const [, from = '', to = ''] of characters.matchAll(/([^\]])-(.)/g)) {
    if (from > to) {
      return true;
    }
  }
  return false;
}
