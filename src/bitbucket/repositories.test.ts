/** The three listings: their results, their requests and the outcome of each fault. */

import {
  createSimulatedBitbucket,
  FaultOptions,
  SimulatedBitbucketOptions,
} from '../../dev/simulatedBitbucket';
import { createSimulatedClient, SimulatedClient } from '../__testUtils__/simulatedClient';
import { ListingStep, Project, Repository } from '../model';

type Kind = 'repositories' | 'projects' | 'project-repositories';
type Effect = FaultOptions['effect'];
type Steps = readonly ListingStep<Repository | Project>[];

const LISTINGS: Record<Kind, (client: SimulatedClient) => Promise<Steps>> = {
  repositories: ({ list }) => list(client => client.listRepositories()),
  projects: ({ list }) => list(client => client.listProjects()),
  'project-repositories': ({ list }) =>
    list(client => client.listProjectRepositories('P1')),
};
const KINDS = ['repositories', 'projects', 'project-repositories'] as const;

/** Five projects, the first with five repositories and each other with none. */
function connect(options: SimulatedBitbucketOptions = {}) {
  const bitbucket = createSimulatedBitbucket({
    users: [{ name: 'bot', token: 'BBDC-s3cret' }],
    ...options,
  });
  for (const number of [1, 2, 3, 4, 5]) {
    bitbucket.addProject({ key: `P${number}` });
    bitbucket.addRepository({ projectKey: 'P1', slug: `r${number}` });
  }
  const client = createSimulatedClient({ bitbucket, signIn: { token: 'BBDC-s3cret' } });
  return { bitbucket, ...client, client };
}

const getNames = (steps: Steps) =>
  steps
    .flatMap(step => (step.kind === 'items' ? step.items : []))
    .map(item => ('slug' in item ? item.slug : item.key));

describe('without faults', () => {
  it.each<[Kind, string[], string]>([
    [
      'repositories',
      ['r1', 'r2', 'r3', 'r4', 'r5'],
      '/repos?start=0&limit=1000&archived=ALL',
    ],
    ['projects', ['P1', 'P2', 'P3', 'P4', 'P5'], '/projects?start=0&limit=1000'],
    [
      'project-repositories',
      ['r1', 'r2', 'r3', 'r4', 'r5'],
      '/projects/P1/repos?start=0&limit=1000',
    ],
  ])('lists %s in one request', async (kind, expected, path) => {
    const { client, asked, attempts } = connect();
    const steps = await LISTINGS[kind](client);
    expect(getNames(steps)).toEqual(expected);
    expect(steps).toMatchObject([{ kind: 'items', unreadable: 0 }]);
    expect(asked()).toEqual([path]);
    expect(attempts).toEqual([{ kind, result: 200 }]);
  });

  it.each(KINDS)('follows the pages of %s with the limit of the server', async kind => {
    const { client, asked } = connect({ pageCaps: { repositories: 2, projects: 2 } });
    expect(getNames(await LISTINGS[kind](client))).toHaveLength(5);
    expect(asked().map(path => path.match(/start=\d+&limit=\d+/)?.[0])).toEqual([
      'start=0&limit=1000',
      'start=2&limit=2',
      'start=4&limit=2',
    ]);
  });

  it.each(['skipped', 'short-page'] as const)(
    'finds each visible repository once among hidden ones (%s)',
    async hiddenRows => {
      const { bitbucket, client } = connect({
        hiddenRows,
        pageCaps: { repositories: 2 },
      });
      bitbucket.hide('bot', 'P1/r1');
      bitbucket.hide('bot', 'P1/r3');
      bitbucket.hide('bot', 'P1/r4');
      expect(getNames(await LISTINGS.repositories(client))).toEqual(['r2', 'r5']);
    },
  );

  it('marks archived repositories, forks, personal and public ones as such', async () => {
    const { bitbucket, client } = connect();
    const origin = { projectKey: 'P1', slug: 'r1' };
    bitbucket.archiveRepository('P1', 'r1');
    bitbucket.updateRepository('P1', 'r2', { public: true });
    bitbucket.updateRepository('P1', 'r3', { state: 'OFFLINE' });
    bitbucket.addRepository({ projectKey: '~jdoe', slug: 'fork', origin });
    const [step] = await LISTINGS.repositories(client);
    expect(step).toMatchObject({
      items: [
        { projectKey: '~JDOE', slug: 'fork', fork: true, personal: true },
        { slug: 'r1', archived: true, fork: false, public: false, personal: false },
        { slug: 'r2', archived: false, public: true },
        { slug: 'r3', state: 'OFFLINE' },
        {},
        {},
      ],
    });
  });

  it('lists nothing where there is nothing to see', async () => {
    const { bitbucket, client } = connect();
    bitbucket.hide('bot', 'P1');
    expect(await LISTINGS.repositories(client)).toEqual([
      { kind: 'items', items: [], unreadable: 0 },
    ]);
  });
});

const EXCEPTION = 'com.atlassian.bitbucket';

/** Fault, reason, whether another endpoint may serve, attempts. */
const FAULTS: [string, Effect, string, boolean, number][] = [
  [
    '401 AuthorisationException',
    {
      type: 'status',
      status: 401,
      exceptionName: `${EXCEPTION}.AuthorisationException`,
      headers: { 'X-AUSERNAME': 'bot' },
    },
    'not-permitted',
    false,
    1,
  ],
  [
    'a lost permission at a proxy (403 in JSON)',
    { type: 'status', status: 403 },
    'not-permitted',
    false,
    1,
  ],
  ['403 in HTML', { type: 'html', status: 403 }, 'not-permitted', true, 1],
  ['404 in XML', 'xml-404', 'unexpected-answer', true, 1],
  [
    '404 in the JSON of a proxy',
    { type: 'status', status: 404, body: { message: 'no route' } },
    'unexpected-answer',
    true,
    1,
  ],
  ['405', { type: 'status', status: 405 }, 'unexpected-answer', true, 1],
  [
    '400',
    {
      type: 'status',
      status: 400,
      exceptionName: `${EXCEPTION}.validation.ArgumentValidationException`,
    },
    'unexpected-answer',
    false,
    1,
  ],
  ['429 that does not end', { type: 'status', status: 429 }, 'rate-limited', false, 6],
  ['429 in HTML', { type: 'html', status: 429 }, 'rate-limited', false, 6],
  ['500', { type: 'status', status: 500 }, 'server-error', false, 2],
  ['502 in HTML', { type: 'html', status: 502 }, 'server-error', false, 4],
  ['503', { type: 'status', status: 503 }, 'server-error', false, 4],
  ['a reset', 'reset', 'server-error', false, 4],
  ['half an answer', 'truncated-json', 'unexpected-answer', true, 1],
  ['a login page', 'login-page', 'unexpected-answer', true, 1],
  [
    'a redirect to a login',
    { type: 'redirect', to: 'https://sso.example.com/login' },
    'unexpected-answer',
    true,
    1,
  ],
  [
    'foreign JSON',
    { type: 'body', body: '{"status":"ok"}' },
    'unexpected-answer',
    true,
    1,
  ],
];

/** Bitbucket itself refuses the account, which only its exception proves. */
function isOwnWord(effect: Effect): boolean {
  return JSON.stringify(effect).includes('AuthorisationException');
}

describe.each(KINDS)('%s', kind => {
  const caps = { pageCaps: { repositories: 2, projects: 2 } };

  it.each(FAULTS)(
    'fail at the first page with %s',
    async (_name, effect, reason, unsupported, count) => {
      const { bitbucket, client, attempts } = connect();
      bitbucket.faults.add({ match: { kind }, effect });
      expect(await LISTINGS[kind](client)).toEqual([
        {
          kind: 'failed',
          problem: { reason, detail: expect.any(String) },
          unsupported,
          gone: false,
          ...(isOwnWord(effect) && { isRefusal: true }),
        },
      ]);
      expect(attempts.map(attempt => attempt.kind)).toEqual(Array(count).fill(kind));
    },
  );

  it.each(FAULTS)(
    'fail at a later page with %s and keep the first',
    async (_name, effect, reason, unsupported, count) => {
      const { bitbucket, client, attempts } = connect(caps);
      bitbucket.faults.add({ match: { kind, start: 2 }, effect });
      const steps = await LISTINGS[kind](client);
      expect(getNames(steps)).toHaveLength(2);
      expect(steps).toMatchObject([
        { kind: 'items' },
        { kind: 'failed', problem: { reason }, unsupported, gone: false },
      ]);
      expect(attempts).toHaveLength(1 + count);
    },
  );

  it.each<[string, Effect]>([
    ['takes too long', 'hang'],
    ['takes a proxy too long', { type: 'html', status: 504 }],
  ])('ask for a smaller page where one %s', async (_name, effect) => {
    const { bitbucket, client, asked } = connect();
    bitbucket.faults.add({
      match: request => request.kind === kind && Number(request.query.get('limit')) > 300,
      effect,
    });
    expect(getNames(await LISTINGS[kind](client))).toHaveLength(5);
    expect(asked().map(path => /limit=(\d+)/.exec(path)?.[1])).toEqual([
      '1000',
      '500',
      '250',
    ]);
  });

  it('fail where the smallest page times out at every attempt', async () => {
    const { bitbucket, client, asked } = connect();
    bitbucket.faults.add({ match: { kind }, effect: 'hang' });
    expect(await LISTINGS[kind](client)).toMatchObject([
      {
        kind: 'failed',
        problem: {
          reason: 'timeout',
          detail: expect.stringMatching(/limit=125\b.*failed after 4 attempts/),
        },
        unsupported: false,
        gone: false,
      },
    ]);
    expect(asked()).toHaveLength(7);
  });

  it.each<[string, Effect]>([
    ['leads back to itself', 'looping-page'],
    ['does not say where the next one begins', 'null-next-page-start'],
  ])('fail where a page %s', async (_name, effect) => {
    const { bitbucket, client, attempts } = connect(caps);
    bitbucket.faults.add({ match: { kind, start: 2 }, effect });
    const steps = await LISTINGS[kind](client);
    expect(getNames(steps)).toHaveLength(4);
    expect(steps.at(-1)).toMatchObject({
      kind: 'failed',
      problem: { reason: 'unexpected-answer' },
      unsupported: false,
      gone: false,
    });
    expect(attempts).toHaveLength(2);
  });

  it('end at a last page with null as nextPageStart', async () => {
    const { bitbucket, client } = connect();
    bitbucket.faults.add({ match: { kind }, effect: 'null-next-page-start' });
    expect(await LISTINGS[kind](client)).toMatchObject([{ kind: 'items' }]);
  });

  it('look complete if a page is empty and claims to be the last', async () => {
    const { bitbucket, client } = connect(caps);
    bitbucket.faults.add({ match: { kind, start: 2 }, effect: 'empty-page' });
    const steps = await LISTINGS[kind](client);
    expect(getNames(steps)).toHaveLength(2);
    expect(steps).toMatchObject([{ kind: 'items' }, { kind: 'items', items: [] }]);
  });

  it('count an item that cannot be read and go on', async () => {
    const { bitbucket, client } = connect(caps);
    bitbucket.faults.add({ match: { kind, start: 2 }, effect: 'bad-item' });
    const steps = await LISTINGS[kind](client);
    expect(getNames(steps)).toHaveLength(4);
    expect(steps.map(step => step.kind === 'items' && step.unreadable)).toEqual([
      0, 1, 0,
    ]);
  });

  it('survive a fault that passes', async () => {
    const { bitbucket, client, attempts } = connect();
    bitbucket.faults.add({
      match: { kind },
      times: 2,
      effect: { type: 'status', status: 503 },
    });
    expect(getNames(await LISTINGS[kind](client))).toHaveLength(5);
    expect(attempts.map(({ result }) => result)).toEqual([503, 503, 200]);
  });
});

describe('the repositories of one project', () => {
  it('are gone where the project does not exist', async () => {
    const { list } = connect();
    expect(await list(client => client.listProjectRepositories('NO'))).toMatchObject([
      {
        kind: 'failed',
        problem: { reason: 'unexpected-answer' },
        gone: true,
        unsupported: false,
      },
    ]);
  });

  it('are not gone where it may not be seen', async () => {
    const { bitbucket, client } = connect();
    bitbucket.hide('bot', 'P1');
    expect(await LISTINGS['project-repositories'](client)).toMatchObject([
      {
        kind: 'failed',
        problem: { reason: 'not-permitted' },
        gone: false,
        unsupported: false,
      },
    ]);
  });
});
