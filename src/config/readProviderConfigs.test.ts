import { ConfigReader } from '@backstage/config';
import { JsonValue } from '@backstage/types';
import {
  readProviderConfigs,
  HOST,
  readProviders,
  getRefusal,
} from './__testUtils__/readOneProvider';

const ROOT = 'catalog.providers.bitbucketServer';

describe('readProviderConfigs', () => {
  it.each([
    ['nothing', {}],
    ['no providers', { catalog: { providers: {} } }],
    ['an emptied key', { catalog: { providers: { bitbucketServer: null } } }],
    ['an empty map', { catalog: { providers: { bitbucketServer: {} } } }],
  ])('reads no provider from %s', (_, data) => {
    expect(readProviderConfigs(new ConfigReader(data))).toEqual([]);
  });

  it('fills in every default of a provider that has only a host', () => {
    expect(readProviders({ host: HOST })).toEqual([
      {
        id: 'default',
        host: HOST,
        credentials: undefined,
        catalogPaths: [{ kind: 'plain', path: 'catalog-info.yaml' }],
        branch: undefined,
        validateLocationsExist: true,
        maxFilesPerRepository: 1000,
        filters: {
          projectKey: undefined,
          repoSlug: undefined,
          labels: undefined,
          exclude: { projectKey: undefined, repoSlug: undefined, labels: undefined },
          skipArchivedRepos: false,
          skipForkedRepos: false,
          personalRepos: false,
          visibility: undefined,
        },
        schedule: { frequency: { minutes: 30 }, timeout: { minutes: 25 } },
        concurrency: 8,
        rateLimit: { kind: 'auto' },
        requestTimeoutMs: 30_000,
        search: 'auto',
        recheck: { foundMs: 21_600_000, absentMs: 86_400_000 },
        removals: { maxPercentage: 30, holdForMs: 86_400_000 },
      },
    ]);
  });

  it('reads a map in its order, with ids that are not valid configuration keys', () => {
    const providers = readProviders({
      prod: { host: HOST, concurrency: 2 },
      'team one.x': { host: 'git.example.org:8443', concurrency: 3 },
      filters: { host: HOST },
      search: { host: HOST },
    });
    expect(providers.map(({ id, host, concurrency }) => [id, host, concurrency])).toEqual(
      [
        ['prod', HOST, 2],
        ['team one.x', 'git.example.org:8443', 3],
        ['filters', HOST, 8],
        ['search', HOST, 8],
      ],
    );
  });

  it('merges several configuration files', () => {
    const file = (context: string, provider: { [key: string]: JsonValue }) => ({
      context,
      data: {
        integrations: { bitbucketServer: [{ host: HOST }] },
        catalog: { providers: { bitbucketServer: { prod: provider } } },
      },
    });
    const config = ConfigReader.fromConfigs([
      file('app-config.yaml', { host: HOST, concurrency: 2, filters: { repoSlug: 'a' } }),
      file('app-config.production.yaml', {
        concurrency: 4,
        filters: { projectKey: 'b' },
      }),
    ]);
    expect(readProviderConfigs(config)).toMatchObject([
      {
        id: 'prod',
        concurrency: 4,
        filters: { repoSlug: { source: 'a' }, projectKey: { source: 'b' } },
      },
    ]);
  });

  it.each<[string, JsonValue, string[]]>([
    ['a text', 'yes', [`${ROOT} must be`, '"yes"']],
    ['a list', [{ host: HOST }], [`${ROOT} must be`, 'a list']],
    [
      'a single provider without a host',
      { catalogPath: '/a.yaml' },
      [
        `${ROOT}.host is missing`,
        'catalogPath is a key of a provider',
        `${ROOT}.<id>.catalogPath`,
      ],
    ],
    [
      'a single provider with only filters',
      { filters: { repoSlug: 'a' } },
      [`${ROOT}.host is missing`],
    ],
    [
      'a misspelt host',
      { hots: HOST },
      [`${ROOT}.hots must be a provider`, `its host directly below ${ROOT}`],
    ],
    ['a provider that is a text', { prod: HOST }, [`${ROOT}.prod must be a provider`]],
    [
      'a provider without a host',
      { prod: { concurrency: 2 } },
      [`${ROOT}.prod.host is missing`, HOST],
    ],
    ['an empty provider', { prod: {} }, [`${ROOT}.prod.host is missing`]],
    ['an empty id', { '': { host: HOST } }, ['an empty id', 'name it']],
    [
      'a map beside a host',
      { host: HOST, prod: { host: HOST } },
      [`${ROOT}.prod is not a known key`],
    ],
    [
      'a host that is not a string',
      { prod: { host: 5 } },
      [`${ROOT}.prod.host must be a non-empty string`, '5'],
    ],
    [
      'an empty host',
      { prod: { host: '' } },
      [`${ROOT}.prod.host must be a non-empty string`],
    ],
    [
      'an unknown host',
      { prod: { host: 'other.net' } },
      [
        `${ROOT}.prod.host must be the host of an integration`,
        '"other.net"',
        HOST,
        'git.example.org:8443',
      ],
    ],
    [
      'a misspelt host name',
      { host: 'bitbucket.exmaple.com' },
      [`did you mean ${HOST}?`],
    ],
    [
      'a URL as host',
      { host: `https://${HOST}` },
      ['without a scheme', `did you mean ${HOST}?`],
    ],
    ['a host in upper case', { host: HOST.toUpperCase() }, [`did you mean ${HOST}?`]],
  ])('refuses %s', (_, value, parts) => {
    const message = getRefusal(() => readProviders(value));
    parts.forEach(part => expect(message).toContain(part));
  });

  it.each([
    ['prod eu', 'prod-eu'],
    ['Prod', 'prod'],
    ['prod', 'prod-'],
  ])('refuses the ids "%s" and "%s", which share an anchor', (one, other) => {
    const message = getRefusal(() =>
      readProviders({ [one]: { host: HOST }, [other]: { host: HOST } }),
    );
    expect(message).toContain(`${ROOT}.${other} would share`);
    expect(message).toContain(`"${one}"`);
    expect(message).toContain('rename');
  });

  it('reports that no integration is configured', () => {
    const config = new ConfigReader({
      catalog: { providers: { bitbucketServer: { host: HOST } } },
    });
    const message = getRefusal(() => readProviderConfigs(config));
    expect(message).toContain('no host is configured under integrations.bitbucketServer');
  });

  it('names the integrations when they cannot be read', () => {
    const config = new ConfigReader({
      integrations: { bitbucketServer: [{ host: HOST, password: ['hunter2'] }] },
      catalog: { providers: { bitbucketServer: { host: HOST } } },
    });
    const message = getRefusal(() => readProviderConfigs(config));
    expect(message).toContain('integrations.bitbucketServer');
    expect(message).not.toContain('hunter2');
  });

  it('lists every fault of every provider in one message', () => {
    const message = getRefusal(() =>
      readProviders({
        prod: { host: 'other.net', concurrency: 0, filters: { projectkey: 'A' } },
        test: { host: HOST, branch: '', removals: { maxPercentage: 101 } },
      }),
    );
    expect(message.split('\n- ').slice(1)).toEqual([
      expect.stringContaining(`${ROOT}.prod.host`),
      expect.stringContaining(`${ROOT}.prod.filters.projectkey`),
      expect.stringContaining(`${ROOT}.prod.concurrency`),
      expect.stringContaining(`${ROOT}.test.branch`),
      expect.stringContaining(`${ROOT}.test.removals.maxPercentage`),
    ]);
    expect(message).toContain('5 faults');
  });

  it.each<[JsonValue]>([
    [{ host: `https://admin:hunter2@${HOST}` }],
    [{ host: `admin:hunter2@${HOST}` }],
    [{ host: `//hunter2@${HOST}` }],
    [{ host: HOST, tokn: 'hunter2' }],
    [{ prod: { host: HOST }, tokn: 'hunter2' }],
    [{ prod: { host: HOST }, token: 'hunter2' }],
    [{ host: HOST, requestTimeout: { token: 'hunter2' } }],
    [{ host: HOST, branch: ['hunter2'] }],
  ])('shows no misplaced secret: %j', value => {
    expect(getRefusal(() => readProviders(value))).not.toContain('hunter2');
  });
});
