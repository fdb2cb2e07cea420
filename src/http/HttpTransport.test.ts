/** Attempts, retries, redirects, limits and aborts, on a fake clock and a scripted fetch. */

import { getEventListeners } from 'node:events';
import { FakeClock } from '../__testUtils__/FakeClock';
import { createTestLimiter } from '../__testUtils__/testLimiters';
import {
  failing,
  FetchStep,
  hanging,
  replying,
  scriptedFetch,
  watchedBody,
  WatchedBody,
} from '../__testUtils__/scriptedFetch';
import { HttpTransport, HttpTransportOptions } from './HttpTransport';
import { createRedactor } from './redact';
import { AttemptResult, RateLimitSetting } from './types';

const BASE = 'https://bitbucket.example.com/ctx/rest/api/latest';
const request = { kind: 'repositories', url: `${BASE}/repos?limit=1000` } as const;

function setUp(
  steps: readonly FetchStep[],
  options: Omit<Partial<HttpTransportOptions>, 'clock'> & {
    clock?: FakeClock;
    rateLimit?: RateLimitSetting;
    concurrency?: number;
  } = {},
) {
  const { rateLimit, concurrency, ...rest } = options;
  const clock = options.clock ?? new FakeClock({ startMs: 0 });
  const script = scriptedFetch(...steps);
  const limiter = createTestLimiter({ clock, rateLimit, concurrency });
  const attempts: [AttemptResult, boolean][] = [];
  const waits: [string, number][] = [];
  const transport = new HttpTransport({
    baseUrl: BASE,
    headers: { Authorization: 'Bearer T0ken-s3cret' },
    redact: createRedactor(['T0ken-s3cret']),
    limiter,
    clock,
    requestTimeoutMs: 30_000,
    fetch: script.fetch,
    observer: {
      onAttempt: ({ result, retry }) => attempts.push([result, retry]),
      onWait: ({ reason, ms }) => waits.push([reason, ms]),
    },
    ...rest,
  });
  return { attempts, calls: script.calls, clock, limiter, transport, waits };
}

describe('a request', () => {
  it('is sent with credentials and accepts JSON', async () => {
    const { calls, transport } = setUp([replying(200, '{"values":[]}')]);
    const reply = await transport.get(request);
    expect(reply).toMatchObject({ status: 200, body: '{"values":[]}' });
    const [call] = calls;
    expect(call?.headers.get('authorization')).toBe('Bearer T0ken-s3cret');
    expect(call?.headers.get('accept')).toBe('application/json');
    expect(call?.headers.has('x-atlassian-token')).toBe(false);
    expect(call?.headers.has('content-type')).toBe(false);
    expect(call).toMatchObject({ method: 'GET', body: undefined });
    expect(call?.redirect).toBe('manual');
  });

  it('with a body is sent as POST, with credentials', async () => {
    const { calls, transport } = setUp([replying(200)]);
    await transport.get({ ...request, body: '{"query":"a"}' });
    const [call] = calls;
    expect(call).toMatchObject({ method: 'POST', body: '{"query":"a"}' });
    expect(call?.headers.get('content-type')).toBe('application/json');
    expect(call?.headers.get('authorization')).toBe('Bearer T0ken-s3cret');
  });

  it('with a body follows no redirect, since the body was meant for this URL', async () => {
    const { calls, transport } = setUp([replying(307, null, { location: '/elsewhere' })]);
    const reply = await transport.get({ ...request, body: '{}' });
    expect(reply).toMatchObject({ status: 307 });
    expect(calls).toHaveLength(1);
  });

  it('tells the limiter how long its answer took', async () => {
    const clock = new FakeClock({ startMs: 0 });
    const limiter = createTestLimiter({ clock });
    const observed = jest.fn();
    const slow: FetchStep = async () => {
      await clock.sleep(70);
      return new Response('{}', { headers: { 'X-AUSERNAME': 'backstage' } });
    };
    const { transport } = setUp([slow], {
      clock,
      limiter: { run: task => limiter.run(task), observeResponse: observed },
    });
    await clock.advance(5_000);
    await clock.run(transport.get(request));
    expect(observed).toHaveBeenCalledWith({
      status: 200,
      hint: {},
      tookMs: 70,
      userName: 'backstage',
    });
  });

  it('uses the global fetch at the time of the call', async () => {
    const { transport } = setUp([], { fetch: undefined });
    const original = globalThis.fetch;
    globalThis.fetch = scriptedFetch(replying(200, 'patched')).fetch;
    try {
      await expect(transport.get(request)).resolves.toMatchObject({ body: 'patched' });
    } finally {
      globalThis.fetch = original;
    }
  });

  it.each([
    'https://evil.example.com/ctx/rest/api/latest/repos',
    'http://bitbucket.example.com/ctx/rest/api/latest/repos',
    'https://bitbucket.example.com:8443/ctx/rest/api/latest/repos',
    'https://bitbucket.example.com@evil.example.com/repos',
    'https://jane:pw@bitbucket.example.com/repos',
    '/repos',
  ])('to %s is refused before anything is sent', async url => {
    const { attempts, calls, transport } = setUp([replying(200)]);
    await expect(transport.get({ ...request, url })).rejects.toThrow(/Refused to send/);
    expect(calls).toHaveLength(0);
    expect(attempts).toEqual([]);
  });

  it.each(['', 'bitbucket.example.com', 'file:///etc', 'https://jane:pw@host/rest'])(
    'is impossible with the base URL "%s"',
    baseUrl => {
      const create = () => setUp([], { baseUrl });
      expect(create).toThrow(/must be an http or https URL/);
      expect(create).not.toThrow(/pw/);
    },
  );
});

describe('an answer', () => {
  it.each([200, 204, 304, 400, 401, 403, 404, 405, 409, 501])(
    'with status %d is returned unchanged, after one attempt',
    async status => {
      const body = [204, 304].includes(status) ? null : '{"errors":[]}';
      const { attempts, clock, transport } = setUp([replying(status, body)]);
      const reply = await clock.run(transport.get(request));
      expect(reply).toMatchObject({ status, body: body ?? '' });
      expect(attempts).toEqual([[status, false]]);
      expect(clock.now()).toBe(0);
    },
  );

  it.each([
    [429, 6],
    [500, 2],
    [502, 4],
    [503, 4],
    [504, 4],
  ])('with status %d is returned after %d attempts', async (status, expected) => {
    const { attempts, clock, transport } = setUp([replying(status, 'sorry')]);
    const reply = await clock.run(transport.get(request));
    expect(reply).toMatchObject({ status, body: 'sorry' });
    expect(attempts).toHaveLength(expected);
    expect(attempts.map(([, retry]) => retry)).toEqual(
      attempts.map((_, index) => index > 0),
    );
  });

  it('of a later attempt is returned', async () => {
    const steps = [replying(503), failing('ECONNRESET'), replying(200, 'fine')];
    const { attempts, clock, transport } = setUp(steps);
    await expect(clock.run(transport.get(request))).resolves.toMatchObject({
      status: 200,
      body: 'fine',
    });
    expect(attempts.map(([result]) => result)).toEqual([503, 'network-error', 200]);
  });

  it.each([400, 401])(
    'with status %d has every secret in its body redacted',
    async status => {
      const echo = 'no access with Bearer T0ken-s3cret';
      const { transport } = setUp([replying(status, echo)]);
      const reply = await transport.get(request);
      expect(reply.body).toBe('no access with Bearer [redacted]');
    },
  );

  it('with a success status keeps its body unchanged', async () => {
    const { transport } = setUp([replying(200, 'T0ken-s3cret')]);
    await expect(transport.get(request)).resolves.toMatchObject({ body: 'T0ken-s3cret' });
  });

  it('that is too large is cancelled and not requested again', async () => {
    const half = 'x'.repeat(16 * 1024 * 1024);
    const body = watchedBody([half, half, '1'], { endless: true });
    const { attempts, transport } = setUp([() => body.response]);
    await expect(transport.get(request)).rejects.toMatchObject({
      name: 'BitbucketServerResponseTooLargeError',
      message: expect.stringContaining('larger than 33554432 bytes'),
    });
    expect(body.isCancelled()).toBe(true);
    expect(attempts).toEqual([[200, false]]);
  });

  it.each([404, 503])('with status %d is truncated if it is very long', async status => {
    const chunk = 'x'.repeat(100 * 1024);
    const bodies: WatchedBody[] = [];
    const step = () => {
      const body = watchedBody([chunk, chunk, chunk], {
        endless: true,
        init: { status },
      });
      bodies.push(body);
      return body.response;
    };
    const { attempts, clock, transport } = setUp([step]);
    const reply = await clock.run(transport.get(request));
    expect(reply).toMatchObject({ status, body: 'x'.repeat(256 * 1024) });
    expect(bodies.map(body => body.isCancelled())).toEqual(bodies.map(() => true));
    expect(attempts).toHaveLength(status === 404 ? 1 : 4);
  });

  it.each([200, 404, 429, 503])('with status %d is read to its end', async status => {
    const bodies: WatchedBody[] = [];
    const step = () => {
      const body = watchedBody(['{', '}'], { init: { status } });
      bodies.push(body);
      return body.response;
    };
    const { attempts, clock, transport } = setUp([step]);
    await clock.run(transport.get(request));
    expect(bodies).toHaveLength(attempts.length);
    expect(bodies.every(body => body.isDrained())).toBe(true);
  });
});

describe('a network failure', () => {
  it('is reported after the last attempt, with its code and without quoting fetch', async () => {
    const step = failing('ECONNREFUSED', 'connect with Bearer T0ken-s3cret');
    const { clock, transport } = setUp([step]);
    const failure = clock.run(transport.get(request));
    await expect(failure).rejects.toMatchObject({
      name: 'BitbucketServerNetworkError',
      message: `GET ${request.url} failed after 4 attempts: the connection was refused (ECONNREFUSED)`,
    });
    await failure.catch(error => {
      expect(`${error.stack}${JSON.stringify(error)}`).not.toContain('s3cret');
      expect(error.cause).toBeUndefined();
    });
  });

  it('is not retried if the certificate is not trusted', async () => {
    const { attempts, transport } = setUp([failing('DEPTH_ZERO_SELF_SIGNED_CERT')]);
    await expect(transport.get(request)).rejects.toThrow(/NODE_EXTRA_CA_CERTS/);
    expect(attempts).toHaveLength(1);
  });

  it('in the middle of the body counts as a network failure', async () => {
    const cut: FetchStep = () =>
      new Response(
        new ReadableStream({
          pull: controller => controller.error(new TypeError('terminated')),
        }),
      );
    const { attempts, clock, transport } = setUp([cut, replying(200, 'whole')]);
    await expect(clock.run(transport.get(request))).resolves.toMatchObject({
      body: 'whole',
    });
    expect(attempts.map(([result]) => result)).toEqual(['network-error', 200]);
  });
});

describe('the time limit', () => {
  it('applies to each attempt, even if fetch ignores the signal', async () => {
    const { attempts, clock, transport } = setUp([hanging()]);
    await expect(clock.run(transport.get(request))).rejects.toMatchObject({
      name: 'BitbucketServerTimeoutError',
      message: expect.stringContaining('4 attempts: no complete answer within 30 s'),
    });
    expect(attempts.map(([result]) => result)).toEqual(Array(4).fill('timeout'));
    expect(clock.now()).toBeGreaterThanOrEqual(120_000);
    expect(clock.now()).toBeLessThan(124_000);
    expect(clock.sleeping).toBe(0);
  });

  it('applies to the body too, and cancels it', async () => {
    const body = watchedBody(['beginning'], { endless: true });
    const { clock, transport } = setUp([() => body.response, replying(200, 'whole')]);
    await expect(clock.run(transport.get(request))).resolves.toMatchObject({
      body: 'whole',
    });
    expect(body.isCancelled()).toBe(true);
  });

  it('does not include the wait for the limiter', async () => {
    const rateLimit = { kind: 'fixed', requestsPerSecond: 0.01, burst: 1 } as const;
    const { attempts, clock, transport } = setUp([replying(200)], { rateLimit });
    await clock.run(Promise.all([transport.get(request), transport.get(request)]));
    expect(attempts.map(([result]) => result)).toEqual([200, 200]);
    expect(clock.now()).toBe(100_000);
  });

  it('cancels the body of an answer that comes too late', async () => {
    const late = watchedBody(['late'], { endless: true });
    const clock = new FakeClock();
    const slow: FetchStep = async () => {
      await clock.sleep(40_000);
      return late.response;
    };
    const { transport } = setUp([slow, replying(200, 'in time')], { clock });
    await clock.run(transport.get(request));
    await clock.runUntilIdle();
    expect(late.isCancelled()).toBe(true);
  });
});

describe('the wait between attempts', () => {
  it('lasts exactly as long as the server asks', async () => {
    const steps = [replying(503, '', { 'Retry-After': '7' }), replying(200)];
    const { clock, transport, waits } = setUp(steps);
    await clock.run(transport.get(request));
    expect(clock.now()).toBe(7_000);
    expect(waits).toEqual([['backoff', 7_000]]);
  });

  it('holds no slot, so that other requests go ahead', async () => {
    const steps = [replying(503, '', { 'Retry-After': '30' }), replying(200)];
    const { clock, transport } = setUp(steps, { concurrency: 1 });
    const retrying = transport.get(request);
    await clock.settle();
    await expect(transport.get(request)).resolves.toMatchObject({ status: 200 });
    expect(clock.now()).toBe(0);
    await clock.run(retrying);
    expect(clock.now()).toBe(30_000);
  });

  it('is followed by another wait for the limiter', async () => {
    const rateLimit = { kind: 'fixed', requestsPerSecond: 0.1, burst: 1 } as const;
    const { clock, transport, waits } = setUp([replying(503)], { rateLimit });
    await clock.run(transport.get(request));
    expect(clock.now()).toBe(30_000);
    expect(waits.filter(([reason]) => reason === 'limiter')).toHaveLength(3);
  });

  it('after a 429 applies to all requests to the host', async () => {
    const steps = [replying(429, '', { 'Retry-After': '12' }), replying(200)];
    const { calls, clock, transport } = setUp(steps);
    const first = transport.get(request);
    await clock.settle();
    const second = transport.get(request);
    await clock.advance(11_999);
    expect(calls).toHaveLength(1);
    await clock.run(Promise.all([first, second]));
    expect(clock.now()).toBe(12_000);
    expect(calls).toHaveLength(3);
  });
});

describe('a redirect', () => {
  it('within the origin is followed with credentials, and each hop takes a token', async () => {
    const rateLimit = { kind: 'fixed', requestsPerSecond: 1, burst: 1 } as const;
    const moved = watchedBody(['moved'], {
      init: { status: 302, headers: { location: '/ctx/rest/api/1.0/repos' } },
    });
    const { attempts, calls, clock, transport } = setUp(
      [() => moved.response, replying(200, 'here')],
      { rateLimit },
    );
    const reply = await clock.run(transport.get(request));
    const target = 'https://bitbucket.example.com/ctx/rest/api/1.0/repos';
    expect(reply).toMatchObject({ status: 200, body: 'here' });
    expect(calls[1]?.url).toBe(target);
    expect(calls[1]?.headers.get('authorization')).toBe('Bearer T0ken-s3cret');
    expect(moved.isCancelled()).toBe(true);
    expect(attempts).toEqual([
      [302, false],
      [200, false],
    ]);
    expect(clock.now()).toBe(1_000);
  });

  it.each([
    ['https://login.example.com/saml?s=1', 'https://login.example.com'],
    ['http://bitbucket.example.com/repos', 'http://bitbucket.example.com'],
    ['https://bitbucket.example.com:8443/repos', 'https://bitbucket.example.com:8443'],
    ['https://a:b@bitbucket.example.com/repos', 'https://bitbucket.example.com'],
    ['//evil.example.com/', 'https://evil.example.com'],
    ['//T0ken-s3cret.example.com/', undefined],
    ['//x.t0ken-S3CRET/', undefined],
    ['//%54%30ken-s3cret.example.com/', undefined],
    ['//VDBrZW4tczNjcmV0.example.com/', undefined],
  ])('to %s is returned unread, and nothing is sent there', async (location, shown) => {
    const away = watchedBody(['login'], { init: { status: 302, headers: { location } } });
    const { calls, transport } = setUp([() => away.response]);
    const reply = await transport.get(request);
    expect(reply).toMatchObject({ status: 302, body: '' });
    expect(reply.redirectedTo).toBe(shown);
    expect(calls.map(({ url }) => url)).toEqual([request.url]);
    expect(away.isCancelled()).toBe(true);
  });

  it('in a loop ends after 5 hops', async () => {
    const { calls, transport } = setUp([replying(302, null, { location: request.url })]);
    await expect(transport.get(request)).resolves.toMatchObject({ status: 302 });
    expect(calls).toHaveLength(6);
  });
});

describe('an abort', () => {
  it.each<[string, FetchStep, RateLimitSetting]>([
    ['while fetch hangs and ignores it', hanging(), { kind: 'off' }],
    [
      'while the body hangs',
      () => watchedBody(['x'], { endless: true }).response,
      { kind: 'off' },
    ],
    ['during a backoff', replying(503, '', { 'Retry-After': '60' }), { kind: 'off' }],
    ['during a pause', replying(429, '', { 'Retry-After': '60' }), { kind: 'auto' }],
  ])('%s takes effect immediately and cleans up', async (_name, step, rateLimit) => {
    const { clock, limiter, transport } = setUp([step], { rateLimit, concurrency: 1 });
    const controller = new AbortController();
    const reason = new Error('shutting down');
    const { signal } = controller;
    const first = transport.get(request, { signal });
    const second = transport.get(request, { signal });
    const ends = Promise.allSettled([first, second]);
    await clock.advance(5_000);
    controller.abort(reason);
    expect(await ends).toEqual([
      { status: 'rejected', reason },
      { status: 'rejected', reason },
    ]);
    await clock.settle();
    expect(clock.now()).toBe(5_000);
    expect(clock.sleeping).toBe(0);
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
    await expect(clock.run(limiter.run(async () => 'free'))).resolves.toBe('free');
  });

  it('reaches fetch, and is reported before the request rejects', async () => {
    const step: FetchStep = ({ signal }) =>
      new Promise((_, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason));
      });
    const { attempts, clock, transport } = setUp([step]);
    const controller = new AbortController();
    const pending = transport.get(request, { signal: controller.signal });
    await clock.settle();
    controller.abort('stop');
    await expect(pending).rejects.toBe('stop');
    expect(attempts).toEqual([['aborted', false]]);
  });

  it('before the call sends nothing', async () => {
    const { calls, transport } = setUp([replying(200)]);
    const signal = AbortSignal.abort('early');
    await expect(transport.get(request, { signal })).rejects.toBe('early');
    expect(calls).toHaveLength(0);
  });

  it('can end hundreds of requests at the same time', async () => {
    const { calls, clock, transport } = setUp([hanging()]);
    const controller = new AbortController();
    const { signal } = controller;
    const all = Array.from({ length: 200 }, () => transport.get(request, { signal }));
    const ends = Promise.allSettled(all);
    await clock.settle();
    controller.abort('stop');
    await ends;
    await clock.settle();
    expect(calls).toHaveLength(8);
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });
});
