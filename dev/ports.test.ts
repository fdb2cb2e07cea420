import { once } from 'node:events';
import { createServer } from 'node:net';
import { findFreePort, readPort } from './ports';

const HOST = '127.0.0.1';

/** Listens on a port during a test. */
async function occupy(port: number) {
  const server = createServer().listen(port, HOST);
  await once(server, 'listening');
  const address = server.address();
  return {
    port: typeof address === 'object' && address ? address.port : port,
    [Symbol.asyncDispose]: async () => {
      server.close();
      await once(server, 'close');
    },
  };
}

describe('the ports of the demo', () => {
  it('are the usual ones if these are free', async () => {
    let port: number;
    {
      await using free = await occupy(0);
      port = free.port;
    }

    expect(await findFreePort(port, HOST)).toBe(port);
  });

  it('are the next free ones if the usual ones are taken', async () => {
    await using taken = await occupy(0);

    const found = await findFreePort(taken.port, HOST);

    expect(found).toBeGreaterThan(taken.port);
    await using _ = await occupy(found);
  });

  it('may be set in the environment', () => {
    expect(readPort('DEMO_PORT', 7007, { DEMO_PORT: '8080' })).toBe(8080);
    expect(readPort('DEMO_PORT', 7007, {})).toBe(7007);
    expect(readPort('DEMO_PORT', 7007, { DEMO_PORT: '' })).toBe(7007);
  });

  it.each(['http', '0', '65536', '-1', '80.5'])('cannot be %s', text => {
    expect(() => readPort('DEMO_PORT', 7007, { DEMO_PORT: text })).toThrow(
      `DEMO_PORT has to be a port, such as 7007, but is "${text}"`,
    );
  });
});
