/**
 * Matches the regular expressions of the configuration in a time that grows with the length of
 * the text, not with the number of ways to match it. Anyone who may create a repository chooses
 * its slug and paths, and in JavaScript's own engine a slug of 40 characters can block the
 * whole backend for minutes (`^([a-z0-9]+-?)+$`).
 *
 * Syntax and meaning are JavaScript's. RE2, which is linear, matches what it can express:
 * everything but look-around and back references, and also look-ahead directly after `^`, as a
 * separate pattern. JavaScript matches other patterns where their structure allows only a few
 * ways to match a text; the rest is refused. Patterns are for keys, slugs and file names:
 * beyond ASCII, RE2 sees characters where JavaScript sees surrogate halves.
 */

import { AST, RegExpParser } from '@eslint-community/regexpp';
import { RE2JS } from 're2js';

/** A pattern to test texts with, such as a `RegExp`. */
export interface TextPattern {
  /** As configured. */
  readonly source: string;
  test(text: string): boolean;
}

/** Each repetition may stop anywhere in the text: 128 characters allow 350,000 ways to match. */
const MAX_REPETITIONS = 3;

const TOO_MANY_WAYS =
  'it repeats so much beside look-around or a back reference that a single name could take minutes; use look-ahead directly after "^" only, or simplify it';

/**
 * Compiles a regular expression.
 *
 * @param source - in JavaScript's syntax
 * @param flags - none, or `u`
 * @throws SyntaxError where the source is not a regular expression
 * @throws Error with one sentence naming the fault and the remedy, without the pattern
 */
export function compilePattern(source: string, flags = ''): TextPattern {
  const compiled = new RegExp(source, flags);
  const pattern = new RegExpParser().parsePattern(source, undefined, undefined, {
    unicode: compiled.unicode,
  });
  const linear = toLinearTest(pattern);
  if (!linear && canExplode(pattern)) {
    throw new Error(TOO_MANY_WAYS);
  }
  return { source, test: linear ?? (text => compiled.test(text)) };
}

type Test = (text: string) => boolean;

/** @returns `undefined` where RE2 cannot express it */
function toLinearTest({ alternatives }: AST.Pattern): Test | undefined {
  try {
    const tests = alternatives.map(({ elements }) => elements).map(testOfAlternative);
    return text => tests.some(test => test(text));
  } catch {
    // Syntax that RE2 does not have, or more nested repetitions than it allows.
    return undefined;
  }
}

/** `^(?!a)(?=b)c` matches the texts that `^c` and `^b` match and `^a` does not. */
function testOfAlternative([first, ...others]: readonly AST.Element[]): Test {
  const conditions: AST.LookaheadAssertion[] = [];
  const rest = [...others];
  if (first?.type === 'Assertion' && first.kind === 'start') {
    for (let next = rest[0]; isLookahead(next); next = rest[0]) {
      conditions.push(next);
      rest.shift();
    }
  }
  const main = RE2JS.compile(toRe2Sequence(first ? [first, ...rest] : rest));
  const tests = conditions.map(({ alternatives, negate }) => ({
    condition: RE2JS.compile(`\\A(?:${toRe2Alternatives(alternatives)})`),
    negate,
  }));
  return text =>
    main.test(text) &&
    tests.every(({ condition, negate }) => condition.test(text) !== negate);
}

function isLookahead(
  element: AST.Element | undefined,
): element is AST.LookaheadAssertion {
  return element?.type === 'Assertion' && element.kind === 'lookahead';
}

function toRe2Alternatives(alternatives: readonly AST.Alternative[]): string {
  return alternatives.map(({ elements }) => toRe2Sequence(elements)).join('|');
}

function toRe2Sequence(elements: readonly AST.Element[]): string {
  return elements.map(toRe2).join('');
}

/**
 * Converts an element to RE2's syntax, which differs from JavaScript's in its escapes.
 *
 * @throws Error for an element that RE2 cannot express
 */
function toRe2(element: AST.Element): string {
  switch (element.type) {
    case 'Group':
    case 'CapturingGroup':
      // Stryker disable next-line all: Node.js 20 refuses modifiers itself.
      if (element.type === 'Group' && element.modifiers) {
        throw new Error('modifiers');
      }
      return `(?:${toRe2Alternatives(element.alternatives)})`;
    case 'Quantifier': {
      const { min, max, element: repeated } = element;
      return `(?:${toRe2(repeated)}){${min},${max === Infinity ? '' : max}}`;
    }
    case 'Assertion':
      return toRe2Assertion(element);
    case 'Character':
      return toRe2Character(element);
    case 'CharacterSet':
      return toRe2Set(element);
    case 'CharacterClass':
      return toRe2Class(element);
    default:
      throw new Error(element.type);
  }
}

function toRe2Assertion(assertion: AST.Assertion): string {
  switch (assertion.kind) {
    case 'start':
      return '\\A';
    case 'end':
      return '\\z';
    case 'word':
      return assertion.negate ? '\\B' : '\\b';
    default:
      throw new Error(assertion.kind);
  }
}

function toRe2Character({ value }: AST.Character): string {
  return `\\x{${value.toString(16)}}`;
}

function toRe2Set(set: AST.CharacterSet): string {
  switch (set.kind) {
    case 'any':
      return '[^\\n\\r\\x{2028}\\x{2029}]';
    case 'digit':
      return set.negate ? '\\D' : '\\d';
    case 'word':
      return set.negate ? '\\W' : '\\w';
    case 'property':
      return `\\${set.negate ? 'P' : 'p'}{${set.value ?? set.key}}`;
    default:
      // RE2's spaces are fewer.
      throw new Error(set.kind);
  }
}

function toRe2Class({ negate, elements }: AST.CharacterClass): string {
  const EVERY = '\\x{0}-\\x{10ffff}';
  if (elements.length === 0) {
    return negate ? `[${EVERY}]` : `[^${EVERY}]`;
  }
  const parts = elements.map(part => {
    switch (part.type) {
      case 'Character':
        return toRe2Character(part);
      case 'CharacterClassRange':
        return `${toRe2Character(part.min)}-${toRe2Character(part.max)}`;
      case 'CharacterSet':
        return toRe2Set(part);
      default:
        throw new Error(part.type);
    }
  });
  return `[${negate ? '^' : ''}${parts.join('')}]`;
}

/** Whether JavaScript's engine may have too many ways to match a text. */
function canExplode(pattern: AST.Pattern): boolean {
  const repetitions = repetitionsIn(pattern);
  const variable = repetitions.filter(({ min, max }) => max > min);
  return (
    variable.length > MAX_REPETITIONS ||
    repetitions.some(({ element }) => isAmbiguous(element))
  );
}

/** Returns every element that may match several times, at any depth. */
function repetitionsIn(node: AST.Pattern | AST.Element): AST.Quantifier[] {
  const below = getChildren(node).flatMap(repetitionsIn);
  return node.type === 'Quantifier' && node.max > 1 ? [node, ...below] : below;
}

/**
 * Whether there may be several ways to match the same text: within a repetition, each pass
 * multiplies them. The engine never backtracks into a look-around.
 */
function isAmbiguous(node: AST.Element): boolean {
  if (node.type === 'Assertion') {
    return false;
  }
  const isChoice =
    (node.type === 'Quantifier' && node.max > node.min) ||
    ('alternatives' in node && node.alternatives.length > 1);
  return isChoice || getChildren(node).some(isAmbiguous);
}

function getChildren(node: AST.Pattern | AST.Element): readonly AST.Element[] {
  if (node.type === 'Quantifier') {
    return [node.element];
  }
  return 'alternatives' in node
    ? node.alternatives.flatMap(({ elements }) => elements)
    : [];
}

/** Nested groups multiply; beyond this many keys a listing of everything is cheaper. */
const MAX_KEYS = 1000;

/** The texts that a part of a pattern can match; `undefined` where they are not a finite list. */
type Texts = readonly string[] | undefined;

/**
 * Lists the project keys a pattern can match, where that is a finite list.
 *
 * @remarks Understands characters, groups and alternatives between `^` and `$`, such as
 * `^PAY$`, `^PAY$|^OPS$` and `^(PAY|OPS)$`. Anything else (a missing anchor, a class, a
 * quantifier, a look-around, a back reference, an empty alternative) has no list.
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

/** Without the flag `m` both anchors match only the ends of the key. */
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

/** An empty sequence has no list: an empty text is not a key. */
function textsOfSequence(elements: readonly AST.Element[]): Texts {
  return elements.length === 0
    ? undefined
    : elements
        .map(getTexts)
        .reduce((heads, tails) =>
          heads && tails && heads.length * tails.length <= MAX_KEYS
            ? heads.flatMap(head => tails.map(tail => head + tail))
            : undefined,
        );
}

function getTexts(element: AST.Element): Texts {
  switch (element.type) {
    case 'Character':
      return [String.fromCodePoint(element.value)];
    case 'Group':
    case 'CapturingGroup':
      return union(element.alternatives.map(({ elements }) => textsOfSequence(elements)));
    default:
      return undefined;
  }
}

function union(lists: readonly Texts[]): Texts {
  if (!lists.every(list => list !== undefined)) {
    return undefined;
  }
  const texts = lists.flat();
  return texts.length <= MAX_KEYS ? texts : undefined;
}
