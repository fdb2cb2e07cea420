/** Webhooks, compared with Bitbucket's documentation. */
import { createHmac } from 'node:crypto';
import { createSimulatedBitbucket } from './index';

function withRepository() {
  const simulated = createSimulatedBitbucket({ users: [{ name: 'jdoe', token: 't' }] });
  simulated.addRepository({ projectKey: 'PAY', slug: 'api' });
  return simulated;
}

const API = { projectKey: 'PAY', slug: 'api' };

it('the simulator builds the payload of a push', () => {
  const simulated = withRepository();
  const push = simulated.writeFile('PAY', 'api', 'x', 'y');
  const { headers, body } = simulated.webhook('repo:refs_changed', {
    ...API,
    changes: [push],
  });
  expect(headers['X-Event-Key']).toBe('repo:refs_changed');
  expect(headers['X-Request-Id']).toMatch(/^[0-9a-f-]{36}$/);
  expect(headers).not.toHaveProperty('X-Hub-Signature');
  expect(JSON.parse(body)).toEqual({
    eventKey: 'repo:refs_changed',
    date: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+0000$/),
    actor: expect.objectContaining({ name: 'jdoe', slug: 'jdoe' }),
    repository: expect.objectContaining({ slug: 'api', id: 1 }),
    changes: [
      {
        ref: { id: 'refs/heads/main', displayId: 'main', type: 'BRANCH' },
        refId: 'refs/heads/main',
        fromHash: push.fromHash,
        toHash: push.toHash,
        type: 'UPDATE',
      },
    ],
  });
});

it('the simulator distinguishes new and deleted branches and tags', () => {
  const simulated = withRepository();
  const changes = [
    simulated.createBranch('PAY', 'api', 'next'),
    simulated.deleteBranch('PAY', 'api', 'next'),
    { ...simulated.createBranch('PAY', 'api', 'v1'), type: 'TAG' as const },
  ];
  const { body } = simulated.webhook('repo:refs_changed', { ...API, changes });
  expect(JSON.parse(body)).toMatchObject({
    changes: [
      { type: 'ADD' },
      { type: 'DELETE' },
      { refId: 'refs/tags/v1', type: 'ADD' },
    ],
  });
});

it('the simulator sends the old name and the new one of a renamed repository', () => {
  const simulated = withRepository();
  const old = simulated.repositoryJson('PAY', 'api');
  simulated.renameRepository('PAY', 'api', 'better');
  const details = { projectKey: 'PAY', slug: 'better', old };
  const { body } = simulated.webhook('repo:modified', details);
  expect(JSON.parse(body)).toMatchObject({
    old: { slug: 'api', id: 1 },
    new: { slug: 'better', id: 1 },
  });
});

it('the simulator builds the payloads of forks, projects and mirrors', () => {
  const simulated = withRepository();
  simulated.addRepository({ projectKey: '~jdoe', slug: 'fork', origin: API });
  const fork = simulated.webhook('repo:forked', { projectKey: '~jdoe', slug: 'fork' });
  expect(JSON.parse(fork.body)).toMatchObject({
    repository: { origin: { slug: 'api' } },
  });

  const old = simulated.projectJson('PAY') ?? {};
  simulated.renameProject('PAY', 'MONEY');
  const project = simulated.webhook('project:modified', { projectKey: 'MONEY', old });
  expect(JSON.parse(project.body)).toMatchObject({
    old: { key: 'PAY' },
    new: { key: 'MONEY' },
  });

  const push = simulated.writeFile('MONEY', 'api', 'x', 'y');
  const details = { projectKey: 'MONEY', slug: 'api', changes: [push] };
  const mirror = simulated.webhook('mirror:repo_synchronized', details);
  expect(JSON.parse(mirror.body)).toMatchObject({
    mirrorServer: { name: 'Mirror' },
    refLimitExceeded: false,
    changes: [{ toHash: push.toHash }],
  });
  const many = simulated.webhook('mirror:repo_synchronized', {
    ...details,
    refLimitExceeded: true,
  });
  expect(JSON.parse(many.body)).toMatchObject({ refLimitExceeded: true, changes: [] });
});

it('the simulator signs the body with the secret', () => {
  const { headers, body } = withRepository().webhook(
    'diagnostics:ping',
    {},
    { secret: 's3' },
  );
  expect(body).toBe('{"test":true}');
  const digest = createHmac('sha256', 's3').update(body).digest('hex');
  expect(headers['X-Hub-Signature']).toBe(`sha256=${digest}`);
});
