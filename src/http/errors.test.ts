/** What the errors of the transport say and what they do not reveal. */

import {
  BitbucketServerNetworkError,
  describeNetworkFailure,
  displayUrl,
  isCertificateProblem,
} from './errors';

const url = 'https://jane:s3cret@bitbucket.example.com/rest/api/latest/repos?limit=1000';
const shown = 'https://bitbucket.example.com/rest/api/latest/repos?limit=1000';

describe('messages', () => {
  it('contain the URL, the number of attempts and what happened', () => {
    const details = { url, attempts: 4 };
    const error = new BitbucketServerNetworkError(details, 'the connection was refused');
    expect(error.message).toBe(
      `GET ${shown} failed after 4 attempts: the connection was refused`,
    );
  });

  it('use the singular for one attempt', () => {
    const error = new BitbucketServerNetworkError({ url, attempts: 1 }, 'x');
    expect(error.message).toBe(`GET ${shown} failed after 1 attempt: x`);
  });

  it('contain neither a cause nor credentials', () => {
    const error = new BitbucketServerNetworkError({ url, attempts: 1 }, 'x');
    expect(error.cause).toBeUndefined();
    expect(`${error.stack} ${JSON.stringify(error)}`).not.toMatch(/s3cret|jane/);
  });
});

describe('displayUrl', () => {
  it.each([
    [url, shown],
    ['https://h/x#fragment', 'https://h/x'],
    [
      'https://h:7990/ctx/x?at=refs%2Fheads%2Fmain',
      'https://h:7990/ctx/x?at=refs%2Fheads%2Fmain',
    ],
    ['https://h/x?start=1&access_token=s3cret', 'https://h/x?[redacted]'],
    ['https://h/x?os_password=s3cret', 'https://h/x?[redacted]'],
    ['s3cret', '(not a URL)'],
  ])('shows %s as %s', (given, expected) => {
    expect(displayUrl(given)).toBe(expected);
  });
});

const fetchFailed = (cause: unknown) => new TypeError('fetch failed', { cause });
const withCode = (code: string, message = 'quotes Bearer s3cret') =>
  Object.assign(new Error(message), { code });

describe('describeNetworkFailure', () => {
  it.each([
    ['ENOTFOUND', 'could not be resolved (DNS)'],
    ['EAI_AGAIN', 'name resolution failed temporarily'],
    ['ECONNREFUSED', 'refused'],
    ['ECONNRESET', 'reset'],
    ['UND_ERR_SOCKET', 'closed by the other side'],
    ['ETIMEDOUT', 'in time'],
    ['UND_ERR_CONNECT_TIMEOUT', 'in time'],
    ['EHOSTUNREACH', 'cannot be reached'],
    ['DEPTH_ZERO_SELF_SIGNED_CERT', 'NODE_EXTRA_CA_CERTS'],
    ['CERT_HAS_EXPIRED', 'certificate is not trusted'],
    ['ERR_SSL_WRONG_VERSION_NUMBER', 'is it https at this port?'],
    ['ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION', 'no TLS connection'],
    ['UND_ERR_PRX_TLS', 'proxy'],
    ['EWHATEVER', 'the connection failed'],
  ])('puts %s into words and names the code', (code, words) => {
    const failure = describeNetworkFailure(fetchFailed(withCode(code)));
    expect(failure.code).toBe(code);
    expect(failure.what).toContain(words);
  });

  it('reports a proxy that refuses the tunnel with its status', () => {
    const cause = withCode(
      'UND_ERR_ABORTED',
      'Proxy response (407) !== 200 when HTTP Tunneling',
    );
    expect(describeNetworkFailure(fetchFailed(cause)).what).toBe(
      'the proxy refused the connection with status 407',
    );
  });

  it('returns the innermost code', () => {
    const outer = Object.assign(new Error('outer', { cause: withCode('ECONNRESET') }), {
      code: 'ERR_OUTER',
    });
    expect(describeNetworkFailure(fetchFailed(outer)).code).toBe('ECONNRESET');
  });

  it('returns the code of several addresses that failed together', () => {
    const cause = Object.assign(new AggregateError([withCode('ECONNREFUSED')]), {
      code: 'ECONNREFUSED',
    });
    expect(describeNetworkFailure(fetchFailed(cause)).code).toBe('ECONNREFUSED');
  });

  it.each([[undefined], [null], ['text'], [42], [new Error('plain')], [{ code: 17 }]])(
    'accepts %p',
    thrown => {
      expect(describeNetworkFailure(thrown)).toEqual({
        code: undefined,
        what: 'the request could not be sent, or its answer could not be read',
      });
    },
  );

  it('does not follow cyclic causes forever', () => {
    const circle = new Error('circle');
    circle.cause = circle;
    expect(describeNetworkFailure(circle).code).toBeUndefined();
  });

  it.each([
    [withCode('ECONNRESET')],
    [fetchFailed(withCode('EWHATEVER'))],
    [new TypeError('"Bearer s3cret" is an invalid header value')],
  ])('never quotes a message, which may contain a secret', thrown => {
    expect(JSON.stringify(describeNetworkFailure(thrown))).not.toContain('s3cret');
  });
});

describe('isCertificateProblem', () => {
  it.each([undefined, 'ECONNRESET', 'ERR_SSL_WRONG_VERSION_NUMBER'])(
    'is false for %s',
    code => {
      expect(isCertificateProblem(code)).toBe(false);
    },
  );
});
