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
import type { SimulatedRequest } from './facts';
import type { Answer } from './handle';
import type { SimulatedBitbucket } from './index';

/** A simulated server on a socket. */
export interface ServedBitbucket extends AsyncDisposable {
  /** The server's base URL with context path, without trailing slash. */
  readonly url: string;
  readonly port: number;
  /** Ends every connection immediately, including those that hang. */
  close(): Promise<void>;
}

/**
 * Listens for HTTP and sets the simulated server's `baseUrl` to its address; the context
 * path stays.
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
  try {
    const answer = await simulated.answerRequest(await toRequest(incoming, outgoing));
    if (!answer) {
      incoming.socket.resetAndDestroy();
      return;
    }
    await send(answer, outgoing);
  } catch (error) {
    if (outgoing.closed || outgoing.headersSent) {
      incoming.socket.destroy();
      return;
    }
    // A bug in the simulator: report it in the response, where a developer looks.
    outgoing.writeHead(500, { 'Content-Type': 'text/plain' }).end(String(error));
  }
}

/** Creates the signal only when needed: most requests are answered immediately. */
async function toRequest(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Promise<SimulatedRequest> {
  const { method = 'GET', url = '/', headers } = incoming;
  let gone: AbortController | undefined;
  return {
    method,
    target: url,
    authorization: headers.authorization,
    body: method === 'GET' ? '' : await text(incoming),
    get signal() {
      gone ??= createGoneController(outgoing);
      return gone.signal;
    },
  };
}

/** Aborts when the client leaves before it has been answered. */
function createGoneController(outgoing: ServerResponse): AbortController {
  const gone = new AbortController();
  const tell = () => {
    if (!outgoing.writableFinished) {
      gone.abort();
    }
  };
  if (outgoing.closed) {
    tell();
  }
  outgoing.on('close', tell);
  return gone;
}

/** Sends a text together with its headers. */
async function send(
  { status, headers, body }: Answer,
  outgoing: ServerResponse,
): Promise<void> {
  if (typeof body === 'string') {
    const length = Buffer.byteLength(body);
    outgoing.writeHead(status, { ...headers, 'Content-Length': length }).end(body);
    return;
  }
  outgoing.writeHead(status, headers);
  for await (const piece of body ?? []) {
    outgoing.write(piece);
  }
  outgoing.end();
}
