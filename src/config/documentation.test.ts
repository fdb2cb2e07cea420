import { ConfigReader } from '@backstage/config';
import { parse } from 'yaml';
import { PROVIDER_KEYS, READING_KEYS } from '../../dev/configurationTexts';
import {
  commentedExamples,
  DocumentedKey,
  keysOfSchema,
  keysOfYaml,
  loadOwnSchema,
  providerSchemas,
  readPackageFile,
  uncommented,
} from './__testUtils__/documentedKeys';
import { readProviderConfigs, readOneProvider } from './__testUtils__/readOneProvider';
import { CONFIGURATION_KEYS } from './configurationKeys';
import { readReadingConfig } from './readReadingConfig';

const EXAMPLE = readPackageFile('app-config.example.yaml');
const READING_SECTION = 'backend.reading.bitbucketServer';
/** The text with its comments turned into configuration. */
const WHOLE_EXAMPLE = uncommented(
  EXAMPLE,
  [
    ...[...CONFIGURATION_KEYS, READING_SECTION],
    ...['events.modules.webhookSecret', 'schedule.frequency', 'schedule.timeout'],
    ...['processingInterval', ...Object.keys(READING_KEYS)],
  ].flatMap(key => key.split('.')),
);
const KEYS = [...CONFIGURATION_KEYS].sort();

function getNames(keys: readonly DocumentedKey[]): string[] {
  return keys.map(({ key }) => key).sort();
}

/** Returns the keys whose documentation does not state the reader's default. */
function wronglyDocumented(
  documented: readonly DocumentedKey[],
  toPhrase: (value: string) => string,
): string[] {
  return CONFIGURATION_KEYS.filter(key => {
    const { default: value } = PROVIDER_KEYS[key];
    const phrase = value === 'required' ? 'Required' : toPhrase(value);
    return !documented.some(entry => entry.key === key && entry.text.includes(phrase));
  });
}

describe('the documented configuration', () => {
  it('names the defaults that the reader fills in', () => {
    const written = readOneProvider({
      catalogPath: '/catalog-info.yaml',
      validateLocationsExist: true,
      maxFilesPerRepository: 1000,
      filters: { skipArchivedRepos: false, skipForkedRepos: false, personalRepos: false },
      schedule: { frequency: '30 minutes', timeout: '25 minutes' },
      concurrency: 8,
      rateLimit: 'auto',
      requestTimeout: '30 seconds',
      removals: { maxPercentage: 30, holdFor: '24 hours' },
    });
    const { schedule, ...rest } = readOneProvider({});
    expect(written).toEqual({ ...rest, schedule: expect.objectContaining(schedule) });
    expect(
      Object.fromEntries(
        Object.entries(PROVIDER_KEYS).map(([key, text]) => [key, text.default]),
      ),
    ).toEqual({
      host: 'required',
      catalogPath: '/catalog-info.yaml',
      branch: "the repository's default branch",
      validateLocationsExist: 'true',
      maxFilesPerRepository: '1000',
      'filters.projectKey': 'all',
      'filters.repoSlug': 'all',
      'filters.labels': 'none',
      'filters.exclude.projectKey': 'none',
      'filters.exclude.repoSlug': 'none',
      'filters.exclude.labels': 'none',
      'filters.skipArchivedRepos': 'false',
      'filters.skipForkedRepos': 'false',
      'filters.personalRepos': 'false',
      'filters.visibility': 'any',
      schedule: 'every 30 minutes, timeout 25 minutes',
      concurrency: '8',
      rateLimit: 'auto',
      requestTimeout: '30 seconds',
      search: 'auto',
      'recheck.found': '6 hours',
      'recheck.absent': '24 hours',
      'removals.maxPercentage': '30',
      'removals.holdFor': '24 hours',
      token: "the integration's",
      username: "the integration's",
      password: "the integration's",
    });
  });

  it('has the same keys and defaults in config.d.ts, in both forms', async () => {
    const { single, inMap } = providerSchemas((await loadOwnSchema()).serialize());
    for (const documented of [keysOfSchema(single), keysOfSchema(inMap)]) {
      expect(getNames(documented)).toEqual(KEYS);
      expect(wronglyDocumented(documented, value => `Default: \`${value}\`.`)).toEqual(
        [],
      );
    }
  }, 60_000);

  it('has the same keys and defaults in app-config.example.yaml', () => {
    const prefix = 'catalog.providers.bitbucketServer.';
    const documented = keysOfYaml(WHOLE_EXAMPLE)
      .filter(({ key }) => key.startsWith(prefix))
      .map(({ key, text }) => ({ key: key.slice(prefix.length), text }));
    const sections = ['filters', 'filters.exclude', 'recheck', 'removals'];
    const inner = /^(schedule|rateLimit)\./;
    const leaves = documented.filter(
      ({ key }) => !sections.includes(key) && !inner.test(key),
    );
    expect(getNames(leaves)).toEqual(KEYS);
    expect(
      wronglyDocumented(
        leaves.map(({ key, text }) => ({ key, text: `${text}\n` })),
        value => `Default: ${value}\n`,
      ),
    ).toEqual([]);
  });

  it('has examples that the reader accepts, with and without the commented lines', () => {
    const [several = ''] = commentedExamples(EXAMPLE);
    // A provider has either a token or a user.
    const whole = WHOLE_EXAMPLE.replace(/^ +(username|password): .*$/gm, '');
    const [plain, full, map] = [EXAMPLE, whole, several].map(example =>
      readProviderConfigs(new ConfigReader(parse(example))),
    );
    expect(plain).toEqual([
      {
        ...readOneProvider({
          filters: { skipArchivedRepos: true, skipForkedRepos: true },
        }),
        host: 'bitbucket.example.com',
      },
    ]);
    expect(full).toEqual([expect.objectContaining({ branch: 'main', concurrency: 16 })]);
    expect(map?.map(({ id }) => id)).toEqual(['payments', 'everything-else', 'partners']);
    expect(readReadingConfig(new ConfigReader(parse(EXAMPLE)))).toEqual(
      readReadingConfig(new ConfigReader({})),
    );
    expect(readReadingConfig(new ConfigReader(parse(whole)))).not.toEqual(
      readReadingConfig(new ConfigReader({})),
    );
  });

  it('keeps secrets out of the examples', () => {
    const secrets = [...EXAMPLE.matchAll(/(?:username|password|token): *(.*)$/gm)];
    expect(secrets.length).toBeGreaterThan(0);
    for (const [, value] of secrets) {
      expect(value).toMatch(/^\$\{BITBUCKET_(USERNAME|PASSWORD|TOKEN|PROJECT_TOKEN)\}$/);
    }
  });

  it('has the keys of the URL reader everywhere, with their defaults', () => {
    const phrases = Object.entries(READING_KEYS).map(([key, { default: duration }]) => {
      const [[unit, count] = ['', 0]] = Object.entries(duration);
      return { key, phrase: `${count} ${unit}` };
    });
    const schema = readPackageFile('config.d.ts').replace(/\n +\* ?/g, ' ');
    const documented = keysOfYaml(WHOLE_EXAMPLE);
    for (const { key, phrase } of phrases) {
      expect(schema).toMatch(
        new RegExp(`Default: \`${phrase}\`\\.\\s+\\*?/\\s+${key}\\?:`),
      );
      const example = documented.find(entry => entry.key === `${READING_SECTION}.${key}`);
      expect(example?.text).toMatch(new RegExp(`Default: ${phrase}$`));
    }
  });
});
