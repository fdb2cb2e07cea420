import { ConfigSchema, loadConfigSchema } from '@backstage/config-loader';
import { JsonObject, JsonValue } from '@backstage/types';
import { z } from 'zod';
import { parse } from 'yaml';
import {
  commentedExamples,
  loadOwnSchema,
  readPackageFile,
} from './__testUtils__/documentedKeys';

const EXAMPLE = readPackageFile('app-config.example.yaml');
const host = 'bitbucket.example.com';

const EVERYTHING: JsonObject = {
  host,
  token: 'BBDC-token',
  catalogPath: ['/catalog-info.yaml', '/**/catalog-info.yaml'],
  branch: 'main',
  validateLocationsExist: false,
  filters: {
    projectKey: '^PAY$',
    repoSlug: 'a',
    labels: ['service'],
    exclude: { projectKey: 'b', repoSlug: 'c', labels: ['deprecated', 'test'] },
    skipArchivedRepos: true,
    skipForkedRepos: true,
    personalRepos: true,
    visibility: 'public',
  },
  schedule: {
    frequency: { trigger: 'manual' },
    timeout: 'PT25M',
    initialDelay: { seconds: 5 },
    scope: 'global',
  },
  maxFilesPerRepository: 500,
  concurrency: 4,
  rateLimit: { requestsPerSecond: 2.5, burst: 10 },
  requestTimeout: '30 seconds',
  removals: { maxPercentage: 10, holdFor: { days: 1 } },
};

describe('the schema made from config.d.ts', () => {
  let schema: ConfigSchema;
  let strictSchema: ConfigSchema;

  beforeAll(async () => {
    schema = await loadOwnSchema();
    strictSchema = await loadConfigSchema({
      serialized: schema.serialize(),
      noUndeclaredProperties: true,
    });
  }, 60_000);

  function validate(data: JsonObject, use = schema) {
    return use.process([{ data, context: 'app-config.yaml' }]);
  }

  function createConfig(value: JsonValue): JsonObject {
    return { catalog: { providers: { bitbucketServer: value } } };
  }

  /** The same provider, in the single form and in a map. */
  function inBothForms(provider: JsonObject): JsonObject[] {
    return [createConfig(provider), createConfig({ ok: { host }, prod: provider })];
  }

  it.each<[string, JsonObject]>([
    ['a host alone', { host }],
    ['every key', EVERYTHING],
    ['one path', { host, catalogPath: '/catalog-info.yaml' }],
    ['a user of its own', { host, username: 'bot', password: 'hunter2' }],
    [
      'a schedule by cron',
      { host, schedule: { frequency: { cron: '@daily' }, timeout: { hours: 1 } } },
    ],
    [
      'a schedule by durations',
      { host, schedule: { frequency: { minutes: 5 }, timeout: '5m' } },
    ],
    ['the automatic rate', { host, rateLimit: 'auto' }],
    ['no rate', { host, rateLimit: 'off' }],
    ['a number from an environment variable', { host, concurrency: '4' }],
    ['a boolean from an environment variable', { host, validateLocationsExist: 'true' }],
  ])('accepts %s in both forms, also strictly', (_, provider) => {
    for (const data of inBothForms(provider)) {
      expect(() => validate(structuredClone(data))).not.toThrow();
      expect(() => validate(structuredClone(data), strictSchema)).not.toThrow();
    }
  });

  it.each<[string, JsonObject]>([
    ['a provider without a host', { catalogPath: '/a.yaml' }],
    ['filters without a host', { filters: { projectKey: 'a' } }],
    ['a host that is an object', { host: { name: 'a' }, branch: 'a' }],
    ['a path that is an object', { host, catalogPath: { a: 'b' } }],
    ['a branch that is a list', { host, branch: ['main', 'dev'] }],
    ['a boolean that is a word', { host, validateLocationsExist: 'perhaps' }],
    ['filters that are a text', { host, filters: 'PAY' }],
    ['a pattern that is a list', { host, filters: { projectKey: ['a', 'b'] } }],
    ['an exclusion that is a text', { host, filters: { exclude: 'a' } }],
    [
      'an excluded slug that is an object',
      { host, filters: { exclude: { repoSlug: {} } } },
    ],
    ['archived repositories as a word', { host, filters: { skipArchivedRepos: 'some' } }],
    ['another visibility', { host, filters: { visibility: 'internal' } }],
    ['a label in place of a list', { host, filters: { labels: 'service' } }],
    ['labels that are objects', { host, filters: { labels: [{ name: 'service' }] } }],
    ['an excluded label alone', { host, filters: { exclude: { labels: 'old' } } }],
    ['a token that is a list', { host, token: ['a', 'b'] }],
    ['a user that is an object', { host, username: { name: 'bot' }, password: 'a' }],
    ['a password that is a list', { host, username: 'bot', password: ['a', 'b'] }],
    ['a schedule that is a text', { host, schedule: 'PT1H' }],
    ['a schedule without timeout', { host, schedule: { frequency: 'PT1H' } }],
    ['a schedule without frequency', { host, schedule: { timeout: 'PT1H' } }],
    ['concurrency as a word', { host, concurrency: 'many' }],
    ['files below 1', { host, maxFilesPerRepository: 0 }],
    ['files as a word', { host, maxFilesPerRepository: 'many' }],
    ['concurrency below 1', { host, concurrency: 0 }],
    ['concurrency above 100', { host, concurrency: 101 }],
    ['another word as rate', { host, rateLimit: 'fast' }],
    ['a rate without burst', { host, rateLimit: { requestsPerSecond: 1 } }],
    ['a timeout that is a list', { host, requestTimeout: ['30s', '40s'] }],
    ['another word as search', { host, search: 'on' }],
    ['a recheck that is a text', { host, recheck: '6 hours' }],
    ['a recheck of words', { host, recheck: { found: { hours: 'many' } } }],
    ['removals that are a number', { host, removals: 30 }],
    ['a percentage above 100', { host, removals: { maxPercentage: 101 } }],
    ['a hold of words', { host, removals: { holdFor: { hours: 'many' } } }],
  ])('rejects %s in both forms', (_, provider) => {
    for (const data of inBothForms(provider)) {
      expect(() => validate(data)).toThrow('Config validation failed');
    }
  });

  it.each<[string, JsonValue]>([
    ['a list of providers', [{ host }]],
    ['a text', host],
    ['a map whose provider is a text', { prod: host }],
    ['a map whose provider is empty', { prod: {} }],
  ])('rejects %s', (_, value) => {
    expect(() => validate(createConfig(value))).toThrow('Config validation failed');
  });

  it('accepts a configuration without this module', () => {
    expect(() => validate({ catalog: { providers: {} } })).not.toThrow();
  });

  it('accepts every documented example, also strictly', () => {
    const examples = [EXAMPLE, ...commentedExamples(EXAMPLE)];
    expect(examples).toHaveLength(2);
    for (const example of examples) {
      expect(() => validate(parse(example))).not.toThrow();
      // The integrations and `catalog.rules` belong to the schemas of other packages.
      const { providers } = z
        .object({ providers: z.json() })
        .parse(parse(example).catalog);
      expect(() => validate({ catalog: { providers } }, strictSchema)).not.toThrow();
    }
  });

  it('marks the credentials of a provider as secrets, in both forms', () => {
    const own = { token: 'BBDC-token', username: 'bot', password: 'hunter2' };
    for (const data of inBothForms({ host, ...own, branch: 'main' })) {
      const [secret] = schema.process([{ data, context: 'app-config.yaml' }], {
        visibility: ['secret'],
      });
      const shown = JSON.stringify(secret?.data);
      for (const value of Object.values(own)) {
        expect(shown).toContain(value);
      }
      expect(shown).not.toContain('main');
    }
  });

  it.each<[string, JsonValue]>([
    ['one', 'old-secret'],
    ['a list', ['old-secret', 'new-secret']],
  ])('marks the secrets of webhooks as secrets: %s', (_, webhookSecret) => {
    const data = { events: { modules: { bitbucketServer: { webhookSecret } } } };
    const process = (visibility: 'secret' | 'frontend') =>
      schema.process([{ data, context: 'app-config.yaml' }], {
        visibility: [visibility],
      })[0]?.data;
    expect(process('secret')).toEqual(data);
    expect(process('frontend')).toEqual({});
  });

  it.each<[string, JsonValue]>([
    ['an object', { old: 'a' }],
    ['a list of lists', [['a']]],
  ])('rejects webhook secrets that are %s', (_, webhookSecret) => {
    const data = { events: { modules: { bitbucketServer: { webhookSecret } } } };
    expect(() => validate(data)).toThrow('Config validation failed');
  });

  it('exposes nothing to the frontend', () => {
    for (const data of inBothForms(EVERYTHING)) {
      const [visible] = schema.process([{ data, context: 'app-config.yaml' }], {
        visibility: ['frontend'],
      });
      expect(visible?.data).toEqual({});
    }
  });
});
