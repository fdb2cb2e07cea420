import fc from 'fast-check';
import { literalProjectKeys } from './textPattern';

/** `K000` to `K999` */
const KEYS_1000 = Array.from(
  { length: 1000 },
  (_, index) => `K${String(index).padStart(3, '0')}`,
);

describe('literalProjectKeys', () => {
  it.each<[string, string[]]>([
    ['^PAY$', ['PAY']],
    ['^~jdoe$', ['~jdoe']],
    ['^(PAY|OPS)$', ['PAY', 'OPS']],
    ['^(?:PAY|OPS)$', ['PAY', 'OPS']],
    ['^PAY$|^OPS$', ['PAY', 'OPS']],
    ['^PAY$|^(OPS|~jdoe)$', ['PAY', 'OPS', '~jdoe']],
    ['^(PAY)$', ['PAY']],
    ['^TEAM_(A|B)$', ['TEAM_A', 'TEAM_B']],
    ['^(A|B)(1|2)$', ['A1', 'A2', 'B1', 'B2']],
    ['^((A|B)C|D)$', ['AC', 'BC', 'D']],
    ['^A\\.B$', ['A.B']],
    ['^PA\\Y$', ['PAY']],
    ['^(?<key>PAY|OPS)$', ['PAY', 'OPS']],
    ['^PAY\\-X$', ['PAY-X']],
    ['^PAY-X$', ['PAY-X']],
    ['^(PAY|OPS|PAY)$', ['PAY', 'OPS']],
  ])('lists the keys of %s', (source, keys) => {
    expect(literalProjectKeys(new RegExp(source))).toEqual(keys);
  });

  it.each([
    ['no pattern', undefined],
    ['a pattern without anchors', /PAY/],
    ['a pattern without its end', /^PAY/],
    ['a pattern without its start', /PAY$/],
    ['alternatives that share one pair of anchors', /^PAY|OPS$/],
    ['one alternative without anchors', /^PAY$|OPS/],
    ['a class', /^PA[YX]$/],
    ['an escaped class', /^PAY\d$/],
    ['any character', /^PA.$/],
    ['an optional character', /^PAYS?$/],
    ['a repeated character', /^PAY+$/],
    ['a starred group', /^(PAY|OPS)*$/],
    ['a counted group', /^(PAY){2}$/],
    ['a look-ahead', /^(?=P)PAY$/],
    ['a negative look-ahead', /^(?!OPS)PAY$/],
    ['a look-behind', /^(?<=P)PAY$/],
    ['a back reference', /^(A)\1$/],
    ['a word boundary', /^PAY\b$/],
    ['a word boundary at its start', /\bPAY$/],
    ['a word boundary at its end', /^PAY\b/],
    ['an empty alternative', /^(PAY|)$/],
    ['an empty key', /^$/],
    ['an empty group', /^PAY()$/],
    ['an empty pattern', new RegExp('')],
    ['anchors within a group', /(^PAY$)/],
    ['a trailing alternative that is empty', /^PAY$|/],
    ['a pattern that goes on after its end', /^PAY$X/],
    ['more keys than are worth listing', new RegExp(`^${'(A|B|C|D)'.repeat(6)}$`)],
    ['more keys than memory holds', new RegExp(`^${'(A|B|C|D)'.repeat(60)}$`)],
    [
      '1001 alternatives',
      new RegExp(KEYS_1000.map(key => `^${key}$`).join('|') + '|^X$'),
    ],
    ['1001 alternatives in a group', new RegExp(`^(${KEYS_1000.join('|')}|X)$`)],
  ])('returns no list for %s', (_, pattern) => {
    expect(literalProjectKeys(pattern)).toBeUndefined();
  });

  it('lists up to 1000 keys, as alternatives and as combinations', () => {
    const digit = '(0|1|2|3|4|5|6|7|8|9)';
    const alternatives = new RegExp(`^(${KEYS_1000.join('|')})$`);
    expect(literalProjectKeys(alternatives)).toEqual(KEYS_1000);
    const combinations = new RegExp(`^K${digit.repeat(3)}$`);
    expect(literalProjectKeys(combinations)).toEqual(KEYS_1000);
  });

  /** Sources near the limit of the supported syntax, so that both results occur. */
  const source = fc
    .array(
      fc.constantFrom(
        ...[
          '^',
          '$',
          '|',
          '(',
          ')',
          '(?:',
          '?',
          '*',
          '.',
          '[AB]',
          '{2}',
          '^(',
          ')$',
          '$|^',
        ],
        ...[
          'A',
          'B',
          'PAY',
          '~',
          '-',
          '_',
          '\\.',
          '\\-',
          '\\d',
          '\\b',
          '\\u0041',
          '\\x41',
        ],
      ),
      { maxLength: 9 },
    )
    .map(parts => parts.join(''));
  const anchored = source.map(text => `^${text}$`);
  const grouped = source.map(text => `^(${text})$`);

  function compile(text: string): RegExp | undefined {
    try {
      return new RegExp(text);
    } catch {
      return undefined;
    }
  }

  it('never lists a key the pattern does not match, nor misses one it matches', () => {
    const mutation = fc.tuple(
      fc.nat(12),
      fc.nat(1),
      fc.constantFrom('', 'A', 'B', 'P', '.', '-', '~', '1', '\n', 'a'),
    );
    let lists = 0;
    fc.assert(
      fc.property(
        fc.oneof(source, anchored, grouped),
        mutation,
        (text, [at, cut, put]) => {
          const pattern = compile(text);
          const keys = literalProjectKeys(pattern);
          if (pattern === undefined || keys === undefined) {
            return;
          }
          lists += 1;
          expect(keys.length).toBeGreaterThan(0);
          for (const key of keys) {
            expect(pattern.test(key)).toBe(true);
            const mutated = key.slice(0, at) + put + key.slice(at + cut);
            expect(pattern.test(mutated)).toBe(keys.includes(mutated));
          }
        },
      ),
      { numRuns: 20_000 },
    );
    expect(lists).toBeGreaterThan(100);
  });

  it('lists any keys that were escaped and joined', () => {
    const key = fc.stringMatching(/^[A-Z~][A-Z0-9_.+$^()[\]{}|*?\\~-]{0,8}$/);
    const escape = (text: string) => text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
    fc.assert(
      fc.property(fc.uniqueArray(key, { minLength: 1, maxLength: 5 }), keys => {
        const pattern = new RegExp(`^(${keys.map(escape).join('|')})$`);
        expect(literalProjectKeys(pattern)).toEqual(keys);
      }),
    );
  });
});
