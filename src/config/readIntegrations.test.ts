import { ConfigReader } from '@backstage/config';
import { JsonObject } from '@backstage/types';
import { HOST, getRefusal } from './__testUtils__/readOneProvider';
import { readDiscoveryConfig } from './readProviderConfigs';

const KEY = 'integrations.bitbucketServer[0]';
const SECRET = 'hunter2';

function read(integration: JsonObject, provider: JsonObject = {}) {
  const host = String(integration.host ?? HOST);
  return readDiscoveryConfig(
    new ConfigReader({
      integrations: { bitbucketServer: [{ host, ...integration }] },
      catalog: { providers: { bitbucketServer: { host, ...provider } } },
    }),
  );
}

describe('the credentials of the integration', () => {
  it.each<[string, JsonObject, string, string]>([
    [
      'a user whose password is not set',
      { username: 'bot' },
      'password',
      'is missing; set it',
    ],
    [
      'a password whose user is not set',
      { password: SECRET },
      'username',
      'is missing; set',
    ],
    ['an empty token', { token: '' }, 'token', 'must be a non-empty string'],
    ['a blank token', { token: ' \n' }, 'token', 'must be a non-empty string'],
    ['a token of two lines', { token: `${SECRET}\n${SECRET}` }, 'token', 'line breaks'],
    [
      'an empty password',
      { username: 'bot', password: '' },
      'password',
      'must be a non-empty string',
    ],
    [
      'an empty user',
      { username: '', password: SECRET },
      'username',
      'must be a non-empty string',
    ],
    [
      'a password in the name',
      { username: `bot:${SECRET}`, password: SECRET },
      'username',
      'without a colon',
    ],
  ])('are refused without showing them: %s', (_, keys, key, part) => {
    const message = getRefusal(() => read(keys));
    expect(message).toContain(`${KEY}.${key} `);
    expect(message).toContain(part);
    expect(message).not.toContain(SECRET);
  });

  it('are refused when incomplete even where the provider has its own, since the catalog reads files with them', () => {
    const message = getRefusal(() => read({ username: 'bot' }, { token: SECRET }));
    expect(message).toContain(`${KEY}.password is missing`);
  });

  it('are refused with a hint at unset environment variables when incomplete', () => {
    const message = getRefusal(() => read({ username: 'bot' }));
    expect(message).toContain('environment variable');
  });

  it('may be a token beside an incomplete user, since the token takes precedence', () => {
    const { providers } = read({ token: SECRET, username: 'bot' });
    expect(providers).toMatchObject([{ integration: { token: SECRET } }]);
  });

  it('may be invalid where no provider uses the integration', () => {
    const config = new ConfigReader({
      integrations: {
        bitbucketServer: [
          { host: HOST, token: SECRET },
          { host: 'other.example.com', username: 'bot' },
        ],
      },
      catalog: { providers: { bitbucketServer: { host: HOST } } },
    });
    expect(readDiscoveryConfig(config)).toMatchObject({
      providers: [{ config: { host: HOST }, integration: { host: HOST } }],
      warnings: [],
    });
  });

  it('are replaced as a whole by those of the provider', () => {
    const own = { username: 'bot', password: SECRET };
    const { providers } = read({ token: 'integration-token' }, own);
    expect(providers).toMatchObject([{ integration: { ...own, token: undefined } }]);
  });

  it('may be missing, with a warning, since an unset variable looks the same', () => {
    const { providers, warnings } = read({});
    expect(providers).toHaveLength(1);
    expect(warnings).toEqual([
      expect.stringMatching(
        /^integrations\.bitbucketServer\[0\] has no credentials.*token.*environment variable/,
      ),
    ]);
  });

  it('may be missing without a warning where each provider has its own', () => {
    expect(read({}, { token: SECRET }).warnings).toEqual([]);
  });
});

describe('the host of the integration', () => {
  it.each([
    [`${HOST}:443`, `https://${HOST}/rest/api/1.0`, HOST],
    [`${HOST}:443`, undefined, HOST],
    [`${HOST}:80`, `http://${HOST}/rest/api/1.0`, HOST],
    ['Bitbucket.Example.com', undefined, HOST],
  ])(
    'is refused as "%s" with the API at %s, since URLs write it differently',
    (host, apiBaseUrl, written) => {
      const message = getRefusal(() => read({ host, token: SECRET, apiBaseUrl }));
      expect(message).toContain(`${KEY}.host must be written as in URLs, "${written}"`);
      expect(message).toContain('catalog.providers.bitbucketServer');
    },
  );

  it.each([
    [`${HOST}:7990`, `http://${HOST}:7990/rest/api/1.0`],
    [`${HOST}:443`, `http://${HOST}:443/rest/api/1.0`],
    [`${HOST}:8443`, undefined],
    ['[::1]:7990', 'http://[::1]:7990/rest/api/1.0'],
  ])('may be "%s" with the API at %s', (host, apiBaseUrl) => {
    expect(read({ host, token: SECRET, apiBaseUrl }).providers).toMatchObject([
      { config: { host } },
    ]);
  });
});
