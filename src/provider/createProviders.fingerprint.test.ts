import { JsonObject } from '@backstage/types';
import { readOneProvider } from '../config/__testUtils__/readOneProvider';
import { CONFIGURATION_KEYS } from '../config/configurationKeys';
import { configurationFingerprint } from './createProviders';

const getFingerprint = (provider: JsonObject, isParsed = false) =>
  configurationFingerprint(readOneProvider(provider), isParsed);

/** What decides what a run finds, each with a value that is not its default. */
const FINDING: Readonly<Record<string, JsonObject>> = {
  host: { host: 'git.example.org:8443' },
  catalogPath: { catalogPath: '/**/catalog-info.yaml' },
  branch: { branch: 'release' },
  validateLocationsExist: { validateLocationsExist: false },
  maxFilesPerRepository: { maxFilesPerRepository: 7 },
  'filters.projectKey': { filters: { projectKey: '^PAY$' } },
  'filters.repoSlug': { filters: { repoSlug: '^PAY$' } },
  'filters.labels': { filters: { labels: ['pay'] } },
  'filters.exclude.projectKey': { filters: { exclude: { projectKey: '^PAY$' } } },
  'filters.exclude.repoSlug': { filters: { exclude: { repoSlug: '^PAY$' } } },
  'filters.exclude.labels': { filters: { exclude: { labels: ['pay'] } } },
  'filters.skipArchivedRepos': { filters: { skipArchivedRepos: true } },
  'filters.skipForkedRepos': { filters: { skipForkedRepos: true } },
  'filters.personalRepos': { filters: { personalRepos: true } },
  'filters.visibility': { filters: { visibility: 'public' } },
};

/** What only decides when, how fast, how safely and as whom. */
const REST: Readonly<Record<string, JsonObject>> = {
  schedule: { schedule: { frequency: { hours: 7 }, timeout: { minutes: 7 } } },
  concurrency: { concurrency: 7 },
  rateLimit: { rateLimit: 'off' },
  requestTimeout: { requestTimeout: { seconds: 7 } },
  search: { search: 'off' },
  'recheck.found': { recheck: { found: { hours: 7 } } },
  'recheck.absent': { recheck: { absent: { hours: 7 } } },
  'removals.maxPercentage': { removals: { maxPercentage: 7 } },
  'removals.holdFor': { removals: { holdFor: { hours: 7 } } },
  token: { token: 'another' },
  username: { username: 'somebody', password: 'else' },
  password: { username: 'somebody', password: 'else' },
};

describe('the fingerprint of a configuration', () => {
  it('is tested for every key of the configuration', () => {
    expect([...Object.keys(FINDING), ...Object.keys(REST)].sort()).toEqual(
      [...CONFIGURATION_KEYS].sort(),
    );
  });

  it('is the same short text for the same configuration', () => {
    const both = { ...FINDING.catalogPath, ...FINDING.branch };

    expect(getFingerprint(both)).toBe(getFingerprint(both));
    expect(getFingerprint(both)).toMatch(/^[0-9a-f]{64}$/);
  });

  it('changes with each key that changes what is found', () => {
    const all = [{}, ...Object.values(FINDING)].map(provider => getFingerprint(provider));

    expect(new Set(all).size).toBe(all.length);
    expect(all).not.toContain(getFingerprint({}, true));
  });

  it('changes with a pattern and with the key that has the pattern', () => {
    const patterns = [
      { projectKey: 'a' },
      { projectKey: 'b' },
      { repoSlug: 'a' },
      { exclude: { projectKey: 'a' } },
    ];

    const all = patterns.map(filters => getFingerprint({ filters }));

    expect(new Set(all).size).toBe(patterns.length);
  });

  it.each(Object.entries(REST))('does not change with %s', (_, provider) => {
    expect(getFingerprint(provider)).toBe(getFingerprint({}));
  });
});
