/**
 * Recognises project key patterns that can only match a known list of keys, so that a
 * run lists just those projects instead of everything the account can see. Pure.
 */

import { AST, RegExpParser } from '@eslint-community/regexpp';
import { TextPattern } from './textPattern';

/** Nested groups multiply; beyond this many keys a listing of everything is cheaper. */
const MAX_KEYS = 1000;

/** What a part of a pattern can match; `undefined` where that is no list. */
type Texts = readonly string[] | undefined;

/**
 * Lists the project keys a pattern can match, where that is a finite list.
 *
 * @remarks Understands characters, groups and alternatives between `^` and `$`, such as
 * `^PAY$`, `^PAY$|^OPS$` and `^(PAY|OPS)$`. Anything else (a missing anchor, a class, a
 * quantifier, a look-around, a back reference, an empty alternative) is not a list.
 *
 * @param pattern - without flags; `undefined` matches every key
 * @returns the keys in the pattern's order, each once, never empty; `undefined` when the
 *   pattern may match other keys too, or more than 1000
 */
export function literalProjectKeys(
  pattern: Pick<TextPattern, 'source'> | undefined,
): string[] | undefined {
  if (pattern === undefined) {
    return undefined;
  }
  const { alternatives } = new RegExpParser().parsePattern(pattern.source);
  const keys = union(alternatives.map(({ elements }) => textsBetweenAnchors(elements)));
  return keys && [...new Set(keys)];
}

/** Without the flag `m` both anchors stand for the ends of the key only. */
function textsBetweenAnchors(elements: readonly AST.Element[]): Texts {
  const [first] = elements;
  const last = elements.at(-1);
  return first?.type === 'Assertion' &&
    first.kind === 'start' &&
    last?.type === 'Assertion' &&
    last.kind === 'end'
    ? textsOfSequence(elements.slice(1, -1))
    : undefined;
}

/** An empty text is no key, and no part of one that is worth a thought. */
function textsOfSequence(elements: readonly AST.Element[]): Texts {
  return elements.length === 0
    ? undefined
    : elements.map(textsOf).reduce((heads, tails) => {
        const count = (heads?.length ?? 0) * (tails?.length ?? 0);
        return count <= MAX_KEYS && tails
          ? heads?.flatMap(head => tails.map(tail => head + tail))
          : undefined;
      });
}

function textsOf(element: AST.Element): Texts {
  switch (element.type) {
    case 'Character':
      return [String.fromCodePoint(element.value)];
    case 'Group':
    case 'CapturingGroup':
      return union(element.alternatives.map(one => textsOfSequence(one.elements)));
    default:
      return undefined;
  }
}

function union(lists: readonly Texts[]): Texts {
  const texts = lists.flatMap(list => list ?? []);
  const isList = lists.every(list => list !== undefined) && texts.length <= MAX_KEYS;
  return isList ? texts : undefined;
}
