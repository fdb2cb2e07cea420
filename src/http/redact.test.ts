/** What is hidden, in which spellings, and what is left alone. */

import { REDACTED, createRedactor, redactBody, secretsInHeaders } from './redact';

const base64 = (text: string) => Buffer.from(text, 'utf8').toString('base64');

describe('createRedactor', () => {
  const secret = 'p&ss "wörd"/+<1>';
  const redact = createRedactor([secret]);

  it.each([
    ['as it is', secret],
    ['URL-encoded', encodeURIComponent(secret)],
    ['URL-encoded in lower case', encodeURIComponent(secret).toLowerCase()],
    ['as a form encodes it', encodeURIComponent(secret).replaceAll('%20', '+')],
    ['within a JSON string', JSON.stringify(secret).slice(1, -1)],
    ['escaped for HTML', 'p&amp;ss &quot;wörd&quot;/+&lt;1&gt;'],
    ['in base64', base64(secret)],
    ['in base64 within a URL', encodeURIComponent(base64(secret))],
  ])('hides a secret written %s', (_spelling, written) => {
    expect(redact(`before ${written} after`)).toBe(`before ${REDACTED} after`);
  });

  it('hides every occurrence', () => {
    expect(createRedactor(['hunter22'])('hunter22 and hunter22')).toBe(
      `${REDACTED} and ${REDACTED}`,
    );
  });

  it('leaves no tail of a longer secret behind when another one begins it', () => {
    expect(createRedactor(['abcd', 'abcdefgh'])('x abcdefgh')).toBe(`x ${REDACTED}`);
  });

  it('takes a secret literally, not as a pattern', () => {
    expect(createRedactor(['a.*$&b'])('axxb a.*$&b')).toBe(`axxb ${REDACTED}`);
  });

  it('leaves texts without a secret alone', () => {
    expect(redact('You are not permitted to access this resource')).toBe(
      'You are not permitted to access this resource',
    );
  });

  it.each([[''], ['a'], ['abc']])(
    'does not shred texts for the short secret "%s"',
    short => {
      expect(createRedactor([short])('abc a banana')).toBe('abc a banana');
    },
  );

  it('survives half of a surrogate pair', () => {
    expect(createRedactor(['pass\ud83d'])('ok')).toBe('ok');
  });
});

describe('secretsInHeaders', () => {
  it('finds a token', () => {
    expect(secretsInHeaders({ Authorization: 'Bearer T0ken' })).toEqual(['T0ken']);
  });

  it('finds password, pair and base64 of a Basic header', () => {
    const credential = base64('jane:se:cret');
    expect(secretsInHeaders({ authorization: `Basic ${credential}` })).toEqual([
      credential,
      'jane:se:cret',
      'se:cret',
    ]);
  });

  it('hides an echoed Basic header even if the password is too short by itself', () => {
    const headers = { Authorization: `Basic ${base64('jane:x')}` };
    const redact = createRedactor(secretsInHeaders(headers));
    expect(redact(`got ${headers.Authorization}`)).toBe(`got Basic ${REDACTED}`);
    expect(redact('jane:x')).toBe(REDACTED);
  });

  it('takes a value without a scheme as a whole', () => {
    expect(secretsInHeaders({ Authorization: 'opaque' })).toEqual(['opaque']);
  });

  it('finds nothing in other headers', () => {
    expect(secretsInHeaders({ Accept: 'application/json' })).toEqual([]);
  });
});

describe('redactBody', () => {
  const redact = createRedactor(['p&ss/wörd']);

  it.each([
    ['plainly', '{"message":"wrong: p&ss/wörd"}'],
    [
      'with escapes for special characters',
      '{"message":"wrong: p\\u0026ss\\/w\\u00f6rd"}',
    ],
    ['deep within lists and objects', '{"errors":[{"message":"p\\u0026ss/wörd"}]}'],
  ])('finds a secret that JSON writes %s', (_, body) => {
    const redacted = redactBody(body, redact);

    expect(redacted).toContain(REDACTED);
    expect(JSON.stringify(JSON.parse(redacted))).not.toContain('rd"');
  });

  it('leaves JSON without a secret as it means', () => {
    const body = '{"errors":[{"message":"no such path","exceptionName":null}]}';

    expect(JSON.parse(redactBody(body, redact))).toEqual(JSON.parse(body));
  });

  it('redacts what is no JSON as text', () => {
    expect(redactBody('<p>p&ss/wörd</p>', redact)).toBe(`<p>${REDACTED}</p>`);
  });
});
