/** The transport on a real network: Node's own fetch, real sockets, and msw. */

import { createServer, RequestListener, Server, ServerResponse } from 'node:http';
import { AddressInfo } from 'node:net';
import { http, HttpResponse } from 'msw';
import { setupServer } from 'msw/node';
import { FakeClock } from '../__testUtils__/FakeClock';
import { createTestLimiter } from '../__testUtils__/testLimiters';
import { HttpTransport, HttpTransportOptions } from './HttpTransport';
import { AttemptResult } from './types';

const servers: Server[] = [];

async function listen(listener: RequestListener) {
  const open = new Set<ServerResponse>();
  const server = createServer((req, res) => {
    open.add(res);
    // Emitted when the answer is complete, or when the other side has closed the connection.
    res.on('close', () => open.delete(res));
    listener(req, res);
  });
  servers.push(server);
  await new Promise<void>(resolve => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  return { base: `http://127.0.0.1:${port}`, open, server };
}

/** Waits until the condition is true; the time at which sockets close is not determined. */
async function eventually(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise(resolve => setImmediate(resolve));
}

afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise(resolve => {
      server.close(resolve);
    });
  }
});

/** A clock that stops while `isBusy`, so that no timeout overtakes an answer in transit. */
function setUp(
  base: string,
  options: Partial<HttpTransportOptions> & { isBusy?: () => boolean } = {},
) {
  const { isBusy, ...rest } = options;
  let inFlight = 0;
  const clock = new FakeClock({ holdWhile: isBusy ?? (() => inFlight > 0) });
  const attempts: AttemptResult[] = [];
  const limiter = createTestLimiter({ clock, rateLimit: { kind: 'auto' } });
  const counting: HttpTransportOptions['limiter'] = {
    observeResponse: response => limiter.observeResponse(response),
    run: (task, runOptions) =>
      limiter.run(async () => {
        inFlight += 1;
        try {
          return await task();
        } finally {
          inFlight -= 1;
        }
      }, runOptions),
  };
  const transport = new HttpTransport({
    baseUrl: base,
    headers: { Authorization: 'Bearer T0ken-s3cret' },
    redact: text => text,
    limiter: counting,
    clock,
    requestTimeoutMs: 30_000,
    observer: { onAttempt: ({ result }) => attempts.push(result), onWait: () => {} },
    ...rest,
  });
  const get = (path = '/', signal?: AbortSignal) =>
    transport.get({ kind: 'repositories', url: `${base}${path}` }, { signal });
  return { attempts, clock, get };
}

describe('on real sockets', () => {
  it('reads an answer', async () => {
    const { base } = await listen((req, res) => {
      res.setHeader('X-AUSERNAME', 'jane');
      res.end(JSON.stringify({ authorization: req.headers.authorization }));
    });
    const { clock, get } = setUp(base);
    const reply = await clock.run(get());
    expect(reply.body).toBe('{"authorization":"Bearer T0ken-s3cret"}');
    expect(reply.headers.get('x-ausername')).toBe('jane');
  });

  it('retries after a connection reset and after a truncated answer', async () => {
    let requests = 0;
    const { base } = await listen((_req, res) => {
      requests += 1;
      if (requests === 1) {
        res.socket?.resetAndDestroy();
      } else if (requests === 2) {
        res.setHeader('Content-Length', '1000');
        res.write('{"values":[');
        setImmediate(() => res.socket?.destroy());
      } else {
        res.end('{}');
      }
    });
    const { attempts, clock, get } = setUp(base);
    await expect(clock.run(get())).resolves.toMatchObject({ status: 200, body: '{}' });
    expect(attempts).toEqual(['network-error', 'network-error', 200]);
  });

  it('reports a refused connection', async () => {
    const { base, server } = await listen(() => {});
    servers.splice(0);
    await new Promise(resolve => {
      server.close(resolve);
    });
    const { clock, get } = setUp(base);
    await expect(clock.run(get())).rejects.toMatchObject({
      message: expect.stringContaining(
        'after 4 attempts: the connection was refused (ECONNREFUSED)',
      ),
    });
  });

  it('reports a TLS problem if the server speaks plain http', async () => {
    const { base } = await listen((_req, res) => res.end());
    const { clock, get } = setUp(base.replace('http:', 'https:'));
    await expect(clock.run(get())).rejects.toThrow(/no TLS connection could be made/);
  });

  it('releases the connection of a hanging answer after the timeout', async () => {
    let requests = 0;
    const { base, open } = await listen((_req, res) => {
      requests += 1;
      res.write('{"values":[');
    });
    const { attempts, clock, get } = setUp(base, {
      isBusy: () => requests === 0,
    });
    await expect(clock.run(get())).rejects.toThrow(/no complete answer within 30 s/);
    expect(attempts).toEqual(['timeout', 'timeout', 'timeout', 'timeout']);
    await eventually(() => open.size === 0);
  });

  it('releases all connections on an abort', async () => {
    let requests = 0;
    const { base, open } = await listen((_req, res) => {
      requests += 1;
      // Half of them hang before their headers, half in their body.
      if (requests % 2 === 0) res.write('{');
    });
    const { clock, get } = setUp(base, { isBusy: () => requests < 8 });
    const controller = new AbortController();
    const all = Array.from({ length: 20 }, () => get('/', controller.signal));
    const ends = Promise.allSettled(all);
    await clock.settle();
    controller.abort('stop');
    const reasons = (await ends).map(end => end.status === 'rejected' && end.reason);
    expect(reasons).toEqual(Array(20).fill('stop'));
    expect(requests).toBe(8);
    await eventually(() => open.size === 0);
  });

  it('cancels an answer that is too large', async () => {
    const { base, open } = await listen((_req, res) => {
      const chunk = 'x'.repeat(64 * 1024);
      const more = () => {
        while (!res.destroyed && res.write(chunk));
      };
      res.on('drain', more);
      more();
    });
    const { clock, get } = setUp(base);
    await expect(clock.run(get())).rejects.toMatchObject({
      name: 'BitbucketServerResponseTooLargeError',
      message: expect.stringContaining('after 1 attempt'),
    });
    await eventually(() => open.size === 0);
  });

  it('sends no credential to another origin, not even on the same host', async () => {
    const seen: (string | undefined)[] = [];
    const other = await listen((req, res) => {
      seen.push(req.headers.authorization);
      res.end('other');
    });
    const { base } = await listen((_req, res) => {
      res.writeHead(302, { Location: `${other.base}/login` }).end('moved');
    });
    const { clock, get } = setUp(base);
    await expect(clock.run(get())).resolves.toMatchObject({ status: 302, body: '' });
    expect(seen).toEqual([]);
  });

  it('follows a redirect within the origin', async () => {
    const { base } = await listen((req, res) => {
      if (req.url === '/a') res.writeHead(301, { Location: '/b' }).end();
      else res.end(`${req.url} ${req.headers.authorization}`);
    });
    const { clock, get } = setUp(base);
    const reply = await clock.run(get('/a'));
    expect(reply.body).toBe('/b Bearer T0ken-s3cret');
  });
});

describe('with msw', () => {
  const base = 'https://bitbucket.example.com';
  const msw = setupServer();
  beforeAll(() => msw.listen({ onUnhandledRequest: 'error' }));
  afterAll(() => msw.close());

  it('has its requests intercepted, including redirects and errors', async () => {
    let requests = 0;
    msw.use(
      http.get(`${base}/a`, () => {
        requests += 1;
        if (requests === 1) return HttpResponse.error();
        return new HttpResponse(null, { status: 302, headers: { location: '/b' } });
      }),
      http.get(`${base}/b`, () => HttpResponse.json({ size: 0 })),
    );
    const { attempts, clock, get } = setUp(base);
    const reply = await clock.run(get('/a'));
    expect(reply).toMatchObject({ status: 200, body: '{"size":0}' });
    expect(attempts).toEqual(['network-error', 302, 200]);
  });
});
