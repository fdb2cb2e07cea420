/** Signature, analysis and relevance together, on the webhooks of the simulator. */

import { createSimulatedBitbucket, WebhookRequest } from '../../dev/simulatedBitbucket';
import { filters } from '../__testUtils__/discoveryData';
import { analyzeWebhookEvent } from './analyzeWebhookEvent';
import { decideProjectRelevance, decideRelevance } from './relevance';
import { verifySignature } from './eventsModule';
import { findWebBase } from '../util/parseUrls';
import { findEventKey } from './webhookTopics';

describe('webhooks of the simulator', () => {
  const SECRET = 'a-webhook-secret';

  function setUp(baseUrl = 'http://bitbucket.test/ctx') {
    const users = [{ name: 'jdoe', token: 't' }];
    const simulated = createSimulatedBitbucket({ baseUrl, users });
    simulated.addRepository({ projectKey: 'PAY', slug: 'api' });
    return simulated;
  }

  function read({ headers, body }: WebhookRequest) {
    const header = headers['X-Hub-Signature'];
    expect(verifySignature({ rawBody: body, header, secrets: [SECRET] })).toBe(true);
    const payload: unknown = JSON.parse(body);
    const analysis = analyzeWebhookEvent(
      findEventKey('bitbucketServer', headers, payload),
      payload,
    );
    return analysis.kind === 'change' ? analysis.change : analysis;
  }

  /** For a provider of a server at a base URL, which has not seen anything yet. */
  async function judge(request: WebhookRequest, baseUrl: string) {
    const change = read(request);
    const context = {
      filters: filters({ personalRepos: true }),
      webBaseUrl: baseUrl,
      loadServerUrls: async () => [],
      findRelated: async () => [],
      isProjectKnown: async () => false,
      findDefaultBranch: () => Promise.reject(new Error('not expected')),
    };
    if (!change || !('type' in change)) {
      return undefined;
    }
    const decision =
      change.type === 'project-modified'
        ? await decideProjectRelevance(change, context)
        : await decideRelevance([change], context);
    return decision.kind;
  }

  const API = { projectKey: 'PAY', slug: 'api' };
  const SIGNED = { secret: SECRET };

  it('are signed and report a push of our server only', async () => {
    const simulated = setUp();
    const changes = [simulated.writeFile('PAY', 'api', 'x', 'y')];
    const push = simulated.webhook('repo:refs_changed', { ...API, changes }, SIGNED);
    expect(read(push)).toMatchObject({
      type: 'pushed',
      repository: API,
      refs: [{ refId: 'refs/heads/main', change: 'UPDATE' }],
    });
    expect(await judge(push, simulated.baseUrl)).toBe('relevant');
    expect(await judge(push, 'http://bitbucket.test')).toBe('ignored');
  });

  it('report a rename, a fork and a new project key, each with our base URL', async () => {
    const simulated = setUp();
    const old = simulated.repositoryJson('PAY', 'api');
    simulated.renameRepository('PAY', 'api', 'better');
    const renamed = simulated.webhook(
      'repo:modified',
      { projectKey: 'PAY', slug: 'better', old },
      SIGNED,
    );
    expect(read(renamed)).toMatchObject({
      type: 'modified',
      repository: { slug: 'better' },
      formerAddress: API,
    });

    simulated.addRepository({ projectKey: '~jdoe', slug: 'fork' });
    const fork = { projectKey: '~jdoe', slug: 'fork' };
    const forked = simulated.webhook('repo:forked', fork, SIGNED);
    expect(read(forked)).toMatchObject({ type: 'forked', repository: { slug: 'fork' } });

    const oldProject = simulated.projectJson('PAY') ?? {};
    simulated.renameProject('PAY', 'MONEY');
    const project = simulated.webhook(
      'project:modified',
      { projectKey: 'MONEY', old: oldProject },
      SIGNED,
    );
    expect(read(project)).toMatchObject({
      type: 'project-modified',
      key: 'MONEY',
      formerKey: 'PAY',
    });
    for (const request of [renamed, forked, project]) {
      expect(await judge(request, simulated.baseUrl)).toBe('relevant');
      expect(await judge(request, 'http://elsewhere.test/ctx')).toBe('ignored');
    }
  });

  it('report a mirror with too many refs', () => {
    const details = { ...API, refLimitExceeded: true };
    const request = setUp().webhook('mirror:repo_synchronized', details, SIGNED);
    expect(read(request)).toMatchObject({ type: 'unknown', repository: API });
  });

  it.each(['http://bitbucket.test', 'https://host:8443/a/b'])(
    'have links that contain the base URL %s',
    baseUrl => {
      const simulated = setUp(baseUrl);
      const request = simulated.webhook('repo:forked', API, SIGNED);
      const change = read(request);
      expect(
        change && 'repository' in change && findWebBase(change.repository.selfUrl ?? ''),
      ).toBe(baseUrl);
    },
  );
});
