import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { verifySignature } from './eventsModule';

const SECRET = 'correct horse';
const BODY = Buffer.from('{"eventKey":"repo:refs_changed"}');

function sign(body: Uint8Array | string, secret = SECRET): string {
  return `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`;
}

function verify(
  header: unknown,
  rawBody: Uint8Array | string = BODY,
  ...secrets: string[]
) {
  const all = secrets.length > 0 ? secrets : [SECRET];
  return verifySignature({ rawBody, header, secrets: all });
}

it('the validator accepts a body that was signed with the secret', () => {
  expect(verify(sign(BODY))).toBe(true);
  expect(verify(sign(BODY).replace(/[0-9a-f]{64}/, hex => hex.toUpperCase()))).toBe(true);
  expect(verify(sign('ü'), 'ü')).toBe(true);
  expect(verify(sign(''), '')).toBe(true);
});

it('the validator agrees with a signature computed elsewhere', () => {
  const rawBody = 'what do ya want for nothing?';
  const header =
    'sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843';
  // RFC 4231, test case 2
  expect(verifySignature({ rawBody, header, secrets: ['Jefe'] })).toBe(true);
});

const HEX = sign(BODY).slice('sha256='.length);

it.each([
  ['nothing', undefined],
  ['null', null],
  ['an empty text', ''],
  ['a list', [sign(BODY)]],
  ['an object', { toString: () => sign(BODY) }],
  ['the digest alone', HEX],
  ['another algorithm', `sha1=${HEX}`],
  ['another name of the algorithm', `SHA256=${HEX}`],
  ['no digest', 'sha256='],
  ['a digest that is too short', sign(BODY).slice(0, -1)],
  ['a digest that is too long', `${sign(BODY)}0`],
  ['a digest of other letters', `sha256=${'g'.repeat(64)}`],
  ['a line break behind it', `${sign(BODY)}\n`],
  ['a tab behind it', `${sign(BODY)}\t`],
  ['a tab before it', `\t${sign(BODY)}`],
  ['a tab within it', sign(BODY).replace('=', '=\t')],
  ['full-width digits', sign(BODY).replace(/[0-9]/g, '\uff11')],
  ['full-width letters', sign(BODY).replace(/[a-f]/g, '\uff41')],
  ['two of them', `${sign(BODY)}, ${sign(BODY)}`],
  ['another secret', sign(BODY, 'wrong')],
])('the validator refuses %s', (_, header) => expect(verify(header)).toBe(false));

it('the validator refuses an empty secret, with which anyone could sign', () => {
  expect(verify(sign(BODY, ''), BODY, '')).toBe(false);
});

it('the validator accepts each of several secrets, such as while one replaces another', () => {
  for (const secret of ['old', 'new', 'ü']) {
    expect(verify(sign(BODY, secret), BODY, 'old', 'new', 'ü')).toBe(true);
  }
  for (const secret of ['other', 'oldnew', 'old,new', '']) {
    expect(verify(sign(BODY, secret), BODY, 'old', 'new', 'ü')).toBe(false);
  }
});

it('the validator refuses everything if there is no secret', () => {
  for (const secret of ['', 'undefined', SECRET]) {
    const header = sign(BODY, secret);
    expect(verifySignature({ rawBody: BODY, header, secrets: [] })).toBe(false);
  }
});

it('the validator refuses a body with the same JSON and other bytes', () => {
  expect(verify(sign(BODY), BODY.toString().replace(':', ': '))).toBe(false);
});

const bodies = fc.uint8Array({ minLength: 1, maxLength: 200 });
const secrets = fc.string({ minLength: 1 });

it('the validator accepts every signed body, and none with one bit flipped', () => {
  fc.assert(
    fc.property(bodies, secrets, fc.nat(), fc.nat(7), (body, secret, place, bit) => {
      const header = sign(body, secret);
      expect(verify(header, body, secret)).toBe(true);
      const flipped = Uint8Array.from(body);
      const index = place % body.length;
      flipped[index] = (flipped[index] ?? 0) ^ (1 << bit);
      expect(verify(header, flipped, secret)).toBe(false);
    }),
  );
});

it('the validator refuses every signature with one digit changed', () => {
  fc.assert(
    fc.property(bodies, fc.nat(63), fc.integer({ min: 1, max: 15 }), (body, at, by) => {
      const digits = [...sign(body).slice('sha256='.length)];
      digits[at] = (parseInt(digits[at] ?? '', 16) ^ by).toString(16);
      expect(verify(`sha256=${digits.join('')}`, body)).toBe(false);
    }),
  );
});

it('the validator refuses everything that is not a signature', () => {
  fc.assert(fc.property(fc.anything(), header => expect(verify(header)).toBe(false)));
});
