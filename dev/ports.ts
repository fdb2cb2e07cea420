/** Finds the ports of the demo: the usual ones, or the next free ones. */

import { createServer } from 'node:net';

/** The number of ports to try after the wanted one. */
const MAX_STEPS = 20;

/**
 * Finds a free port.
 *
 * @returns the wanted one, or the next free one above it
 * @throws Error with a message for the terminal if all of them are taken
 */
export async function findFreePort(wanted: number, host: string): Promise<number> {
  const last = wanted + MAX_STEPS;
  for (let port = wanted; port <= last; port += 1) {
    if (await isFree(port, host)) {
      return port;
    }
  }
  throw new Error(`The ports ${wanted} to ${last} of ${host} are all taken`);
}

function isFree(port: number, host: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) =>
      error.code === 'EADDRINUSE' ? resolve(false) : reject(error),
    );
    server.listen(port, host, () => server.close(() => resolve(true)));
  });
}

/**
 * Reads a port from an environment variable, if it is set.
 *
 * @throws Error that names the variable
 */
export function readPort(
  name: string,
  usual: number,
  env: Readonly<Record<string, string | undefined>>,
): number {
  const text = env[name] || String(usual);
  const port = Number(text);
  if (!/^\d+$/.test(text) || port < 1 || port > 65_535) {
    throw new Error(`${name} has to be a port, such as ${usual}, but is "${text}"`);
  }
  return port;
}
