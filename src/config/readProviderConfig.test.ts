import { ConfigReader } from '@backstage/config';
import { JsonObject } from '@backstage/types';
import { HOST, readOneProvider } from './__testUtils__/readOneProvider';
import { readDiscoveryConfig } from './readProviderConfigs';

describe('readProviderConfig', () => {
  it.each<[string, JsonObject, object]>([
    [
      'one path',
      { catalogPath: 'a.yaml' },
      { catalogPaths: [{ kind: 'plain', path: 'a.yaml' }] },
    ],
    [
      'several paths',
      { catalogPath: ['/a.yaml', '/**/b.yaml'] },
      {
        catalogPaths: [
          { kind: 'plain', path: 'a.yaml' },
          { kind: 'glob', pattern: '**/b.yaml' },
        ],
      },
    ],
    ['a short branch', { branch: 'release/1.x' }, { branch: 'release/1.x' }],
    ['a branch as full ref', { branch: 'refs/heads/main' }, { branch: 'main' }],
    [
      'no validation with globs',
      { validateLocationsExist: false, catalogPath: '**/a.yaml' },
      { validateLocationsExist: false },
    ],
    [
      'a boolean from an environment variable',
      { validateLocationsExist: 'false' },
      { validateLocationsExist: false },
    ],
    ['a number from an environment variable', { concurrency: '12' }, { concurrency: 12 }],
    ['the least concurrency', { concurrency: 1 }, { concurrency: 1 }],
    ['the most concurrency', { concurrency: 100 }, { concurrency: 100 }],
    ['the automatic rate', { rateLimit: 'auto' }, { rateLimit: { kind: 'auto' } }],
    ['no rate', { rateLimit: 'off' }, { rateLimit: { kind: 'off' } }],
    [
      'a fixed rate',
      { rateLimit: { requestsPerSecond: 0.5, burst: '10' } },
      { rateLimit: { kind: 'fixed', requestsPerSecond: 0.5, burst: 10 } },
    ],
    [
      'a timeout as object',
      { requestTimeout: { minutes: 1, seconds: '30' } },
      { requestTimeoutMs: 90_000 },
    ],
    ['a timeout as text', { requestTimeout: '45 seconds' }, { requestTimeoutMs: 45_000 }],
    [
      'a timeout as ISO duration',
      { requestTimeout: 'PT10M' },
      { requestTimeoutMs: 600_000 },
    ],
    [
      'the guard switched off',
      { removals: { maxPercentage: 100 } },
      { removals: { maxPercentage: 100, holdForMs: 86_400_000 } },
    ],
    [
      'a percentage of 0',
      { removals: { maxPercentage: 0 } },
      { removals: { maxPercentage: 0 } },
    ],
    [
      'a fractional percentage',
      { removals: { maxPercentage: 2.5 } },
      { removals: { maxPercentage: 2.5 } },
    ],
    [
      'another hold',
      { removals: { holdFor: '2 days' } },
      { removals: { maxPercentage: 30, holdForMs: 172_800_000 } },
    ],
    [
      'a hold of 0',
      { removals: { holdFor: { hours: 0 } } },
      { removals: { holdForMs: 0 } },
    ],
    ['an emptied key', { concurrency: null, removals: null }, { concurrency: 8 }],
  ])('reads %s', (_, keys, expected) => {
    expect(readOneProvider(keys)).toMatchObject(expected);
  });
});

describe('a rate', () => {
  const read = (requestsPerSecond: number) =>
    readDiscoveryConfig(
      new ConfigReader({
        integrations: { bitbucketServer: [{ host: HOST, token: 'hunter2' }] },
        catalog: {
          providers: {
            bitbucketServer: {
              payments: { host: HOST, rateLimit: { requestsPerSecond, burst: 2 } },
            },
          },
        },
      }),
    );

  it.each([0.0001, 0.099, Number.MIN_VALUE])(
    'of %p per second is raised to one with which a run can finish, with a warning',
    perSecond => {
      const { providers, warnings } = read(perSecond);
      expect(providers).toMatchObject([
        { config: { rateLimit: { kind: 'fixed', requestsPerSecond: 0.1, burst: 2 } } },
      ]);
      expect(warnings).toEqual([
        expect.stringContaining(
          `catalog.providers.bitbucketServer.payments.rateLimit.requestsPerSecond is ${perSecond}, `,
        ),
      ]);
      expect(warnings.join()).toContain('0.1 is used instead');
    },
  );

  it.each([0.1, 1e300])('of %p per second is used unchanged', perSecond => {
    const { providers, warnings } = read(perSecond);
    expect(providers).toMatchObject([
      { config: { rateLimit: { kind: 'fixed', requestsPerSecond: perSecond } } },
    ]);
    expect(warnings).toEqual([]);
  });
});
