/** What an operator reads for what `fetch` throws, and what must never be read. */

import { describeNetworkFailure, isCertificateProblem } from './describeNetworkFailure';

const fetchFailed = (cause: unknown) => new TypeError('fetch failed', { cause });
const withCode = (code: string, message = 'quotes Bearer s3cret') =>
  Object.assign(new Error(message), { code });

describe('describeNetworkFailure', () => {
  it.each([
    ['ENOTFOUND', 'could not be resolved (DNS)'],
    ['EAI_AGAIN', 'could not be resolved for now'],
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

  it('tells a proxy that refuses the tunnel by its status', () => {
    const cause = withCode(
      'UND_ERR_ABORTED',
      'Proxy response (407) !== 200 when HTTP Tunneling',
    );
    expect(describeNetworkFailure(fetchFailed(cause)).what).toBe(
      'the proxy refused the connection with status 407',
    );
  });

  it('takes the innermost code', () => {
    const outer = Object.assign(new Error('outer', { cause: withCode('ECONNRESET') }), {
      code: 'ERR_OUTER',
    });
    expect(describeNetworkFailure(fetchFailed(outer)).code).toBe('ECONNRESET');
  });

  it('takes the code of several addresses that failed together', () => {
    const cause = Object.assign(new AggregateError([withCode('ECONNREFUSED')]), {
      code: 'ECONNREFUSED',
    });
    expect(describeNetworkFailure(fetchFailed(cause)).code).toBe('ECONNREFUSED');
  });

  it.each([[undefined], [null], ['text'], [42], [new Error('plain')], [{ code: 17 }]])(
    'makes do with %p',
    thrown => {
      expect(describeNetworkFailure(thrown)).toEqual({
        code: undefined,
        what: 'the request could not be sent or its answer not read',
      });
    },
  );

  it('does not follow causes in a circle for ever', () => {
    const circle = new Error('circle');
    circle.cause = circle;
    expect(describeNetworkFailure(circle).code).toBeUndefined();
  });

  it.each([
    [withCode('ECONNRESET')],
    [fetchFailed(withCode('EWHATEVER'))],
    [new TypeError('"Bearer s3cret" is an invalid header value')],
  ])('never quotes a message, which may hold a secret', thrown => {
    expect(JSON.stringify(describeNetworkFailure(thrown))).not.toContain('s3cret');
  });
});

describe('isCertificateProblem', () => {
  it.each([undefined, 'ECONNRESET', 'ERR_SSL_WRONG_VERSION_NUMBER'])(
    'does not take %s for one',
    code => {
      expect(isCertificateProblem(code)).toBe(false);
    },
  );
});
