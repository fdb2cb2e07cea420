/** What is redacted, in which encodings, and what is not changed. */

import { getBitbucketServerRequestOptions } from '@backstage/integration';
import fc from 'fast-check';
import { REDACTED, createRedactor, getSecrets } from './redact';

const base64 = (text: string) => Buffer.from(text, 'utf8').toString('base64');

const bytes = (text: string, write: (hex: string) => string) =>
  [...Buffer.from(text, 'utf8')]
    .map(byte => write(byte.toString(16).padStart(2, '0')))
    .join('');
const numbered = (text: string) =>
  [...text].map(character => `&#${character.codePointAt(0)};`).join('');

/** The encodings of one character. */
const ENCODERS: readonly ((character: string) => string)[] = [
  character => character,
  character => encodeURIComponent(character),
  character => bytes(character, byte => `%${byte}`),
  character => `&#${character.codePointAt(0)};`,
  character => `&#x${character.codePointAt(0)?.toString(16)};`,
  character => JSON.stringify(character).slice(1, -1),
  character =>
    Array.from({ length: character.length }, (_, unit) => character.charCodeAt(unit))
      .map(code => `\\u${code.toString(16).padStart(4, '0')}`)
      .join(''),
];

describe('createRedactor', () => {
  const secret = 'p&ss "wörd"/+<1>';

  it.each([
    ['as it is', secret],
    ['URL-encoded', encodeURIComponent(secret)],
    ['URL-encoded in lower case', encodeURIComponent(secret).toLowerCase()],
    ['as a form encodes it', encodeURIComponent(secret).replaceAll('%20', '+')],
    ['within a JSON string', JSON.stringify(secret).slice(1, -1)],
    ['escaped for HTML', 'p&amp;ss &quot;wörd&quot;/+&lt;1&gt;'],
    ['for HTML with decimal numbers', 'p&#38;ss &#34;w&#246;rd&#034;/+&#60;1&#62;'],
    [
      'for HTML with hexadecimal numbers',
      'p&#x26;ss &#x22;w&#xF6;rd&#x0022;&#x2f;&#X2B;&#x3c;1&#x3E;',
    ],
    ['with every character as a number', numbered(secret)],
    [
      'within HTML within JSON',
      JSON.stringify('p&amp;ss &quot;wörd&quot;/+&lt;1&gt;').slice(1, -1),
    ],
    ['within JSON within HTML', 'p&amp;ss \\&quot;wörd\\&quot;\\/+&lt;1&gt;'],
    [
      'with escapes of JSON',
      'p\\u0026ss\\u0020\\u0022w\\u00F6rd\\"\\/\\u002b\\u003C1\\u003E',
    ],
    ['with escapes of JavaScript', 'p\\x26ss \\x22w\\xf6rd\\x22/+\\x3c1\\x3e'],
    ['URL-encoded twice', encodeURIComponent(encodeURIComponent(secret))],
    ['with every byte URL-encoded', bytes(secret, byte => `%${byte}`)],
    ['URL-encoded where it must be', 'p%26ss%20%22w%C3%B6rd%22/+%3C1%3E'],
    ['in upper case, as some gateways log', secret.toUpperCase()],
    ['in base64', base64(secret)],
    ['in base64 within a URL', encodeURIComponent(base64(secret))],
    ['in base64 without padding', base64(secret).replace(/=+$/, '')],
    ['in base64 within JSON', base64(secret).replaceAll('/', '\\/')],
    ['in base64 for URLs', Buffer.from(secret, 'utf8').toString('base64url')],
    ['in hexadecimal', bytes(secret, byte => byte)],
  ])('hides a secret written %s', (_spelling, written) => {
    expect(createRedactor([secret])(`before ${written} after`)).toBe(
      `before ${REDACTED} after`,
    );
  });

  it('hides a secret whose characters each have a different encoding', () => {
    const encoder = fc.constantFrom(...ENCODERS);
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme', minLength: 4, maxLength: 20 }),
        fc.infiniteStream(encoder),
        (password, encoders) => {
          const written = [...password].map(character => {
            const { value: encode } = encoders.next();
            return encode(character);
          });
          expect(createRedactor([password])(`<${written.join('')}>`)).toBe(
            `<${REDACTED}>`,
          );
        },
      ),
    );
  });

  it.each([
    ['an ampersand', 'abcd&', ['abcd&#38;', 'abcd&#x26;', 'abcd&amp;amp;', 'abcd%26']],
    ['a percent sign', 'abcd%', ['abcd%25', 'abcd%2525', 'abcd&#37;', 'abcd\\u0025']],
    ['a backslash', 'abcd\\', ['abcd\\\\', 'abcd\\u005c', 'abcd%5C', 'abcd&#92;']],
  ])('leaves nothing behind of a secret that ends in %s', (_end, ending, spellings) => {
    const hide = createRedactor([ending]);
    for (const written of [ending, ...spellings]) {
      expect(hide(`<${written}>`)).toBe(`<${REDACTED}>`);
    }
  });

  it('hides a secret of plain letters, whichever encoding one of them has', () => {
    const plain = 'sesame-key_ 42/x+y';
    const spellings = [
      plain,
      plain.toUpperCase(),
      plain.replace(' ', '+'),
      plain.replaceAll('s', '\u017f').replaceAll('k', '\u212a'),
      base64(plain),
      base64(plain).replace(/=+$/, ''),
      Buffer.from(plain).toString('base64url'),
      Buffer.from(plain).toString('hex').toUpperCase(),
      ...[...plain].flatMap((character, index) =>
        ENCODERS.map(
          encode => plain.slice(0, index) + encode(character) + plain.slice(index + 1),
        ),
      ),
    ];
    const redact = createRedactor([plain]);
    expect(spellings.map(spelling => redact(`<${spelling}>`))).toEqual(
      spellings.map(() => `<${REDACTED}>`),
    );
  });

  it('takes no longer for a text of many near matches', () => {
    const almost = createRedactor(['aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab'.repeat(4)]);
    const text = 'a&#0000097;%2525%61'.repeat(13_000);
    expect(almost(text)).toBe(text);
  });

  it('takes no longer for a text of backslashes, none of which begins a secret', () => {
    const text = '\\'.repeat(200_000);
    expect(createRedactor([secret])(text)).toBe(text);
  });

  it('hides a secret after more backslashes than any encoder writes, but keeps the surplus', () => {
    const run = '\\'.repeat(12);
    expect(createRedactor(['hunter22'])(`${run}${run}u0068unter22`)).toBe(
      `${'\\'.repeat(16)}${REDACTED}`,
    );
  });

  it('hides a secret beside an escaped quotation mark, whether it contains one or not', () => {
    const plain = 'hunter2-forever';
    const redactPlain = createRedactor([plain]);
    expect(redactPlain(String.raw`"path \"a.yaml\" ${plain}"`)).toBe(
      String.raw`"path \"a.yaml\" ${REDACTED}"`,
    );
    expect(redactPlain(String.raw`"path \"a.yaml\" hunter2\u002dforever"`)).toBe(
      String.raw`"path \"a.yaml\" ${REDACTED}"`,
    );
    expect(
      createRedactor([plain, 'say"friend'])(String.raw`"path \"a\" say\"friend"`),
    ).toBe(String.raw`"path \"a\" ${REDACTED}"`);
    expect(createRedactor(['ends-with-\\'])(String.raw`"ends-with-\\" and \"a\"`)).toBe(
      `"${REDACTED}" and \\"a\\"`,
    );
  });

  it('hides every occurrence', () => {
    expect(createRedactor(['hunter22'])('hunter22 and hunter22')).toBe(
      `${REDACTED} and ${REDACTED}`,
    );
  });

  it.each(['base64', 'base64url'] as const)(
    'hides %s, whatever its padding, and with both characters that alphabets differ in',
    encoding => {
      for (const encoded of ['hunter', 'hunter2', 'hunter22', 'key->>>-???']) {
        const written = Buffer.from(encoded).toString(encoding);
        expect(createRedactor([encoded])(`<${written}>`)).toBe(`<${REDACTED}>`);
      }
    },
  );

  it('hides a secret with a tab or a line break, in JSON and in a URL', () => {
    const split = 'open\tsesame\n\r\b\f';
    const hide = createRedactor([split]);
    expect(hide(JSON.stringify(split))).toBe(`"${REDACTED}"`);
    expect(hide(`?key=${encodeURIComponent(split)}`)).toBe(`?key=${REDACTED}`);
  });

  it('hides a secret in upper case, also a letter whose upper case is two letters', () => {
    for (const written of ['GRÖẞTE', 'GRÖßTE']) {
      expect(createRedactor(['größte'])(`<${written}>`)).toBe(`<${REDACTED}>`);
    }
  });

  it('takes as many digits for an escape sequence as it has, and not the start of another secret', () => {
    const hide = createRedactor(['sesame\n', 'abcd', 'open\0', 'closeĀ', '0123']);
    expect(hide(String.raw`sesame\xabcd`)).toBe(String.raw`sesame\x${REDACTED}`);
    expect(hide(String.raw`open\x000123`)).toBe(REDACTED.repeat(2));
    expect(hide(String.raw`open\u00000123`)).toBe(REDACTED.repeat(2));
    expect(hide(String.raw`close\x100123`)).toBe(String.raw`close\x10${REDACTED}`);
  });

  it('hides all of a longer secret that begins with another one', () => {
    expect(createRedactor(['abcd', 'abcdefgh'])('x abcdefgh')).toBe(`x ${REDACTED}`);
  });

  it('treats a secret literally, not as a pattern', () => {
    expect(createRedactor(['a.*$&b'])('axxb a.*$&b')).toBe(`axxb ${REDACTED}`);
  });

  it.each(['You are not permitted to access this resource', '100 % of a+cdefgh'])(
    'does not change a text without a secret: %s',
    text => {
      expect(createRedactor(['abcdefgh'])(text)).toBe(text);
    },
  );

  it.each([[''], ['a'], ['abc']])(
    'does not change texts for the short secret "%s"',
    short => {
      const text = 'abc a banana, 100 %';
      expect(createRedactor([short])(text)).toBe(text);
    },
  );

  it('accepts half of a surrogate pair', () => {
    expect(createRedactor(['pass\ud83d'])('ok')).toBe('ok');
  });
});

describe('the secrets of an integration', () => {
  const integration = { host: 'h', apiBaseUrl: 'https://h/rest/api/1.0' };

  it('are its token', () => {
    expect(getSecrets({ ...integration, token: 'T0ken' })).toEqual(['T0ken']);
  });

  it('are its password, also together with the user', () => {
    const signIn = { username: 'jane', password: 'se:cret' };
    expect(getSecrets({ ...integration, ...signIn })).toEqual([
      'se:cret',
      'jane:se:cret',
    ]);
  });

  it('are hidden in an echoed Basic header even if the password alone is too short', () => {
    const signIn = { ...integration, username: 'jane', password: 'x' };
    const { headers = {} } = getBitbucketServerRequestOptions(signIn);
    const redact = createRedactor(getSecrets(signIn));
    expect(headers.Authorization).toContain(base64('jane:x'));
    expect(redact(`got ${headers.Authorization}`)).toBe(`got Basic ${REDACTED}`);
    expect(redact('jane:x')).toBe(REDACTED);
  });

  it.each([{}, { username: 'jane' }])('are none without credentials: %j', signIn => {
    expect(getSecrets({ ...integration, ...signIn })).toEqual([]);
  });
});

describe('a JSON body', () => {
  it.each([
    ['plainly', '{"message":"wrong: p&ss/wörd"}'],
    [
      'with escapes for special characters',
      '{"message":"wrong: p\\u0026ss\\/w\\u00f6rd"}',
    ],
    ['deep within lists and objects', '{"errors":[{"message":"p\\u0026ss/wörd"}]}'],
  ])('stays JSON without the secret that is written %s', (_, body) => {
    const redacted = createRedactor(['p&ss/wörd'])(body);

    expect(redacted).toContain(REDACTED);
    expect(JSON.stringify(JSON.parse(redacted))).not.toContain('rd"');
  });

  it('is not changed without a secret', () => {
    const body = '{"errors":[{"message":"no such path","exceptionName":null}]}';

    expect(createRedactor(['p&ss/wörd'])(body)).toBe(body);
  });
});
