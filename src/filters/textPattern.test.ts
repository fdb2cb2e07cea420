import fc from 'fast-check';
import { compilePattern } from './textPattern';

/** As long as Bitbucket's longest slug. */
const LONGEST = 128;

describe('compilePattern', () => {
  /** JavaScript's own engine would never finish with any of these. */
  it.each([
    '^([a-z0-9]+-?)+$',
    '(a+)+$',
    '^(a|a)*$',
    '^(a|aa)+$',
    '^(\\w|[a-z])+$',
    '^(.*)*x$',
    '(x+x+)+y',
    '(a?){40}a{40}$',
    '(.*a){20}-',
    '^(?!sandbox-)([a-z0-9]+-?)+$',
    '^(?=([a-z]+-?)+$)',
    '^(?!x)(a+)+$|^(a|aa)+$',
    '.*a.*a.*a.*a.*a.*a.*a.*b',
    '^\\b([a-z0-9]+-?)+$',
    '^((\\d|\\D)+-?)+x$',
  ])('finishes quickly with %s', source => {
    const pattern = compilePattern(source);
    const slug = `${'a'.repeat(LONGEST)}!`;
    expect(pattern.test(slug)).toBe(false);
    expect(pattern.source).toBe(source);
  });

  it.each([
    ['look-ahead that is not at the start', '^x?(?!y)([a-z0-9]+-?)+$'],
    ['look-behind', '([a-z0-9]+-?)+(?<!b)$'],
    ['a repetition within look-behind', '(?<!([a-z]+-?)+)x'],
    ['a back reference', '^(a+)+\\1$'],
    ['a choice that is repeated', '^x?(?!y)(a|b|ab)+$'],
    ['a repetition that is repeated so many times', '^x?(?!y)(.*a){20}$'],
    ['many repetitions', '(?<!b).*a.*a.*a.*a'],
    ['many repetitions in optional parts', '(?<!b)(?:a+b+)?(?:c+d+)?'],
    ['more repetitions than RE2 counts', '^([a-z]{1,100}-?){1,100}$'],
  ])('refuses a pattern that could take minutes because of %s', (_, source) => {
    expect(() => compilePattern(source)).toThrow('a single name could take minutes');
  });

  it.each([
    ['three repetitions', '^(?:a+)b+c+(?<!x)$', 'abc'],
    ['any number of fixed repetitions', '^(a)\\1a{2}b{2}c{2}d{2}$', 'aaaabbccdd'],
    ['any number of optional parts', '^(a)\\1b?c?d?e?f?$', 'aaf'],
    ['a repeated part of fixed length', '^(?:a{2}b)+(?<!x)$', 'aab'],
  ])('accepts %s beside look-behind or a back reference', (_, source, text) => {
    expect(compilePattern(source).test(text)).toBe(true);
  });

  it('refuses nothing for look-around in which characters repeat', () => {
    expect(compilePattern('^(?:x(?!a+b))+y(?<!z)$').test('xxy')).toBe(true);
  });

  it.each<[string, string[], string[]]>([
    ['PAY', ['PAY', 'PAYMENTS', 'XPAYX'], ['pay', '']],
    ['^(PAY|OPS)$', ['PAY', 'OPS'], ['PAYS', 'XOPS']],
    ['-service$', ['a-service'], ['a-service-b']],
    ['^(?!sandbox-|.*-test$)[a-z-]+$', ['a-b'], ['sandbox-a', 'a-test', 'A']],
    ['^(?=.*api)(?=.*v2)', ['v2-api', 'api-v2'], ['api-v1']],
    ['^((?!test|demo).)*$', ['a-b'], ['a-test', 'demo']],
    ['service(?!-old)', ['service', 'service-new'], ['service-old']],
    ['(?<!-)service', ['service', 'aservice'], ['a-service']],
    ['^(\\w+)-\\1$', ['a-a', 'ab-ab'], ['a-b']],
    ['^[^]a[]?$', ['xa', '-a'], ['a']],
    ['^[\\]x-]+$', [']', 'x-]'], ['']],
    ['^\\A\\z\\Q\\p{2}$', ['AzQpp'], ['', 'AzQp']],
    ['\\bapi\\b', ['my-api-v2'], ['myapi']],
    ['^\\d{2,}\\D\\W\\S$', ['12a-b', '12a b'], ['1a-b', '12a- ']],
    ['(?<team>a|b)-x', ['a-x', 'b-x'], ['c-x']],
    ['^a{,2}$', ['a{,2}'], ['aa']],
    ['api(?=-v2)', ['api-v2', 'my-api-v2'], ['api-v1', 'v2-api']],
    ['\\b(?=api)a', ['my-api'], ['myapi', 'a-pi']],
    ['^a\\B', ['ab'], ['a', 'a-b']],
    ['^a\\sb$', ['a b', 'a\tb', 'a\vb', 'a\u00a0b', 'a\ufeffb'], ['ab', 'a-b']],
    ['^a[\\s-]b$', ['a b', 'a\vb', 'a-b'], ['ab', 'axb']],
    ['^a\\Sb$', ['a-b'], ['a b', 'a\vb', 'a\u00a0b']],
    ['', ['', 'a'], []],
  ])('interprets %s like JavaScript', (source, matching, others) => {
    const pattern = compilePattern(source);
    for (const text of [...matching, ...others]) {
      expect([text, pattern.test(text)]).toEqual([text, new RegExp(source).test(text)]);
    }
    expect(matching.filter(text => !pattern.test(text))).toEqual([]);
    expect(others.filter(text => pattern.test(text))).toEqual([]);
  });

  it.each([
    ['^\\p{Lu}\\P{Lu}$', ['Äx', 'A1'], ['xA', 'AÄ']],
    ['^\\p{Script=Greek}[\\p{L}_]$', ['αa', 'α_'], ['aα', 'α1']],
  ])('interprets %s like JavaScript with the flag u', (source, matching, others) => {
    const pattern = compilePattern(source, 'u');
    expect(matching.filter(text => !pattern.test(text))).toEqual([]);
    expect(others.filter(text => pattern.test(text))).toEqual([]);
  });

  it('matches the same texts as JavaScript with every pattern that it accepts', () => {
    const atom = fc.constantFrom(
      ...[
        'a',
        'b',
        '-',
        '.',
        '[ab]',
        '[^a]',
        '[a-b-]',
        '\\w',
        '\\d',
        '\\W',
        '\\.',
        '\\-',
      ],
      ...[
        '(a|b)',
        '(?:ab|a)',
        '(a|)',
        '(b*)',
        '[]',
        '[^]',
        '\\x61',
        '\\u0062',
        '^',
        '$',
        '\\b',
      ],
      ...['(?!b)', '(?=a|-)', '(?<!a)', '(a)\\1', '|'],
    );
    const times = fc.constantFrom('', '', '', '*', '+', '?', '{2}', '{1,2}', '*?', '+?');
    const source = fc
      .array(fc.tuple(atom, times), { maxLength: 6 })
      .map(parts => parts.map(([char, often]) => char + often).join(''));
    const sources = fc.oneof(
      source,
      source
        .map(condition => `^(?!${condition})`)
        .chain(start => source.map(rest => start + rest)),
    );
    const text = fc.string({
      unit: fc.constantFrom('a', 'b', '-', '.', '1'),
      maxLength: 7,
    });
    let compared = 0;
    fc.assert(
      fc.property(sources, text, (generated, subject) => {
        let pattern;
        try {
          pattern = compilePattern(generated);
        } catch {
          // Not valid, or refused.
          return;
        }
        compared += 1;
        expect(pattern.test(subject)).toBe(new RegExp(generated).test(subject));
      }),
      { numRuns: 3000 },
    );
    expect(compared).toBeGreaterThan(1000);
  });
});
