import {
  createSimulatedBitbucket,
  RefChange,
  SimulatedBitbucket,
} from '../../dev/simulatedBitbucket';
import { HOSTILE_VALUES } from '../events/__testUtils__/payloads';
import { REPOSITORY_EVENT_KEYS } from '../events/webhookTopics';
import { createDemoBitbucket, DEMO_PROVIDER } from './__testUtils__/demoBitbucket';
import { runCommand } from './__testUtils__/runCommand';

const PUSH = 'repo:refs_changed';

/** An update of the default branch. */
const UPDATE: RefChange & { type?: 'BRANCH' | 'TAG' } = {
  branch: 'master',
  fromHash: 'a'.repeat(40),
  toHash: 'b'.repeat(40),
};

function replay(
  eventKey: string,
  payload: string,
  bitbucket = createDemoBitbucket(),
  provider = {},
) {
  return runCommand(['replay', eventKey, 'payload.json'], {
    bitbucket,
    provider: { ...DEMO_PROVIDER, ...provider },
    files: { 'payload.json': payload },
  });
}

function pushTo(
  bitbucket: SimulatedBitbucket,
  projectKey: string,
  slug: string,
  change: Partial<typeof UPDATE> = {},
): string {
  const branch = bitbucket.getRepository(projectKey, slug).git.defaultBranch;
  const changes = [{ ...UPDATE, branch, ...change }];
  return bitbucket.webhook(PUSH, { projectKey, slug, changes }).body;
}

describe('replay', () => {
  it('shows what a push to the default branch would do', async () => {
    const bitbucket = createDemoBitbucket();
    const payload = pushTo(bitbucket, 'PAY', 'pay-service-4');
    const { stdout, exitCode } = await replay(PUSH, payload, bitbucket);

    expect(stdout).toContain('Push to PAY/pay-service-4: UPDATE refs/heads/');
    expect(stdout).toContain('Relevant: the default branch was updated');
    expect(stdout).toMatch(/Outcome +registered/);
    expect(stdout).toContain('browse/catalog-info.yaml');
    expect(exitCode).toBe(0);
  });

  it('explains why a repository would still not be in the catalog', async () => {
    const bitbucket = createDemoBitbucket();
    const payload = pushTo(bitbucket, 'PAY', 'retired');
    const { stdout, exitCode } = await replay(PUSH, payload, bitbucket);

    expect(stdout).toMatch(/Outcome +excluded: archived/);
    expect(stdout).toContain('Unarchive it');
    expect(exitCode).toBe(0);
  });

  it.each([
    ['another branch', { branch: 'feature/x' }, {}, 'only other branches changed'],
    ['a tag', { type: 'TAG' as const }, {}, 'only tags changed'],
    [
      'a branch that is not the configured one',
      {},
      { branch: 'release' },
      'only other branches changed',
    ],
  ])('ignores a push to %s', async (_, change, provider, words) => {
    const bitbucket = createDemoBitbucket();
    const payload = pushTo(bitbucket, 'PAY', 'pay-service-4', change);
    const { stdout, exitCode } = await replay(PUSH, payload, bitbucket, provider);

    expect(stdout).toContain(`Not relevant: ${words}`);
    expect(stdout).not.toContain('Outcome');
    expect(exitCode).toBe(0);
  });

  it('recognizes an event of another server', async () => {
    const elsewhere = createDemoBitbucket({ baseUrl: 'https://git.elsewhere.test' });
    const payload = pushTo(elsewhere, 'PAY', 'pay-service-4');
    const { stdout, exitCode } = await replay(PUSH, payload);

    expect(stdout).toContain('Not relevant: the event comes from another server');
    expect(exitCode).toBe(0);
  });

  it('recognizes its own server by the base URL in the listing', async () => {
    const bitbucket = createDemoBitbucket({
      linkBaseUrl: 'https://git.example.test/stash',
    });
    const payload = pushTo(bitbucket, 'PAY', 'pay-service-4');
    const { stdout } = await replay(PUSH, payload, bitbucket);

    expect(stdout).toContain('Relevant: ');
    expect(stdout).toContain('http://bitbucket.test/projects/PAY/repos/pay-service-4');
  });

  it('recognizes a repository without a link by its id', async () => {
    const bitbucket = createDemoBitbucket();
    const { id } = bitbucket.getRepository('PAY', 'pay-service-4');
    const payload = (repositoryId: number) =>
      JSON.stringify({
        repository: { id: repositoryId, slug: 'pay-service-4', project: { key: 'PAY' } },
        changes: [],
      });
    const own = await replay(PUSH, payload(id), bitbucket);
    const foreign = await replay(PUSH, payload(id + 1000), bitbucket);

    expect(own.stdout).toContain('Relevant: the event does not say what changed');
    expect(foreign.stdout).toContain('Not relevant: the event contains no link');
  });

  it('checks each repository of a modified project', async () => {
    const bitbucket = createSimulatedBitbucket({ users: createDemoUsers() });
    bitbucket.addProject({ key: 'OLD', name: 'Old' });
    for (const slug of ['api', 'web']) {
      const files = { 'catalog-info.yaml': 'x' };
      bitbucket.addRepository({ projectKey: 'OLD', slug, files });
    }
    const old = bitbucket.projectJson('OLD') ?? {};
    bitbucket.renameProject('OLD', 'NEW');
    const { body } = bitbucket.webhook('project:modified', { projectKey: 'NEW', old });
    const { stdout, exitCode } = await replay('project:modified', body, bitbucket);

    expect(stdout).toContain('Project modified: NEW, formerly OLD');
    expect(stdout).toContain('NEW/api');
    expect(stdout).toContain('NEW/web');
    expect(exitCode).toBe(0);
  });

  it('reports that a deleted repository would lose its Locations', async () => {
    const bitbucket = createDemoBitbucket();
    const payload = pushTo(bitbucket, 'PAY', 'pay-service-4');
    bitbucket.deleteRepository('PAY', 'pay-service-4');
    const { stdout, exitCode } = await replay('repo:deleted', payload, bitbucket);

    expect(stdout).toContain('Repository deleted: PAY/pay-service-4');
    expect(stdout).toContain('its Locations would be removed');
    expect(exitCode).toBe(0);
  });

  it('fails and changes nothing if Bitbucket refuses access', async () => {
    const bitbucket = createDemoBitbucket();
    const payload = pushTo(bitbucket, 'DATA', 'forbidden');
    const { stdout, exitCode } = await replay(PUSH, payload, bitbucket);

    expect(stdout).toContain('DATA/forbidden unknown: not-permitted');
    expect(stdout).toContain('Nothing would change');
    expect(exitCode).toBe(1);
  });

  it('does not decide if the default branch cannot be read', async () => {
    const bitbucket = createDemoBitbucket();
    const payload = pushTo(bitbucket, 'PAY', 'pay-service-4');
    const fault = bitbucket.faults.add({
      match: { path: /default-branch|branches\/default/ },
      effect: { type: 'status', status: 503 },
    });
    const { stdout, exitCode } = await replay(PUSH, payload, bitbucket);

    expect(stdout).toContain('Not decided: the default branch cannot be read');
    expect(stdout).toContain('FAILED: Bitbucket failed: 503');
    expect(stdout).not.toContain('Outcome');
    expect(fault.hits).toBeGreaterThan(0);
    expect(exitCode).toBe(1);
  });

  it('fails with the cause if the credentials do not work', async () => {
    const bitbucket = createDemoBitbucket();
    const payload = pushTo(bitbucket, 'PAY', 'pay-service-4');
    bitbucket.getUser('backstage').captchaRequired = true;
    const { stdout, exitCode } = await replay(PUSH, payload, bitbucket);

    expect(stdout).toContain('FAILED: Bitbucket demands a CAPTCHA');
    expect(exitCode).toBe(1);
  });

  it.each([
    ['diagnostics:ping', '{"test":true}', 'ignored: a test of the connection', 0],
    ['pr:merged', '{}', 'ignored: pr:merged is irrelevant to discovery', 0],
    [PUSH, '{"repository":{}}', 'not understood: the payload has no readable', 1],
    ['no event\nkey', '{}', 'not understood: ', 1],
  ])('explains why %j with %s is %s, and exits with %i', async (...row) => {
    const [eventKey, payload, words, expectedCode] = row;
    const bitbucket = createDemoBitbucket();
    const { stdout, exitCode } = await replay(eventKey, payload, bitbucket);

    expect(stdout).toContain(`The event is ${words}`);
    expect(exitCode).toBe(expectedCode);
    expect(bitbucket.requests).toHaveLength(0);
  });

  const hostile = HOSTILE_VALUES.filter(([, value]) => value !== undefined);
  it.each(hostile)('survives a payload that is %s, for every event', async (_, value) => {
    const payloads = [value, { repository: value, changes: [value] }, { new: value }];
    for (const eventKey of REPOSITORY_EVENT_KEYS) {
      for (const payload of payloads) {
        const result = await replay(eventKey, JSON.stringify(payload));

        const isRejected = result.stdout.includes('The event is not understood');
        expect([result.exitCode, result.stderr]).toEqual([isRejected ? 1 : 0, '']);
      }
    }
  });

  it('sends no request for a payload with a path that leads elsewhere', async () => {
    const bitbucket = createDemoBitbucket();
    const self = [{ href: 'http://bitbucket.test/projects/PAY/repos/../browse' }];
    const repository = { id: 1, slug: '..', project: { key: 'PAY' }, links: { self } };
    const payload = JSON.stringify({ repository, changes: [] });
    await replay(PUSH, payload, bitbucket);

    expect(bitbucket.requests).toHaveLength(0);
  });

  it.each([
    ['does not exist', 'nowhere.json', 'cannot be read (ENOENT)'],
    ['is not JSON', 'broken.json', 'is not valid JSON'],
  ])('exits with 2 if the file %s', async (_, file, words) => {
    const { stderr, exitCode } = await runCommand(['replay', PUSH, file], {
      bitbucket: createDemoBitbucket(),
      files: { 'broken.json': '{"repository": ' },
    });

    expect(stderr).toContain(`${file} ${words}`);
    expect(exitCode).toBe(2);
  });
});

function createDemoUsers() {
  return [...createDemoBitbucket().users.values()].map(({ name, password }) => ({
    name,
    password,
  }));
}
