/**
 * Regular expressions of the configuration, matched in a time that grows with the text and
 * not with the ways to read it. Slugs and paths are chosen by anyone who may create a
 * repository, and with JavaScript's own engine one slug of 40 characters can hold up the
 * whole backend for minutes (`^([a-z0-9]+-?)+$`).
 *
 * The syntax and meaning are JavaScript's. What RE2 can express is matched by RE2, which
 * is linear: everything but look-around and back references, and look-ahead right behind
 * `^` too, as a pattern of its own. The rest is matched by JavaScript where its shape leaves
 * few ways to read a text, and refused where it does not. Patterns are for keys, slugs and
 * file names: beyond ASCII, RE2 sees characters where JavaScript sees halves of them.
 */

import { AST, RegExpParser } from '@eslint-community/regexpp';
import { RE2JS } from 're2js';

/** Tells whether a text has something in it; a `RegExp` is one. */
export interface TextPattern {
  /** As configured. */
  readonly source: string;
  test(text: string): boolean;
}

/** Each of them may stop at any place of the text: 128 characters give 350,000 ways to read it. */
const MAX_REPETITIONS = 3;

const TOO_MANY_WAYS =
  'it repeats so much beside look-around or a back reference that a single name could take minutes; have look-ahead right behind "^" only, or make it simpler';

/**
 * Compiles a regular expression.
 *
 * @param source - of JavaScript
 * @param flags - none, or `u`
 * @throws SyntaxError for what is no regular expression
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
    const tests = alternatives.map(one => one.elements).map(testOfAlternative);
    return text => tests.some(test => test(text));
  } catch {
    // What RE2 does not know, or repetitions of repetitions that it finds too many.
    return undefined;
  }
}

/** `^(?!a)(?=b)c` matches what `^c` and `^b` match and `^a` does not. */
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
 * In RE2's syntax, which differs from JavaScript's in what is escaped and how.
 *
 * @throws Error for what RE2 cannot express
 */
function toRe2(element: AST.Element): string {
  switch (element.type) {
    case 'Group':
    case 'CapturingGroup':
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
    case 'space':
      return set.negate ? '\\S' : '\\s';
    default:
      return `\\${set.negate ? 'P' : 'p'}{${set.value ?? set.key}}`;
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

/** Whether JavaScript's engine may have too many ways to read a text. */
function canExplode(pattern: AST.Pattern): boolean {
  const repetitions = repetitionsIn(pattern);
  const variable = repetitions.filter(({ min, max }) => max > min);
  return (
    variable.length > MAX_REPETITIONS ||
    repetitions.some(({ element }) => isAmbiguous(element))
  );
}

/** What may match several times, wherever it stands. */
function repetitionsIn(node: AST.Pattern | AST.Element): AST.Quantifier[] {
  const below = getChildren(node).flatMap(repetitionsIn);
  return node.type === 'Quantifier' && node.max > 1 ? [node, ...below] : below;
}

/**
 * Whether there may be several ways to match one and the same text: repeated, each repetition
 * doubles them. Nothing is tried again within a look-around.
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
  return 'alternatives' in node ? node.alternatives.flatMap(one => one.elements) : [];
}

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
    : elements.map(getTexts).reduce((heads, tails) => {
        const count = (heads?.length ?? 0) * (tails?.length ?? 0);
        return count <= MAX_KEYS && tails
          ? heads?.flatMap(head => tails.map(tail => head + tail))
          : undefined;
      });
}

function getTexts(element: AST.Element): Texts {
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
