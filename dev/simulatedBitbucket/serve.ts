/**
 * Puts a simulated server on a socket: real HTTP, real resets, real hangs. Used by the
 * demo, the benchmark and the tests that need a network.
 */
import {
  type IncomingMessage,
  type Server,
  type ServerResponse,
  createServer,
} from 'node:http';
import { text } from 'node:stream/consumers';
import type { SimulatedBitbucket } from './index';

/** A simulated server on a socket. */
export interface ServedBitbucket extends AsyncDisposable {
  /** The server's base URL with context path, without trailing slash. */
  readonly url: string;
  readonly port: number;
  /** Ends every connection at once, also those that hang. */
  close(): Promise<void>;
}

/**
 * Listens for HTTP and sets the simulated server's `baseUrl` to where it listens; the
 * context path stays.
 *
 * @param options - `port` 0 (the default) picks a free one; `host` defaults to `127.0.0.1`
 */
export async function serve(
  simulated: SimulatedBitbucket,
  { port = 0, host = '127.0.0.1' }: { port?: number; host?: string } = {},
): Promise<ServedBitbucket> {
  const server = createServer({ keepAliveTimeout: 30_000 }, (incoming, outgoing) => {
    void respond(simulated, incoming, outgoing);
  });
  const actualPort = await listen(server, port, host);
  const { pathname } = new URL(simulated.baseUrl);
  simulated.baseUrl = `http://${host.includes(':') ? `[${host}]` : host}:${actualPort}${pathname}`;
  const close = () =>
    new Promise<void>(resolve => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return {
    url: simulated.baseUrl,
    port: actualPort,
    close,
    [Symbol.asyncDispose]: close,
  };
}

function listen(server: Server, port: number, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      const address = server.address();
      resolve(typeof address === 'object' && address ? address.port : port);
    });
  });
}

async function respond(
  simulated: SimulatedBitbucket,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Promise<void> {
  const gone = new AbortController();
  outgoing.on('close', () => gone.abort());
  try {
    const body = await text(incoming);
    const request = toRequest(simulated, incoming, body, gone.signal);
    const response = await simulated.handle(request);
    if (response.type === 'error') {
      incoming.socket.resetAndDestroy();
      return;
    }
    outgoing.writeHead(response.status, Object.fromEntries(response.headers));
    for await (const piece of response.body ?? []) {
      outgoing.write(piece);
    }
    outgoing.end();
  } catch (error) {
    if (gone.signal.aborted || outgoing.headersSent) {
      incoming.socket.destroy();
      return;
    }
    // A bug in the simulator: say so where it is looked for.
    outgoing.writeHead(500, { 'Content-Type': 'text/plain' }).end(String(error));
  }
}

function toRequest(
  simulated: SimulatedBitbucket,
  incoming: IncomingMessage,
  body: string,
  signal: AbortSignal,
): Request {
  const { authorization } = incoming.headers;
  return new Request(new URL(incoming.url ?? '/', simulated.baseUrl), {
    method: incoming.method,
    headers: authorization === undefined ? {} : { authorization },
    body: body === '' ? undefined : body,
    signal,
  });
}
