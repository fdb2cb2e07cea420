/** Labels: the results of the two requests about them, and the outcome of each fault. */

import {
  createSimulatedBitbucket,
  FaultOptions,
  SimulatedBitbucketOptions,
} from '../../dev/simulatedBitbucket';
import { createSimulatedClient } from '../__testUtils__/simulatedClient';
import { UnknownReason } from '../model';
import { LabeledId, LabelName, parse } from './wire';

const API = { projectKey: 'PAY', slug: 'api' };
const LABELED = '/labels/service/labeled?type=REPOSITORY&start=0&limit=1000';

/** Three repositories with the label `service`, one of them with another, one without. */
function connect(options: SimulatedBitbucketOptions = {}) {
  const bitbucket = createSimulatedBitbucket({
    users: [{ name: 'bot', token: 'BBDC-s3cret' }],
    ...options,
  });
  bitbucket.addRepository({ ...API, labels: ['service', 'backstage'] });
  bitbucket.addRepository({ projectKey: 'PAY', slug: 'plain' });
  bitbucket.addRepository({ projectKey: 'PAY', slug: 'web', labels: ['service'] });
  bitbucket.addRepository({ projectKey: 'OPS', slug: 'db', labels: ['service'] });
  const client = createSimulatedClient({ bitbucket, signIn: { token: 'BBDC-s3cret' } });
  return {
    ...client,
    bitbucket,
    listLabeled: (label: string) =>
      client.list(restClient => restClient.listLabeled(label)),
    getLabels: (slug: string) =>
      client.ask(restClient => restClient.getLabels({ projectKey: 'PAY', slug })),
  };
}

const FAULTS: [string, FaultOptions['effect'], UnknownReason][] = [
  [
    'a refusal',
    {
      type: 'status',
      status: 401,
      exceptionName: 'com.atlassian.bitbucket.AuthorisationException',
      headers: { 'X-AUSERNAME': 'bot' },
    },
    'not-permitted',
  ],
  ['403', { type: 'status', status: 403 }, 'not-permitted'],
  ['404 of a server without labels', 'xml-404', 'unexpected-answer'],
  [
    '404 of a repository in between',
    {
      type: 'status',
      status: 404,
      exceptionName: 'com.atlassian.bitbucket.repository.NoSuchRepositoryException',
    },
    'unexpected-answer',
  ],
  [
    'the name of the exception with another status',
    {
      type: 'status',
      status: 503,
      exceptionName: 'com.atlassian.bitbucket.label.NoSuchLabelException',
    },
    'server-error',
  ],
  ['429', { type: 'status', status: 429 }, 'rate-limited'],
  ['500', { type: 'status', status: 500 }, 'server-error'],
  ['a reset', 'reset', 'server-error'],
  ['no answer', 'hang', 'timeout'],
  ['a login page', 'login-page', 'unexpected-answer'],
  ['half an answer', 'truncated-json', 'unexpected-answer'],
  ['another shape', { type: 'body', body: '{"name":"service"}' }, 'unexpected-answer'],
];

describe('the repositories with a label', () => {
  it('are listed by id with one request', async () => {
    const { bitbucket, listLabeled, asked, attempts } = connect();
    const ids = [
      API,
      { projectKey: 'PAY', slug: 'web' },
      { projectKey: 'OPS', slug: 'db' },
    ]
      .map(({ projectKey, slug }) => bitbucket.getRepository(projectKey, slug).id)
      .sort();
    const [step, ...rest] = await listLabeled('service');
    expect(step).toMatchObject({ kind: 'items', unreadable: 0 });
    expect(step?.kind === 'items' && [...step.items].sort()).toEqual(ids);
    expect(rest).toEqual([]);
    expect(asked()).toEqual([LABELED]);
    expect(attempts).toEqual([{ kind: 'labels', result: 200 }]);
  });

  it.each(['skipped', 'short-page'] as const)(
    'are listed page after page, without hidden ones (%s)',
    async hiddenRows => {
      const { bitbucket, listLabeled } = connect({
        pageCaps: { repositories: 1 },
        hiddenRows,
      });
      bitbucket.hide('bot', 'PAY/api');
      const steps = await listLabeled('service');
      const ids = steps.flatMap(step => (step.kind === 'items' ? step.items : []));
      expect(ids).toHaveLength(2);
      expect(steps.every(step => step.kind === 'items')).toBe(true);
    },
  );

  it('are empty where Bitbucket says that the label does not exist', async () => {
    const { listLabeled } = connect();
    expect(await listLabeled('no-such-label')).toMatchObject([
      { kind: 'failed', gone: true, unsupported: false },
    ]);
  });

  it.each(FAULTS)('are not known after %s', async (_, effect, reason) => {
    const { bitbucket, listLabeled } = connect();
    bitbucket.faults.add({ match: { kind: 'labels' }, effect });
    expect(await listLabeled('service')).toMatchObject([
      { kind: 'failed', gone: false, problem: { reason } },
    ]);
  });

  it('are returned as far as they were read, together with the failure', async () => {
    const { bitbucket, listLabeled } = connect({ pageCaps: { repositories: 1 } });
    bitbucket.faults.add({
      match: { kind: 'labels', start: 2 },
      effect: { type: 'status', status: 502 },
    });
    expect(await listLabeled('service')).toMatchObject([
      { kind: 'items', items: [expect.any(Number)] },
      { kind: 'items', items: [expect.any(Number)] },
      { kind: 'failed', gone: false },
    ]);
  });

  it('are counted where they cannot be identified', async () => {
    const { bitbucket, listLabeled } = connect();
    bitbucket.faults.add({ match: { kind: 'labels' }, effect: 'bad-item' });
    const [step] = await listLabeled('service');
    expect(step?.kind === 'items' && step.unreadable).toBeGreaterThan(0);
  });

  it('are not accepted where Bitbucket treats the caller as anonymous', async () => {
    const { bitbucket, client } = connect({
      anonymousAccess: true,
      invalidTokens: 'anonymous',
    });
    bitbucket.getUser('bot').expired = true;
    await expect(client.listLabeled('service').next()).rejects.toMatchObject({
      name: 'BitbucketServerCredentialsError',
      problem: 'anonymous',
    });
  });
});

describe('the labels of one repository', () => {
  it('are read with one request', async () => {
    const { getLabels, asked } = connect();
    expect(await getLabels('api')).toEqual({
      kind: 'found',
      labels: ['backstage', 'service'],
    });
    expect(await getLabels('plain')).toEqual({ kind: 'found', labels: [] });
    expect(asked()).toEqual([
      '/projects/PAY/repos/api/labels?start=0&limit=1000',
      '/projects/PAY/repos/plain/labels?start=0&limit=1000',
    ]);
  });

  it('are read to the last page', async () => {
    const { getLabels } = connect({ pageCaps: { labels: 1 } });
    expect(await getLabels('api')).toMatchObject({ labels: ['backstage', 'service'] });
  });

  it.each(FAULTS)('are not known after %s', async (_, effect, reason) => {
    const { bitbucket, getLabels } = connect();
    bitbucket.faults.add({ match: { kind: 'labels' }, effect });
    expect(await getLabels('api')).toMatchObject({
      kind: 'unknown',
      problem: { reason },
    });
  });

  it('are not known where one of them cannot be read', async () => {
    const { bitbucket, getLabels } = connect();
    const page = { isLastPage: true, values: [{ name: 'service' }, { id: 7 }] };
    const body = JSON.stringify(page);
    bitbucket.faults.add({ match: { kind: 'labels' }, effect: { type: 'body', body } });
    expect(await getLabels('api')).toMatchObject({ kind: 'unknown' });
  });

  it('are not known where the repository is gone or not visible', async () => {
    const { bitbucket, getLabels } = connect();
    bitbucket.hide('bot', 'PAY/api');
    expect(await getLabels('api')).toMatchObject({
      problem: { reason: 'not-permitted' },
    });
    expect(await getLabels('gone')).toMatchObject({ kind: 'unknown' });
  });
});

describe('the JSON of labels', () => {
  it.each<[string, unknown, number | undefined]>([
    ['a labelled repository', { id: 7, labelableType: 'REPOSITORY' }, 7],
    ['a repository without a type', { id: 7 }, 7],
    ['something else with a label', { id: 7, labelableType: 'PROJECT' }, undefined],
    ['something without an id', { slug: 'api' }, undefined],
    ['nothing', null, undefined],
  ])('is parsed to the id of %s', (_, value, expected) => {
    expect(parse(LabeledId, value)).toBe(expected);
  });

  it.each<[unknown, string | undefined]>([
    [{ name: 'service' }, 'service'],
    [{ name: 'Service' }, 'service'],
    [{ name: '' }, undefined],
    ['service', undefined],
  ])('is parsed to the name of a label: %j', (value, expected) => {
    expect(parse(LabelName, value)).toBe(expected);
  });
});
