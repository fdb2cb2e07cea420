/** The page on the switch from the published module: its examples work, with both modules if it says so. */

import { readFileSync } from 'node:fs';
import path from 'node:path';
import { mockServices } from '@backstage/backend-test-utils';
import { ConfigReader } from '@backstage/config';
import * as peer from '@backstage/plugin-catalog-backend-module-bitbucket-server';
import { JsonObject } from '@backstage/types';
import { parse } from 'yaml';
import { z } from 'zod';
import { parseCommands } from './__testUtils__/readmeCommands';
import { createReadmeBitbucket } from './__testUtils__/readmeBitbucket';
import {
  EXAMPLE_ENV,
  EXAMPLE_HOST,
  readManifest,
  ROOT,
} from './__testUtils__/readmeText';
import { startBackend } from '../src/__testUtils__/startBackend';
import { serveBackstage } from '../src/cli/__testUtils__/fakeBackstage';
import { runCommand } from '../src/cli/__testUtils__/runCommand';
import { readDiscoveryConfig } from '../src/config/readProviderConfigs';
import { readProviderConfigs } from '../src/config/__testUtils__/readOneProvider';
import * as own from '../src/index';

const PEER = '@backstage/plugin-catalog-backend-module-bitbucket-server';
const { name: OWN, version: OWN_VERSION } = readManifest();
const PAGE = readFileSync(path.join(ROOT, 'docs/migrating.md'), 'utf8');

/** The text of each fenced block of a language, including those in a list. */
function getBlocks(language: string): string[] {
  const fence = new RegExp(`^( *)\`\`\`${language}\\n([^]*?)^ *\`\`\`$`, 'gm');
  return [...PAGE.matchAll(fence)].map(([, indent = '', block = '']) =>
    block.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
  );
}

const Examples = z.tuple([
  z.custom<JsonObject>(),
  z.custom<JsonObject>(),
  z.custom<JsonObject>(),
]);
const [WHOLE, UNCHECKED, EVENTS] = Examples.parse(
  getBlocks('yaml').map((block): unknown => parse(block)),
);

const INTEGRATION = {
  integrations: {
    bitbucketServer: [
      { host: EXAMPLE_HOST, apiBaseUrl: `https://${EXAMPLE_HOST}/rest/api/1.0` },
    ],
  },
};

function createConfig(...data: JsonObject[]) {
  return ConfigReader.fromConfigs(
    data.map(config => ({ data: config, context: 'page' })),
  );
}

describe('the configurations of the page', () => {
  it('work here and with the published module, under the same names', () => {
    const config = createConfig(WHOLE);
    const published = peer.BitbucketServerEntityProvider.fromConfig(config, {
      logger: mockServices.logger.mock(),
      scheduler: mockServices.scheduler.mock(),
    });

    expect(published.map(provider => provider.getProviderName())).toEqual([
      'bitbucketServer-provider:yourProviderId',
    ]);
    expect(readProviderConfigs(config)).toMatchObject([
      {
        id: 'yourProviderId',
        validateLocationsExist: true,
        filters: {
          projectKey: { source: '^PAY' },
          repoSlug: { source: '.*-service' },
          skipArchivedRepos: true,
        },
        schedule: { frequency: { minutes: 30 }, timeout: { minutes: 25 } },
      },
    ]);
  });

  it('keep Locations of files that are not checked', () => {
    expect(readProviderConfigs(createConfig(INTEGRATION, UNCHECKED))).toMatchObject([
      { validateLocationsExist: false },
    ]);
    const none = createConfig(INTEGRATION, {
      catalog: { providers: { bitbucketServer: { host: EXAMPLE_HOST } } },
    });
    expect(readProviderConfigs(none)).toMatchObject([{ validateLocationsExist: true }]);
  });

  it('set the secret of webhooks under the key that is read', () => {
    const secret = createConfig(EVENTS).getString(
      'events.modules.bitbucketServer.webhookSecret',
    );

    expect(secret).toBe('${BITBUCKET_WEBHOOK_SECRET}');
  });

  /** The keys in its documentation: docs/integrations/bitbucketServer/discovery.md of Backstage. */
  it('include all keys that the published module documents', () => {
    const documented = {
      yourProviderId: {
        host: EXAMPLE_HOST,
        catalogPath: '/catalog-info.yaml',
        filters: {
          projectKey: '^apis-.*$',
          repoSlug: '^service-.*$',
          branch: 'master',
          skipArchivedRepos: true,
        },
        validateLocationsExist: false,
        schedule: {
          frequency: { minutes: 30 },
          timeout: { minutes: 3 },
          initialDelay: { seconds: 15 },
          scope: 'local',
        },
      },
    };
    const providers = { bitbucketServer: documented };
    const token = 'BBDC-token';
    const { providers: read, warnings } = readDiscoveryConfig(
      createConfig(
        { integrations: { bitbucketServer: [{ host: EXAMPLE_HOST, token }] } },
        { catalog: { providers } },
      ),
    );

    expect(read).toMatchObject([
      {
        config: {
          filters: { repoSlug: { source: '^service-.*$' }, skipArchivedRepos: true },
          branch: undefined,
          schedule: { initialDelay: { seconds: 15 }, scope: 'global' },
        },
      },
    ]);
    const key = 'catalog.providers.bitbucketServer.yourProviderId';
    expect(warnings).toEqual([
      `${key}.filters.branch has no effect; delete this line: the published module ignored it`,
      expect.stringMatching(
        `^${key}.schedule.scope is taken for "global"; delete this line`,
      ),
    ]);
  });

  it.each([
    ['a misspelt key', { catalogpath: '/x.yaml' }, /catalogpath/],
    ['a bad regular expression', { filters: { projectKey: '[' } }, /filters\.projectKey/],
    ['a throttle', { throttling: { limit: 1 } }, /throttling is not a known key/],
  ])('are refused with %s', (_, wrong, message) => {
    const providers = { bitbucketServer: { host: EXAMPLE_HOST, ...wrong } };
    const config = createConfig(INTEGRATION, { catalog: { providers } });

    expect(() => readProviderConfigs(config)).toThrow(message);
  });
});

describe('the commands of the page', () => {
  const lines = getBlocks('sh').join('').trim().split('\n');
  const isRemoval = (line: string) => line.includes(` remove ${PEER}`);

  it('remove the published package', () => {
    expect(lines.filter(isRemoval)).toEqual([
      `yarn --cwd packages/backend remove ${PEER}`,
    ]);
  });

  it('install this package and preview the changes', () => {
    const commands = parseCommands(lines.filter(line => !isRemoval(line)).join('\n'));

    expect(commands).toEqual([
      {
        kind: 'add-package',
        packageName: OWN,
        // As in the README: it is on no registry yet.
        archive: `./${OWN}-${OWN_VERSION}.tgz`,
      },
      { kind: 'discovery', env: {}, args: ['check'] },
      {
        kind: 'discovery',
        env: { BACKSTAGE_TOKEN: 'the-token' },
        args: ['preview', '--against', 'https://backstage.example.com'],
      },
    ]);
  });

  it('show the documented result for a catalog that the published module has filled', async () => {
    const toTarget = (slug: string) =>
      `https://${EXAMPLE_HOST}/projects/PAY/repos/${slug}/browse/catalog-info.yaml`;
    const gone = Array.from({ length: 6 }, (_, index) =>
      toTarget(`gone-${index}-service`),
    );
    const compare = async (...targets: string[]) => {
      const locations = targets.map(target => ({
        target,
        by: 'published-module' as const,
      }));
      await using backstage = await serveBackstage({ locations, token: 'the-token' });
      const { stdout } = await runCommand(['preview', '--against', backstage.url], {
        bitbucket: createReadmeBitbucket(),
        env: { ...EXAMPLE_ENV, BACKSTAGE_TOKEN: 'the-token' },
        appConfig: WHOLE,
      });
      return stdout;
    };

    expect(PAGE).toMatch(
      /`\+` is what the first run will add, `-` [^]*remove, `=` [^]*hold back/,
    );
    const added = await compare(...gone.slice(0, 1), toTarget('other-service'));
    expect(added).toContain(`+ ${toTarget('invoice-service')}`);
    const removed = await compare(toTarget('invoice-service'), ...gone.slice(0, 5));
    expect(removed).toContain(`- ${gone[4]}`);
    const held = await compare(toTarget('invoice-service'), ...gone);
    expect(held).toContain(`= ${gone[5]}`);
    expect(held).toContain('more than removals.maxPercentage (30 %) allows at once');
  });
});

describe('the code of the page', () => {
  it('installs existing features', () => {
    const added = getBlocks('ts')
      .join('')
      .match(/'([^']+)'/g)
      ?.map(quoted => quoted.slice(1, -1));

    expect(added).toEqual([OWN, '@backstage/plugin-events-backend', `${OWN}/events`]);
  });

  it('covers every name of the published module', () => {
    expect(Object.keys(own)).toEqual(expect.arrayContaining(Object.keys(peer)));
    const declared = readFileSync(
      path.join(ROOT, 'node_modules', PEER, 'dist/index.d.ts'),
      'utf8',
    );
    const [, types = ''] = /^export type \{([^}]+)\}/m.exec(declared) ?? [];
    const names = types.split(',').map(name => name.trim());
    const index = readFileSync(path.join(ROOT, 'src/index.ts'), 'utf8');

    expect(names.length).toBeGreaterThan(3);
    expect(names.filter(name => !index.includes(`  ${name},`))).toEqual([]);
  });
});

describe('the message on the page about both modules together', () => {
  it('is the message of the backend', async () => {
    const [, said = ''] = /refuses to: `([^`]+)`/.exec(PAGE) ?? [];
    const message = said.replace(/\s+/g, ' ');

    expect(message).toMatch(/already registered$/);
    await expect(
      startBackend({ config: INTEGRATION, features: [own.default, peer.default] }),
    ).rejects.toThrow(message);
  });
});

describe('the tables of the page', () => {
  it('compare with the version that the tests install', () => {
    const manifest = z
      .object({ version: z.string() })
      .parse(
        JSON.parse(
          readFileSync(path.join(ROOT, 'node_modules', PEER, 'package.json'), 'utf8'),
        ),
      );

    expect(PAGE).toContain(`version ${manifest.version} of that module`);
  });
});
