/** The simulator on a socket. */
import { type ServedBitbucket, createSimulatedBitbucket, serve } from './index';
import { authorization, readAnswer } from './testSupport';

const headers = authorization({ token: 'secret' });

describe('serve', () => {
  const simulated = createSimulatedBitbucket({
    baseUrl: 'http://bitbucket.test/ctx',
    users: [{ name: 'bot', token: 'secret' }],
  });
  simulated.addRepository({ projectKey: 'PAY', slug: 'api', files: { 'ü.md': 'ß' } });
  let served: ServedBitbucket;

  beforeAll(async () => {
    served = await serve(simulated);
  });
  afterEach(() => simulated.faults.clear());
  afterAll(() => served.close());

  const get = (path: string, signal?: AbortSignal) =>
    fetch(`${served.url}/rest/api/1.0${path}`, { headers, signal, redirect: 'manual' });

  it('listens on a free port and keeps the context path, also in links', async () => {
    expect(served.url).toBe(`http://127.0.0.1:${served.port}/ctx`);
    const { status, text } = await readAnswer(await get('/projects/PAY/repos/api'));
    expect(status).toBe(200);
    expect(text).toContain(`"${served.url}/projects/PAY/repos/api/browse"`);
  });

  it('transfers bytes, headers and empty answers', async () => {
    const raw = await readAnswer(await get('/projects/PAY/repos/api/raw/%C3%BC.md?at='));
    expect(raw.text).toBe('ß');
    expect(raw.headers.get('x-ausername')).toBe('bot');
    simulated.addRepository({ projectKey: 'PAY', slug: 'empty', empty: true });
    const empty = await get('/projects/PAY/repos/empty/branches/default');
    expect(empty.status).toBe(204);
  });

  it('resets connections', async () => {
    simulated.faults.add({ effect: 'reset', times: 1 });
    await expect(get('/repos')).rejects.toMatchObject({ cause: { code: 'ECONNRESET' } });
    expect((await get('/repos')).status).toBe(200);
  });

  it('redirects without following', async () => {
    simulated.faults.add({ effect: { type: 'redirect', to: 'http://elsewhere.test/' } });
    expect((await get('/repos')).headers.get('location')).toBe('http://elsewhere.test/');
  });

  it('sends slow bodies in pieces, and notices when the client leaves', async () => {
    simulated.faults.add({ effect: { type: 'slow-body', ms: 10 }, times: 1 });
    expect((await readAnswer(await get('/repos'))).json).toMatchObject({
      isLastPage: true,
    });
    simulated.faults.add({ effect: { type: 'delay', ms: 60_000 } });
    await expect(get('/repos', AbortSignal.timeout(30))).rejects.toThrow();
    while (simulated.inFlight > 0) {
      await new Promise(setImmediate);
    }
  });

  it('closes immediately although requests hang', async () => {
    const other = await serve(simulated);
    simulated.faults.add({ effect: 'hang' });
    const hanging = expect(fetch(`${other.url}/rest/api/1.0/repos`)).rejects.toThrow();
    while (simulated.inFlight === 0) {
      await new Promise(setImmediate);
    }
    await other.close();
    await hanging;
    simulated.baseUrl = served.url;
  });
});

it('serve refuses a port that is taken', async () => {
  const simulated = createSimulatedBitbucket();
  const { port, close } = await serve(simulated);
  await expect(serve(simulated, { port })).rejects.toMatchObject({ code: 'EADDRINUSE' });
  await close();
});
