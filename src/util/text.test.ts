import fc from 'fast-check';
import {
  formatCount,
  formatPlural,
  isAddressable,
  isStorable,
  listExamples,
  plainText,
  printableJson,
  quote,
  storableText,
} from './text';

describe('a text for terminals', () => {
  it.each([
    ['tab\tstop', 'tab\uFFFDstop'],
    ['\u001B[2Jgone', '\uFFFD[2Jgone'],
    ['C1 \u009B31m', 'C1 \uFFFD31m'],
    ['turned \u202Eround', 'turned \uFFFDround'],
    ['half a pair \uD83D', 'half a pair \uFFFD'],
    ['NUL \0', 'NUL \uFFFD'],
  ])('has characters replaced that a terminal would interpret: %j', (text, plain) => {
    expect(plainText(text)).toBe(plain);
  });

  it.each(['two\nlines', 'Zürich ✓ 日本 😀'])('is not changed: %j', text => {
    expect(plainText(text)).toBe(text);
  });
});

describe('JSON for terminals', () => {
  it('contains nothing that a terminal would interpret, and parses to the same value', () => {
    expect(printableJson('a\u007F\u009B\u202E\u{E0001}ü')).toBe(
      '"a\\u007f\\u009b\\u202e\\udb40\\udc01ü"',
    );
    fc.assert(
      fc.property(fc.jsonValue(), fc.string({ unit: 'binary' }), (value, text) => {
        const json = printableJson({ value, text });
        expect(plainText(json)).toBe(json);
        expect(JSON.stringify(JSON.parse(json))).toBe(JSON.stringify({ value, text }));
      }),
    );
  });
});

describe('a text for an address', () => {
  it.each(['NUL\0', '\u001B[2J', 'a\nb', '\u007F', '\u0085', '\uD83D', '\uDE00x'])(
    'cannot be %j',
    text => {
      expect(isAddressable(text)).toBe(false);
    },
  );

  it.each(['feature/a b#1', 'Zürich ✓ 日本 😀', '👩\u200D💻', ''])('can be %j', text => {
    expect(isAddressable(text)).toBe(true);
    expect(() => encodeURIComponent(text)).not.toThrow();
  });
});

describe('a text for a database', () => {
  it.each([
    ['NUL \0 inside', 'NUL \uFFFD inside'],
    ['half \uD83D of a pair', 'half \uFFFD of a pair'],
    ['the other half \uDE00', 'the other half \uFFFD'],
  ])('has characters replaced that a database refuses: %j', (text, storable) => {
    expect(isStorable(text)).toBe(false);
    expect(storableText(text)).toBe(storable);
  });

  it.each(['tab\tand\nline', '\u001B[2J', 'Zürich ✓ 日本 😀', ''])(
    'is not changed: %j',
    text => {
      expect(isStorable(text)).toBe(true);
      expect(storableText(text)).toBe(text);
    },
  );

  it('is storable afterwards, with the same length', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary' }),
        fc.string({ unit: 'grapheme' }),
        (a, b) => {
          const text = `${a}\uD800${b}\0`;
          const storable = storableText(text);
          expect(isStorable(storable)).toBe(true);
          expect(storable).toHaveLength(text.length);
        },
      ),
    );
  });
});

describe('examples', () => {
  it.each([
    [[], ''],
    [['a'], 'A'],
    [['a', 'b', 'c', 'd', 'e'], 'A; B; C; D; E'],
    [['a', 'b', 'c', 'd', 'e', 'f'], 'A; B; C; D; E; …'],
  ])('of %j are the first few items', (items, listed) => {
    expect(listExamples(items, item => item.toUpperCase())).toBe(listed);
  });

  it('are joined with the given separator', () => {
    expect(listExamples(['a', 'b'], String, ' ')).toBe('a b');
  });
});

describe('a quoted text', () => {
  it('is on one line, without characters that a terminal would interpret', () => {
    expect(quote('  Log in,\r\n\tplease \u001B[2J now \n')).toBe(
      'Log in, please \uFFFD[2J now',
    );
  });

  it.each([
    ['as long as allowed', 'abcde', 'abcde'],
    ['too long', 'abcdef', 'abcde…'],
    ['far too long', 'x'.repeat(1_000_000), 'xxxxx…'],
    ['too long, of pairs', '😀😀😀😀😀😀', '😀😀😀😀😀…'],
    ['followed by nothing but space', `abcde${' '.repeat(1_000)}`, 'abcde'],
    ['full of space', `a${' '.repeat(1_000)}b`, 'a…'],
    ['empty', '', ''],
  ])('is shortened where it is %s', (_, text, quoted) => {
    expect(quote(text, 5)).toBe(quoted);
  });
});

it('counts are formatted in the same way on every machine, with the noun in its number', () => {
  expect(formatCount(1_234_567)).toBe('1,234,567');
  expect(formatPlural(1, 'time')).toBe('1 time');
  expect(formatPlural(1000, 'time')).toBe('1,000 times');
  expect(formatPlural(0, 'retry', 'retries')).toBe('0 retries');
});
