/** Each fault, as a client sees it. */
import { http } from 'msw';
import { setupServer } from 'msw/node';
import { type FaultOptions, createSimulatedBitbucket } from './index';
import { ManualClock, ask, authorization, readAnswer } from './testSupport';

function withRepositories() {
  const clock = new ManualClock();
  const simulated = createSimulatedBitbucket({
    clock,
    users: [{ name: 'bot', token: 'secret' }],
  });
  for (const slug of ['a', 'b', 'c']) {
    simulated.addRepository({ projectKey: 'PAY', slug });
  }
  return { clock, simulated };
}

/** Answers `/repos?limit=2` with one fault in force. */
async function askWith(effect: FaultOptions['effect']) {
  const { simulated } = withRepositories();
  simulated.faults.add({ effect });
  return ask(simulated, '/repos?limit=2');
}

describe('an effect', () => {
  it('answers a status with a named exception, headers and body', async () => {
    const plain = await askWith({
      type: 'status',
      status: 503,
      exceptionName: 'com.example.Busy',
      headers: { 'Retry-After': '7' },
    });
    expect(plain).toMatchObject({
      status: 503,
      json: { errors: [{ context: null, exceptionName: 'com.example.Busy' }] },
    });
    expect(plain.headers.get('retry-after')).toBe('7');
    const text = await askWith({ type: 'status', status: 500, body: 'oops' });
    expect(text.text).toBe('oops');
    const json = await askWith({ type: 'status', status: 500, body: { a: 1 } });
    expect(json.json).toEqual({ a: 1 });
  });

  it('cuts the JSON short', async () => {
    const { status, text, json } = await askWith('truncated-json');
    expect(status).toBe(200);
    expect(text).toMatch(/^{"size":2/);
    expect(json).toBeUndefined();
  });

  it.each([
    ['login-page' as const, 200],
    [{ type: 'html' as const, status: 502 }, 502],
  ])('answers HTML: %j', async (effect, status) => {
    const answer = await askWith(effect);
    expect(answer).toMatchObject({ status, text: expect.stringContaining('<html>') });
    expect(answer.headers.get('content-type')).toContain('text/html');
    expect(answer.headers.get('x-ausername')).toBeNull();
  });

  it('answers the XML of an unknown route', async () => {
    const { status, text } = await askWith('xml-404');
    expect(status).toBe(404);
    expect(text).toContain('<status-code>404</status-code>');
  });

  it('answers an empty page that claims to be the last', async () => {
    const { json } = await askWith('empty-page');
    expect(json).toEqual({ size: 0, limit: 2, isLastPage: true, values: [], start: 0 });
  });

  it('makes a page point at itself', async () => {
    const { json } = await askWith('looping-page');
    expect(json).toMatchObject({
      size: 2,
      isLastPage: false,
      start: 0,
      nextPageStart: 0,
    });
  });

  it('sends nextPageStart as null', async () => {
    expect((await askWith('null-next-page-start')).json).toMatchObject({
      size: 2,
      nextPageStart: null,
    });
  });

  it('makes one item of a page invalid', async () => {
    const { json } = await askWith({ type: 'bad-item', index: 1, item: 'x' });
    expect(json).toMatchObject({ size: 2, values: [{ slug: 'a' }, 'x'] });
  });

  it('replaces or edits the body', async () => {
    expect((await askWith({ type: 'body', body: '{}' })).text).toBe('{}');
    const edit = (real: string) => real.replace('"a"', '"z"');
    const edited = await askWith({ type: 'body', body: edit });
    expect(edited.json).toMatchObject({ values: [{ slug: 'z' }, { slug: 'b' }] });
  });

  it('redirects', async () => {
    const { status, headers } = await askWith({
      type: 'redirect',
      to: 'https://elsewhere.test/',
    });
    expect(status).toBe(302);
    expect(headers.get('location')).toBe('https://elsewhere.test/');
  });

  it('removes every permission: listings are empty, the rest is 401', async () => {
    const { simulated } = withRepositories();
    simulated.faults.add({ effect: 'lost-permission' });
    const listing = await ask(simulated, '/repos');
    expect(listing).toMatchObject({ status: 200, json: { size: 0, isLastPage: true } });
    expect(listing.headers.get('x-ausername')).toBe('bot');
    const { status, text } = await ask(simulated, '/projects/PAY/repos/a');
    expect(status).toBe(401);
    expect(text).toContain('com.atlassian.bitbucket.AuthorisationException');
  });

  it('delays the right answer on the clock, and delays add up', async () => {
    const { clock, simulated } = withRepositories();
    simulated.settings.latencyMs = 100;
    simulated.faults.add({ effect: { type: 'delay', ms: 200 } });
    simulated.faults.add({ effect: 'xml-404' });
    let status: number | undefined;
    const answer = ask(simulated, '/repos').then(result => (status = result.status));
    clock.advance(299);
    await new Promise(setImmediate);
    expect(status).toBeUndefined();
    clock.advance(1);
    expect(await answer).toBe(404);
  });

  it('sends the body in pieces', async () => {
    const { clock, simulated } = withRepositories();
    simulated.faults.add({ effect: { type: 'slow-body', ms: 1000, pieces: 2 } });
    const url = `${simulated.apiBaseUrl}/repos`;
    const headers = authorization({ token: 'secret' });
    const response = await simulated.handle(new Request(url, { headers }));
    let done = false;
    const answer = readAnswer(response).finally(() => (done = true));
    for (let second = 1; second <= 2; second += 1) {
      await new Promise(setImmediate);
      expect(done).toBe(false);
      clock.advance(1000);
    }
    expect((await answer).json).toMatchObject({ size: 3 });
  });
});

describe('a fault', () => {
  it('affects a number of matching requests after skipping some', async () => {
    const { simulated } = withRepositories();
    const fault = simulated.faults.add({
      match: { kind: 'repository', projectKey: 'pay', repositorySlug: 'A' },
      after: 1,
      times: 2,
      effect: { type: 'status', status: 500 },
    });
    const statuses: number[] = [];
    for (const slug of ['a', 'b', 'a', 'a', 'a']) {
      statuses.push((await ask(simulated, `/projects/PAY/repos/${slug}`)).status);
    }
    expect(statuses).toEqual([200, 200, 500, 500, 200]);
    expect(fault.hits).toBe(2);
  });

  it.each([
    [{ path: /repos\?limit=2$/ }, 404],
    [{ path: /labels/ }, 200],
    [{ kind: 'repositories' as const }, 404],
    [{ kind: ['projects', 'file-check'] as const }, 200],
    [{ start: 0 }, 404],
    [{ start: 2 }, 200],
    [({ query }: { query: URLSearchParams }) => query.get('limit') === '2', 404],
  ])('matches by %p', async (match, status) => {
    const { simulated } = withRepositories();
    simulated.faults.add({ match, effect: 'xml-404' });
    expect((await ask(simulated, '/repos?limit=2')).status).toBe(status);
  });

  it('distinguishes a file check from reading a file', async () => {
    const { simulated } = withRepositories();
    simulated.faults.add({ match: { kind: 'file-check' }, effect: 'xml-404' });
    const path = '/projects/PAY/repos/a/browse/README.md';
    expect((await ask(simulated, path)).status).toBe(200);
    expect((await ask(simulated, `${path}?type=true`)).status).toBe(404);
  });

  it('yields to an earlier fault, and ends when removed', async () => {
    const { simulated } = withRepositories();
    const first = simulated.faults.add({ effect: { type: 'status', status: 500 } });
    const second = simulated.faults.add({ effect: { type: 'status', status: 502 } });
    expect((await ask(simulated, '/repos')).status).toBe(500);
    first.remove();
    expect((await ask(simulated, '/repos')).status).toBe(502);
    simulated.faults.clear();
    expect((await ask(simulated, '/repos')).status).toBe(200);
    expect([first.hits, second.hits]).toEqual([1, 1]);
  });
});

describe('in msw', () => {
  const { simulated } = withRepositories();
  const server = setupServer(http.all('*', ({ request }) => simulated.handle(request)));
  const url = `${simulated.apiBaseUrl}/repos`;
  const headers = authorization({ token: 'secret' });
  beforeAll(() => server.listen({ onUnhandledRequest: 'error' }));
  afterEach(() => simulated.faults.clear());
  afterAll(() => server.close());

  it('answers fetch', async () => {
    const answer = await readAnswer(await fetch(url, { headers }));
    expect(answer).toMatchObject({ status: 200, json: { size: 3 } });
  });

  it('resets the connection', async () => {
    simulated.faults.add({ effect: 'reset', times: 1 });
    await expect(fetch(url, { headers })).rejects.toThrow(TypeError);
    expect(simulated.requests.at(-1)?.status).toBeUndefined();
  });

  it('hangs until the client aborts', async () => {
    simulated.faults.add({ effect: 'hang' });
    const signal = AbortSignal.timeout(50);
    await expect(fetch(url, { headers, signal })).rejects.toMatchObject({
      name: 'TimeoutError',
    });
  });
});
