import { createContext, Script } from 'node:vm';
import fc from 'fast-check';
import { FUZZ_RUNS } from '../__testUtils__/hostileData';
import { compilePattern, literalProjectKeys } from './textPattern';

/**
 * Far above the time that a linear pattern takes, and soon reached by any other pattern, which
 * would take years for 128 characters.
 */
const STALLED_AFTER_MS = 20_000;

const guard = createContext({ work: () => {} });
const CALL = new Script('work()');

/**
 * Interrupts work that never ends, also within a regular expression.
 *
 * @throws an error with the code `ERR_SCRIPT_EXECUTION_TIMEOUT`
 */
function unlessStalled(work: () => void, timeout = STALLED_AFTER_MS): void {
  guard.work = work;
  CALL.runInContext(guard, { timeout });
}

/** Nested repetitions, and choices of which several match the same text. */
const { pattern: patterns } = fc.letrec<{ pattern: string; part: string }>(tie => ({
  pattern: fc
    .array(tie('part'), { minLength: 1, maxLength: 4 })
    .map(parts => parts.join('')),
  part: fc.oneof(
    { maxDepth: 4 },
    {
      weight: 8,
      arbitrary: repeated(fc.constantFrom('a', 'b', '-', '.', '[ab]', '\\w')),
    },
    { weight: 1, arbitrary: fc.constantFrom('^', '$', '\\b', '\\1', '|', '[^-]') },
    { weight: 5, arbitrary: repeated(tie('pattern').map(inner => `(${inner})`)) },
    {
      weight: 5,
      arbitrary: repeated(
        fc.tuple(tie('pattern'), tie('pattern')).map(([a, b]) => `(?:${a}|${b})`),
      ),
    },
    {
      weight: 1,
      arbitrary: fc
        .tuple(fc.constantFrom('?=', '?!', '?<=', '?<!'), tie('pattern'))
        .map(([kind, inner]) => `(${kind}${inner})`),
    },
  ),
}));

function repeated(atom: fc.Arbitrary<string>): fc.Arbitrary<string> {
  const times = fc.constantFrom('', '', '+', '*', '?', '+?', '{2,}', '{1,9}', '{40}');
  return fc.tuple(atom, times).map(([char, often]) => char + often);
}

/** As long as Bitbucket's longest slug, and as long paths. */
const texts = fc
  .tuple(
    fc.constantFrom('a', 'ab', 'a-', 'aab'),
    fc.constantFrom(128, 128, 1_000),
    fc.constantFrom('', '!', '-', 'b'),
  )
  .map(([unit, length, end]) => unit.repeat(length).slice(0, length) + end);

it('this suite interrupts a pattern that stalls, so that the next test can fail', () => {
  const slow = /^(a+)+$/;
  const slug = `${'a'.repeat(128)}!`;
  expect(() => unlessStalled(() => slow.test(slug), 50)).toThrow(
    expect.objectContaining({ code: 'ERR_SCRIPT_EXECUTION_TIMEOUT' }),
  );
});

it('compilePattern never stalls with a pattern that it accepts, whatever its repetitions', () => {
  let taken = 0;
  fc.assert(
    fc.property(patterns, texts, (source, text) => {
      unlessStalled(() => {
        try {
          compilePattern(source).test(text);
          taken += 1;
        } catch (error) {
          // A sentence for the operator, or JavaScript's own message for an invalid pattern.
          expect(error).toBeInstanceOf(Error);
          expect(String(error)).toMatch(/SyntaxError|could take minutes/);
        }
      });
    }),
    { numRuns: 2 * FUZZ_RUNS },
  );
  expect(taken).toBeGreaterThan(FUZZ_RUNS / 4);
});

it('literalProjectKeys lists the keys of any accepted pattern, or returns undefined', () => {
  const keys = fc.constantFrom(
    'PAY',
    'OPS',
    'A|B',
    '(A|B)',
    '(?:AB|C)',
    '[AB]',
    'A?',
    '',
  );
  const lists = fc
    .array(keys, { maxLength: 12 })
    .map(parts => `^${parts.map(part => `(${part})`).join('')}$`);
  fc.assert(
    fc.property(fc.oneof(lists, patterns), source => {
      unlessStalled(() => {
        let pattern;
        try {
          pattern = compilePattern(source);
        } catch {
          return;
        }
        const listed = literalProjectKeys(pattern);
        expect(listed?.length ?? 1).toBeGreaterThan(0);
        expect(listed?.length ?? 1).toBeLessThanOrEqual(1000);
        for (const key of listed ?? []) {
          expect(pattern.test(key)).toBe(true);
        }
      });
    }),
    { numRuns: FUZZ_RUNS },
  );
});
