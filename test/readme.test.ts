/** Compares the guide with the files and texts of the code; its commands are run elsewhere. */

import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { ConfigReader } from '@backstage/config';
import { ConfigSchema } from '@backstage/config-loader';
import { JsonObject } from '@backstage/types';
import { parse } from 'yaml';
import { z } from 'zod';
import { seed, seedOtherKinds } from '../dev/seed';
import { createSimulatedBitbucket } from '../dev/simulatedBitbucket';
import { apiAuthConfig, TOKEN } from '../src/__testUtils__/backendApi';
import { FakeClock } from '../src/__testUtils__/FakeClock';
import {
  blockLanguages,
  getBlocks,
  configExamples,
  installedPackages,
  loadFeature,
  ROOT,
} from './__testUtils__/readmeText';
import { startBackend } from '../src/__testUtils__/startBackend';
import { connectTestProvider, TEST_USER } from '../src/__testUtils__/testProvider';
import { loadOwnSchema } from '../src/config/__testUtils__/documentedKeys';
import { isFields } from '../src/util/fields';
import { readProviderConfigs } from '../src/config/__testUtils__/readOneProvider';

describe('the guide', () => {
  it('has no fenced block of a language without a test', () => {
    expect([...new Set(blockLanguages())].sort()).toEqual([
      'bash',
      'sh',
      'text',
      'ts',
      'yaml',
    ]);
  });
});

describe('the configuration of the guide', () => {
  let schema: ConfigSchema;

  beforeAll(async () => {
    schema = await loadOwnSchema();
  }, 60_000);

  it('contains only sections that a test checks', () => {
    const others = configExamples().filter(({ integrations, catalog, events, backend }) =>
      [integrations, catalog, events, backend].every(section => section === undefined),
    );

    expect(others).toEqual([]);
  });

  it.each(configExamples().map((example, index) => [index, example] as const))(
    'passes the published schema in block %i',
    (_, data) => {
      expect(() => schema.process([{ data, context: 'guide' }])).not.toThrow();
    },
  );

  it.each(
    configExamples()
      .filter(example => example.integrations !== undefined)
      .map((example, index) => [index, example] as const),
  )('is accepted by the module in block %i', (_, data) => {
    expect(readProviderConfigs(new ConfigReader(data))).not.toEqual([]);
  });

  it('shows one provider, and several', () => {
    const ids = configExamples()
      .filter(example => example.integrations !== undefined)
      .map(data =>
        readProviderConfigs(new ConfigReader(data)).map(provider => provider.id),
      );

    expect(ids).toContainEqual(['default']);
    expect(ids).toContainEqual(['payments', 'everything-else']);
  });

  it('configures a static token as the backends of other tests do, for the catalog only', () => {
    const tokens = configExamples().flatMap(({ backend }) =>
      isFields(backend) && backend.auth !== undefined ? [backend.auth] : [],
    );
    const like = JSON.stringify(apiAuthConfig).replace(TOKEN, 'a-static-token');
    const { externalAccess } = z
      .object({ externalAccess: z.tuple([z.object({ type: z.string() }).loose()]) })
      .parse(JSON.parse(like.replace('a-test', 'bitbucket-server-discovery')));

    expect(tokens).toEqual([
      {
        externalAccess: [
          { ...externalAccess[0], accessRestrictions: [{ plugin: 'catalog' }] },
        ],
      },
    ]);
  });

  it('is accepted by the events feature where it is about events', async () => {
    const [events = {}] = configExamples().filter(
      example => example.events !== undefined,
    );
    const backend = await startBackend({
      config: withoutBus(events),
      features: installedPackages().slice(1).map(loadFeature),
    });

    await backend.stop();
  });
});

/** One process needs no bus, and polling the bus would delay its shutdown. */
function withoutBus(config: JsonObject): JsonObject {
  const events = isFields(config.events) ? config.events : {};
  return { ...config, events: { ...events, useEventBus: 'never' } };
}

describe('the line of the log in the guide', () => {
  it('is the line of the demo, except for the seconds', async () => {
    const sample = getBlocks('text').find(text => text.startsWith('Discovery ')) ?? '';
    const demo: JsonObject = parse(
      readFileSync(path.join(ROOT, 'dev/app-config.yaml'), 'utf8'),
    );
    const { host: _, ...config } = new ConfigReader(demo)
      .getConfig('catalog.providers.bitbucketServer')
      .get<JsonObject>();
    const clock = new FakeClock();
    const bitbucket = createSimulatedBitbucket({
      users: [TEST_USER, { name: 'jdoe', password: 'x' }],
      rateLimit: { capacity: 60, fillRate: 20, settingsReadable: true },
      clock,
    });
    seed(bitbucket);
    seedOtherKinds(bitbucket);
    const { run, logger } = await connectTestProvider({ bitbucket, config, clock });

    await run();

    const withoutSeconds = (text: string) =>
      text
        .trim()
        .replace(/\s+/g, ' ')
        .replace(/in [\d.]+ s/, 'in some time');
    expect(logger.messages('info').map(withoutSeconds)).toContain(withoutSeconds(sample));
  });
});

/** Derives anchors from headings like GitHub. */
function getAnchors(text: string): string[] {
  return [...text.replace(/^```[^]*?^```$/gm, '').matchAll(/^#+ (.+)$/gm)].map(
    ([, title = '']) =>
      title
        .toLowerCase()
        .replace(/[^\w\- ]/g, '')
        .replaceAll(' ', '-'),
  );
}

describe.each(
  ['README.md', 'CONTRIBUTING.md', 'SECURITY.md', 'RELEASING.md'].concat(
    filesBelow('docs').filter(file => file.endsWith('.md')),
  ),
)('the links of %s', file => {
  const text = readFileSync(path.join(ROOT, file), 'utf8');
  const targets = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target);
  const isOutside = (target: string) => /^\w+:/.test(target);

  it('lead to files and sections that exist', () => {
    const broken = targets
      .filter(target => !isOutside(target))
      .filter(target => {
        const [to = '', anchor] = target.split('#');
        const at = to === '' ? file : path.join(path.dirname(file), to);
        return (
          !existsSync(path.join(ROOT, at)) ||
          (anchor !== undefined &&
            !getAnchors(readFileSync(path.join(ROOT, at), 'utf8')).includes(anchor))
        );
      });

    expect(broken).toEqual([]);
  });

  it('lead outside only by https', () => {
    const outside = targets.filter(isOutside);

    expect(outside.filter(target => !target.startsWith('https:'))).toEqual([]);
  });

  it('include only existing files among the file names in the text', () => {
    const named = [
      ...text.matchAll(/`((?:[\w.-]+\/)*[\w.-]+\.(?:md|example\.yaml|openapi\.yaml))`/g),
    ].map(([, name = '']) => name);
    const exists = (name: string) =>
      [ROOT, path.join(ROOT, path.dirname(file))].some(at =>
        existsSync(path.join(at, name)),
      );

    expect(named.filter(name => !exists(name))).toEqual([]);
  });
});

/** Files below a folder of the package, with the folder. */
function filesBelow(folder: string): string[] {
  return readdirSync(path.join(ROOT, folder), { recursive: true })
    .map(name => path.join(folder, String(name)))
    .filter(name => statSync(path.join(ROOT, name)).isFile());
}
