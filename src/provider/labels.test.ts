/** Filters by label in whole runs and events, against the simulated Bitbucket. */

import { JsonObject } from '@backstage/types';
import { createSimulatedBitbucket, FaultOptions } from '../../dev/simulatedBitbucket';
import { FakeClock } from '../__testUtils__/FakeClock';
import { countRequests } from '../__testUtils__/simulatedSource';
import { connectTestProvider, TEST_USER } from '../__testUtils__/testProvider';

const LABELS: Record<string, string[]> = {
  api: ['service'],
  web: ['service', 'frontend'],
  lib: ['library'],
  old: ['service', 'deprecated'],
  plain: [],
};

const toTargets = (...slugs: string[]) =>
  slugs
    .map(
      slug => `http://bitbucket.test/projects/PAY/repos/${slug}/browse/catalog-info.yaml`,
    )
    .sort();

const EVERYTHING = toTargets(...Object.keys(LABELS));

async function connect(
  filters: JsonObject,
  options: Partial<Parameters<typeof connectTestProvider>[0]> = {},
) {
  const clock = new FakeClock();
  const bitbucket = options.bitbucket ?? createServer(clock);
  const provider = await connectTestProvider({
    clock,
    ...options,
    bitbucket,
    config: { filters },
  });
  return {
    ...provider,
    bitbucket,
    targets: () => provider.connection.targets(),
  };
}

function createServer(clock: FakeClock) {
  const bitbucket = createSimulatedBitbucket({ users: [TEST_USER], clock });
  for (const [slug, labels] of Object.entries(LABELS)) {
    const files = { 'catalog-info.yaml': 'kind: Component' };
    bitbucket.addRepository({ projectKey: 'PAY', slug, files, labels });
  }
  return bitbucket;
}

describe('a provider with filters by label', () => {
  it.each<[string, JsonObject, string[], number]>([
    ['wanted', { labels: ['service'] }, ['api', 'web', 'old'], 1],
    ['of which one is wanted', { labels: ['library', 'frontend'] }, ['lib', 'web'], 2],
    [
      'wanted and unwanted',
      { labels: ['service'], exclude: { labels: ['deprecated'] } },
      ['api', 'web'],
      2,
    ],
    [
      'unwanted',
      { exclude: { labels: ['service', 'no-such-label'] } },
      ['lib', 'plain'],
      2,
    ],
    ['that does not exist', { labels: ['no-such-label'] }, [], 1],
  ])('finds by labels %s, one request per label', async (_, filters, slugs, requests) => {
    const { bitbucket, run, targets, logger } = await connect(filters);
    await run();
    expect(targets()).toEqual(toTargets(...slugs));
    expect(countRequests(bitbucket)).toMatchObject({ repositories: 1, labels: requests });
    expect(countRequests(bitbucket)['file-check'] ?? 0).toBe(slugs.length);
    expect(logger.messages('warn').concat(logger.messages('error'))).toEqual([]);
  });

  it('requests no labels without such a filter', async () => {
    const { bitbucket, run } = await connect({});
    await run();
    expect(countRequests(bitbucket).labels).toBeUndefined();
  });

  it('follows labels that are added and removed', async () => {
    const { bitbucket, run, targets } = await connect({ labels: ['service'] });
    await run();
    bitbucket.setLabels('PAY', 'plain', ['service']);
    bitbucket.setLabels('PAY', 'old', []);
    await run();
    expect(targets()).toEqual(toTargets('api', 'web', 'plain'));
  });

  it.each<[string, FaultOptions['effect']]>([
    ['refused', { type: 'status', status: 403 }],
    ['failing', { type: 'status', status: 500 }],
    ['not answered', 'hang'],
    ['a login page', 'login-page'],
    ['no longer served', 'xml-404'],
  ])('keeps its Locations while labels are %s', async (_, effect) => {
    const { bitbucket, run, targets } = await connect({ labels: ['service'] });
    await run();
    bitbucket.setLabels('PAY', 'plain', ['service']);
    bitbucket.setLabels('PAY', 'old', []);
    const fault = bitbucket.faults.add({ match: { kind: 'labels' }, effect });
    await run();
    expect(targets()).toEqual(toTargets('api', 'web', 'old'));
    fault.remove();
    await run();
    expect(targets()).toEqual(toTargets('api', 'web', 'plain'));
  });

  it('adds no repository whose exclusion is unknown, and keeps known ones', async () => {
    const filters = { exclude: { labels: ['deprecated'] } };
    const { bitbucket, run, targets } = await connect(filters);
    const match = { kind: 'labels' } as const;
    const fault = bitbucket.faults.add({
      match,
      effect: { type: 'status', status: 403 },
    });
    await run();
    expect(targets()).toEqual([]);
    expect(countRequests(bitbucket)['file-check']).toBeUndefined();
    fault.remove();
    await run();
    expect(targets()).toEqual(toTargets('api', 'web', 'lib', 'plain'));
  });

  it('holds back a large removal caused by a new filter', async () => {
    const first = await connect({});
    await first.run();
    expect(first.targets()).toEqual(EVERYTHING);
    const { bitbucket, clock, store, connection } = first;
    const second = await connect(
      { labels: ['no-such-label'] },
      { bitbucket, clock, store, connection },
    );
    await second.run();
    expect(second.targets()).toEqual(EVERYTHING);
    expect(second.logger.messages('warn').join()).toMatch(/held back/i);
  });
});

describe('an interrupted pass that continues with other labels', () => {
  it('keeps no repository that the labels now exclude', async () => {
    const first = await connect({ labels: ['service'] });
    const { bitbucket, clock, store, connection } = first;
    const controller = new AbortController();
    const hang = bitbucket.faults.add({
      match: { kind: 'file-check', repositorySlug: 'web' },
      effect: 'hang',
    });
    const cut = first.run(controller.signal);
    await clock.advance(1000);
    controller.abort(new Error('the time is up'));
    await expect(cut).rejects.toThrow();
    hang.remove();
    expect(first.targets()).toEqual(toTargets('api', 'old'));

    const filters = {
      labels: ['service', 'library'],
      exclude: { labels: ['deprecated'] },
    };
    const second = await connect(filters, { bitbucket, clock, store, connection });
    await second.run();
    expect(second.targets()).toEqual(toTargets('api', 'web', 'lib'));
  });
});

describe('an event about a repository', () => {
  async function evaluate(slug: string, filters: JsonObject, labels?: string[]) {
    const connected = await connect(filters);
    const { bitbucket, evaluator, context, clock } = connected;
    await connected.run();
    await clock.advance(60_000);
    if (labels) {
      bitbucket.setLabels('PAY', slug, labels);
    }
    bitbucket.clearRequests();
    const client = context.clients.createForEvent();
    const address = { projectKey: 'PAY', slug };
    const evaluation = clock.run(evaluator.evaluate({ address }, client));
    return { ...connected, evaluation: await evaluation };
  }

  it('requests only its labels, and adds it', async () => {
    const { bitbucket, targets } = await evaluate('plain', { labels: ['service'] }, [
      'service',
    ]);
    expect(targets()).toEqual(toTargets('api', 'web', 'old', 'plain'));
    expect(countRequests(bitbucket)).toEqual({
      repository: 1,
      labels: 1,
      'file-check': 1,
    });
  });

  it('removes it without checking its file', async () => {
    const { bitbucket, targets, evaluation } = await evaluate(
      'old',
      { labels: ['service'] },
      ['library'],
    );
    expect(targets()).toEqual(toTargets('api', 'web'));
    expect(evaluation).toMatchObject({
      result: { outcome: { kind: 'excluded', reason: 'label' } },
    });
    expect(countRequests(bitbucket)).toEqual({ repository: 1, labels: 1 });
  });

  it('requests no labels without such a filter', async () => {
    const { bitbucket } = await evaluate('api', {});
    expect(countRequests(bitbucket)).toEqual({ repository: 1, 'file-check': 1 });
  });
});
