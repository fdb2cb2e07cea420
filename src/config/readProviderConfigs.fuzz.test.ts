import { ConfigReader } from '@backstage/config';
import fc from 'fast-check';
import {
  expectNoPollution,
  FUZZ_RUNS,
  hostileValues,
  arbitraryMutation,
} from '../__testUtils__/hostileData';
import { readDiscoveryConfig } from './readProviderConfigs';
import { readReadingConfig } from './readReadingConfig';

const SECRET = 'hunter2-hunter2';
const HOST = 'bitbucket.example.com';

/** Every key of a provider. */
const PROVIDER = {
  host: HOST,
  catalogPath: ['/catalog-info.yaml', '/**/{a,b}.yaml'],
  branch: 'main',
  validateLocationsExist: true,
  filters: {
    projectKey: '^(PAY|OPS)$',
    repoSlug: '-service$',
    exclude: { projectKey: '^X', repoSlug: 'test', labels: ['old'] },
    skipArchivedRepos: true,
    skipForkedRepos: 'yes',
    personalRepos: false,
    visibility: 'public',
    labels: ['service'],
  },
  schedule: { frequency: { minutes: 30 }, timeout: 'PT25M', scope: 'global' },
  concurrency: 8,
  rateLimit: { requestsPerSecond: 5, burst: 60 },
  requestTimeout: '30 seconds',
  search: 'auto',
  recheck: { found: { hours: 6 }, absent: 'P1D' },
  removals: { maxPercentage: 30, holdFor: { hours: 24 } },
  token: SECRET,
};

/** The rest of the configuration. */
const INTEGRATION = { host: HOST, username: 'bot', password: SECRET };

/** Returns the result, or the message of the one documented error. */
function attempt<T extends object>(read: () => T): T | string {
  try {
    return read();
  } catch (error) {
    if (error instanceof Error && error.name === 'InputError') {
      return error.message;
    }
    throw error;
  }
}

const readProviders = (value: unknown, integrations: unknown = [INTEGRATION]) =>
  attempt(() =>
    readDiscoveryConfig(
      new ConfigReader(
        JSON.parse(
          JSON.stringify({
            integrations: { bitbucketServer: integrations },
            catalog: { providers: { bitbucketServer: value } },
          }),
        ),
      ),
    ),
  );

/** Skips values too deeply nested for JSON, which no configuration file can contain. */
function isWritable(value: unknown): boolean {
  try {
    JSON.stringify(value);
    return true;
  } catch {
    return false;
  }
}

const providers = fc
  .oneof(
    { weight: 6, arbitrary: arbitraryMutation(PROVIDER) },
    { weight: 2, arbitrary: arbitraryMutation({ one: PROVIDER, two: { host: HOST } }) },
    { weight: 1, arbitrary: hostileValues },
  )
  .filter(isWritable);

it('the configuration reader reads the unmodified configuration', () => {
  expect(readProviders(PROVIDER)).toMatchObject({ providers: [{}], warnings: [] });
});

it('the configuration reader reads any nearly valid provider, or names the key at fault and shows no secret', () => {
  const accepted: unknown[] = [];
  const refused: string[] = [];
  fc.assert(
    fc.property(providers, value => {
      const read = readProviders(value);
      expectNoPollution();
      if (typeof read !== 'string') {
        accepted.push(read);
        for (const { config } of read.providers) {
          expect(config.concurrency).toBeGreaterThan(0);
          expect(config.requestTimeoutMs).toBeGreaterThan(0);
          expect(config.catalogPaths.length).toBeGreaterThan(0);
        }
        return;
      }
      refused.push(read);
      expect(read).toMatch(/(catalog\.providers|integrations)\.bitbucketServer/);
      expect(read).not.toContain(SECRET);
    }),
    { numRuns: FUZZ_RUNS },
  );
  expect(accepted.length).toBeGreaterThan(FUZZ_RUNS / 20);
  expect(refused.length).toBeGreaterThan(FUZZ_RUNS / 4);
});

it('the configuration reader reads any nearly valid integration, or names the fault and shows no secret', () => {
  const integrations = fc
    .oneof(arbitraryMutation([INTEGRATION]), hostileValues)
    .filter(isWritable);
  fc.assert(
    fc.property(integrations, value => {
      const read = readProviders({ host: HOST }, value);
      expectNoPollution();
      if (typeof read === 'string') {
        expect(read).toMatch(/(catalog\.providers|integrations)\.bitbucketServer/);
        expect(read).not.toContain(SECRET);
      }
    }),
    { numRuns: FUZZ_RUNS },
  );
});

it('the configuration reader reads any nearly valid settings of the URL reader, or names the key at fault', () => {
  const valid = {
    maxAge: 'PT15M',
    maxWait: { seconds: 10 },
    staleIfUnavailable: '1 day',
  };
  const settings = fc.oneof(arbitraryMutation(valid), hostileValues).filter(isWritable);
  fc.assert(
    fc.property(settings, bitbucketServer => {
      const data = JSON.parse(
        JSON.stringify({ backend: { reading: { bitbucketServer } } }),
      );
      const read = attempt(() => readReadingConfig(new ConfigReader(data)));
      expectNoPollution();
      if (typeof read === 'string') {
        expect(read).toContain('backend.reading.bitbucketServer');
      } else {
        expect(Object.values(read).every(ms => ms >= 0)).toBe(true);
      }
    }),
    { numRuns: FUZZ_RUNS },
  );
});
