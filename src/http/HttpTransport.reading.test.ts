/** Bodies that the caller reads as a stream, and waits with a limit. */

import { FakeClock } from '../__testUtils__/FakeClock';
import {
  FetchStep,
  hanging,
  replying,
  scriptedFetch,
} from '../__testUtils__/scriptedFetch';
import { createTestLimiter } from '../__testUtils__/testLimiters';
import { HttpTransport } from './HttpTransport';
import { createRedactor } from './redact';
import { HttpReply, RateLimitSetting } from './types';

const BASE = 'https://bitbucket.example.com/rest/api/latest';
const url = `${BASE}/projects/PAY/repos/api/raw/a.yaml`;
const request = { kind: 'file-content', url } as const;

function setUp(
  steps: readonly FetchStep[],
  options: { rateLimit?: RateLimitSetting; concurrency?: number } = {},
) {
  const clock = new FakeClock({ startMs: 0 });
  const script = scriptedFetch(...steps);
  const transport = new HttpTransport({
    baseUrl: BASE,
    headers: { Authorization: 'Bearer T0ken-s3cret' },
    redact: createRedactor(['T0ken-s3cret']),
    limiter: createTestLimiter({ clock, ...options }),
    clock,
    requestTimeoutMs: 30_000,
    fetch: script.fetch,
  });
  return { calls: script.calls, clock, transport };
}

function readText({ stream }: HttpReply): Promise<string> {
  return new Response(stream).text();
}

describe('an answer that is requested unread', () => {
  it('has its body as a stream, and is requested with any content type', async () => {
    const { calls, transport } = setUp([replying(200, 'kind: Component')]);
    const reply = await transport.get(request, { unread: true });
    expect(reply).toMatchObject({ status: 200, body: '' });
    expect(await readText(reply)).toBe('kind: Component');
    expect(calls[0]?.headers.get('accept')).toBe('*/*');
    expect(calls[0]?.headers.get('authorization')).toBe('Bearer T0ken-s3cret');
  });

  it('holds no slot once its headers have arrived', async () => {
    const steps = [replying(200, 'one'), replying(200, 'two')];
    const { transport } = setUp(steps, { concurrency: 1 });
    const first = await transport.get(request, { unread: true });
    const second = await transport.get(request, { unread: true });
    expect(await Promise.all([first, second].map(readText))).toEqual(['one', 'two']);
  });

  it('has no time limit for its body', async () => {
    const { clock, transport } = setUp([replying(200, 'late')]);
    const reply = await transport.get(request, { unread: true });
    await clock.advance(3_600_000);
    expect(await readText(reply)).toBe('late');
  });

  it('is read if it is an error, with its secrets redacted', async () => {
    const { transport } = setUp([replying(404, 'no T0ken-s3cret here')]);
    const reply = await transport.get(request, { unread: true });
    expect(reply.stream).toBeUndefined();
    expect(reply.body).toContain('no ');
    expect(reply.body).not.toContain('T0ken-s3cret');
  });

  it('is requested again after a 503', async () => {
    const { calls, clock, transport } = setUp([replying(503), replying(200, 'here')]);
    const reply = await clock.run(transport.get(request, { unread: true }));
    expect(await readText(reply)).toBe('here');
    expect(calls).toHaveLength(2);
  });
});

describe('a wait with a limit', () => {
  const slow: RateLimitSetting = { kind: 'fixed', requestsPerSecond: 0.1, burst: 1 };
  const options = { maxWaitMs: 5_000 };

  it('ends when other requests are ahead for too long, and nothing is sent', async () => {
    const { calls, clock, transport } = setUp([replying(200, '1'), replying(200, '2')], {
      rateLimit: slow,
    });
    await transport.get(request, options);
    const startedAt = clock.monotonicMs();
    await expect(clock.run(transport.get(request, options))).rejects.toMatchObject({
      name: 'BitbucketServerWaitTooLongError',
      message: expect.stringContaining('was not sent: other requests were ahead'),
    });
    expect(clock.monotonicMs() - startedAt).toBe(5_000);
    expect(calls).toHaveLength(1);
  });

  it('takes no token from later requests', async () => {
    const { clock, transport } = setUp([replying(200, '1'), replying(200, '2')], {
      rateLimit: slow,
    });
    await transport.get(request, options);
    await expect(clock.run(transport.get(request, options))).rejects.toThrow('not sent');
    const reply = await clock.run(transport.get(request, { maxWaitMs: 5_001 }));
    expect(reply.body).toBe('2');
  });

  it('allows no retry whose delay exceeds it', async () => {
    const { calls, clock, transport } = setUp([
      replying(503, 'busy', { 'Retry-After': '20' }),
      replying(200),
    ]);
    const reply = await clock.run(transport.get(request, options));
    expect(reply).toMatchObject({ status: 503 });
    expect(calls).toHaveLength(1);
  });

  it('does not cut off an attempt that has begun', async () => {
    const { clock, transport } = setUp([hanging()]);
    await expect(clock.run(transport.get(request, options))).rejects.toMatchObject({
      name: 'BitbucketServerTimeoutError',
    });
    expect(clock.monotonicMs()).toBe(30_000);
  });

  it('leaves no timer behind', async () => {
    const { clock, transport } = setUp([replying(200)]);
    await transport.get(request, options);
    expect(clock.sleeping).toBe(0);
  });
});
