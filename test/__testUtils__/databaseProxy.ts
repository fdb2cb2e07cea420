/** A proxy between a backend and its PostgreSQL, to make that unavailable. For tests. */

import { once } from 'node:events';
import { connect, createServer, Server, Socket } from 'node:net';

/** `refuses`: like a server that is stopped; `hangs`: like a network that loses everything. */
export type Disorder = 'refuses' | 'hangs';

/** A started proxy. */
export interface DatabaseProxy {
  /** The connection string by which it leads to the database. */
  readonly url: string;
  fail(disorder: Disorder): Promise<void>;
  /** Lets everything through again; what was held back arrives late. */
  recover(): Promise<void>;
  /** Ends all connections. */
  close(): Promise<void>;
}

/** A connection of the backend, and the one to the database that belongs to it. */
class Link {
  readonly #near: Socket;
  readonly #far: Socket;

  constructor(near: Socket, target: URL) {
    this.#near = near;
    this.#far = connect({ host: target.hostname, port: Number(target.port || 5432) });
    near.pipe(this.#far);
    this.#far.pipe(near);
    for (const socket of [near, this.#far]) {
      socket.on('error', () => undefined).on('close', () => this.end());
    }
  }

  hold(): void {
    this.#near.unpipe().pause();
    this.#far.unpipe().pause();
  }

  release(): void {
    this.#near.pipe(this.#far);
    this.#far.pipe(this.#near);
  }

  end(): void {
    this.#near.destroy();
    this.#far.destroy();
  }
}

/** Starts a proxy on a separate port, which never changes. */
export async function startDatabaseProxy(databaseUrl: string): Promise<DatabaseProxy> {
  const target = new URL(databaseUrl);
  const links = new Set<Link>();
  let isHanging = false;
  const server = createServer(near => {
    const link = new Link(near, target);
    links.add(link);
    near.on('close', () => links.delete(link));
    if (isHanging) link.hold();
  });
  const port = await listen(server, 0);
  const endLinks = () => links.forEach(link => link.end());
  const close = async () => {
    endLinks();
    if (!server.listening) return;
    const closed = once(server, 'close');
    server.close();
    await closed;
  };
  const url = new URL(databaseUrl);
  url.hostname = '127.0.0.1';
  url.port = String(port);
  return {
    url: url.href,
    async fail(disorder) {
      if (disorder === 'refuses') {
        await close();
      } else {
        isHanging = true;
        links.forEach(link => link.hold());
      }
    },
    async recover() {
      isHanging = false;
      links.forEach(link => link.release());
      if (!server.listening) await listen(server, port);
    },
    close,
  };
}

async function listen(server: Server, port: number): Promise<number> {
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('no port');
  return address.port;
}
