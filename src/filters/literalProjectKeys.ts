/**
 * Recognises project key patterns that can only match a known list of keys, so that a
 * run lists just those projects instead of everything the account can see. Pure. It has
 * to be sound rather than clever: a pattern it does not fully understand is no list.
 */

/** Nested groups multiply; beyond this many keys a listing of everything is cheaper. */
const MOST_KEYS = 1000;

/** Characters that mean something in a pattern, so that they are never themselves. */
const SPECIAL = /[\\^$.*+?()[\]{}|]/;

/** ASCII punctuation, the only characters whose escaped form is surely the character. */
const ESCAPABLE = /[!-/:-@[-`{-~]/;

/** What a part of the pattern can match, and where the rest of it begins. */
interface Parsed {
  readonly texts: readonly string[];
  readonly end: number;
}

type Parser = (source: string, start: number) => Parsed | undefined;

/**
 * Lists the project keys a pattern can match, where that is a finite list.
 *
 * @remarks Understands `^PAY$`, `^PAY$|^OPS$`, `^(PAY|OPS)$`, `^(?:PAY|OPS)$`, groups
 * within such keys and escaped punctuation (`^A\.B$`). Anything else (a missing anchor, a
 * class, a quantifier, a look-around, a back reference, an empty alternative, any flag)
 * is not a list.
 *
 * @param pattern - as compiled from the configuration; `undefined` matches every key
 * @returns the keys in the pattern's order, each once, never empty; `undefined` when the
 *   pattern may match other keys too, or more than 1000
 */
export function literalProjectKeys(pattern: RegExp | undefined): string[] | undefined {
  if (pattern === undefined || pattern.flags !== '') {
    return undefined;
  }
  const parsed = parseAlternatives(pattern.source, 0, parseAnchored);
  if (parsed === undefined || parsed.end !== pattern.source.length) {
    return undefined;
  }
  return [...new Set(parsed.texts)];
}

/** One or more of the same kind, separated by `|`. */
function parseAlternatives(
  source: string,
  start: number,
  parseOne: Parser,
): Parsed | undefined {
  const texts: string[] = [];
  let at = start;
  for (;;) {
    const alternative = parseOne(source, at);
    if (alternative === undefined) {
      return undefined;
    }
    texts.push(...alternative.texts);
    if (texts.length > MOST_KEYS) {
      return undefined;
    }
    if (source[alternative.end] !== '|') {
      return { texts, end: alternative.end };
    }
    at = alternative.end + 1;
  }
}

/** `^…$`. Without the flag `m` both anchors stand for the ends of the key only. */
function parseAnchored(source: string, start: number): Parsed | undefined {
  if (source[start] !== '^') {
    return undefined;
  }
  const body = parseSequence(source, start + 1);
  if (body === undefined || source[body.end] !== '$') {
    return undefined;
  }
  return { texts: body.texts, end: body.end + 1 };
}

/** Characters and groups, at least one of them, up to the first thing that is neither. */
function parseSequence(source: string, start: number): Parsed | undefined {
  let texts: readonly string[] = [''];
  let at = start;
  for (
    let next = parseAtom(source, at);
    next !== undefined;
    next = parseAtom(source, at)
  ) {
    const { texts: tails, end } = next;
    if (texts.length * tails.length > MOST_KEYS) {
      return undefined;
    }
    texts = texts.flatMap(head => tails.map(tail => head + tail));
    at = end;
  }
  return at === start ? undefined : { texts, end: at };
}

function parseAtom(source: string, start: number): Parsed | undefined {
  const character = source[start];
  if (character === undefined) {
    return undefined;
  }
  if (character === '(') {
    return parseGroup(source, start);
  }
  if (character === '\\') {
    const escaped = source[start + 1] ?? '';
    return ESCAPABLE.test(escaped) ? { texts: [escaped], end: start + 2 } : undefined;
  }
  return SPECIAL.test(character) ? undefined : { texts: [character], end: start + 1 };
}

/** `(…)` or `(?:…)`; every other kind starts with `(?` too and fails at the `?`. */
function parseGroup(source: string, start: number): Parsed | undefined {
  const bodyStart = source.startsWith('(?:', start) ? start + 3 : start + 1;
  const body = parseAlternatives(source, bodyStart, parseSequence);
  if (body === undefined || source[body.end] !== ')') {
    return undefined;
  }
  return { texts: body.texts, end: body.end + 1 };
}
