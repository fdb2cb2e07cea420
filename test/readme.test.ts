/** Holds the guide to the files and the words of the code; its commands are run elsewhere. */

import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { ConfigReader } from '@backstage/config';
import { ConfigSchema } from '@backstage/config-loader';
import { JsonObject } from '@backstage/types';
import { parse } from 'yaml';
import { seed, seedOtherKinds } from '../dev/seed';
import { createSimulatedBitbucket } from '../dev/simulatedBitbucket';
import { FakeClock } from '../src/__testUtils__/FakeClock';
import {
  blockLanguages,
  blocksOf,
  configExamples,
  installedPackages,
  loadFeature,
  ROOT,
  tableRows,
} from './__testUtils__/readmeText';
import { startBackend } from '../src/__testUtils__/startBackend';
import { connectTestProvider, TEST_USER } from '../src/__testUtils__/testProvider';
import { loadOwnSchema } from '../src/config/__testUtils__/documentedKeys';
import { isJsonObject } from '../src/config/ConfigSection';
import { readProviderConfigs } from '../src/config/__testUtils__/readOneProvider';
import { explainOutcome } from '../src/discovery/explanations';
import {
  ABSENCE_REASONS,
  EXCLUSION_REASONS,
  OutcomeKind,
  UNKNOWN_REASONS,
} from '../src/model';

const OUTCOMES: (readonly [OutcomeKind, string])[] = [
  ['registered', ''],
  ...EXCLUSION_REASONS.map(reason => ['excluded', reason] as const),
  ...ABSENCE_REASONS.map(reason => ['absent', reason] as const),
  ...UNKNOWN_REASONS.map(reason => ['unknown', reason] as const),
];

describe('the guide', () => {
  it('has no fenced block of a language that no test looks at', () => {
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

  it('comes in blocks about providers, one about rules and one about events', () => {
    const topics = configExamples().map(example => Object.keys(example).join());

    expect(topics).toEqual([
      'integrations,catalog',
      'catalog',
      'integrations,catalog',
      'events',
    ]);
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

  it('shows one provider, then several', () => {
    const ids = configExamples()
      .filter(example => example.integrations !== undefined)
      .map(data => readProviderConfigs(new ConfigReader(data)).map(one => one.id));

    expect(ids).toEqual([['default'], ['payments', 'everything-else']]);
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

/** One process needs no bus, and a poll of the bus would hold up its end. */
function withoutBus(config: JsonObject): JsonObject {
  const events = isJsonObject(config.events) ? config.events : {};
  return { ...config, events: { ...events, useEventBus: 'never' } };
}

describe('the line of the log in the guide', () => {
  it('is what the demo says, but for the seconds', async () => {
    const [, sample = ''] = blocksOf('text');
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

describe('the outcomes in the guide', () => {
  const rows = tableRows('outcome', 'reason', 'cause', 'remedy').map(cells =>
    cells.slice(0, 4),
  );

  it('are those that there are, in their order', () => {
    const listed = rows.map(cells =>
      cells.slice(0, 2).map(cell => cell.replaceAll('`', '')),
    );

    expect(listed).toEqual(OUTCOMES);
  });

  it.each(OUTCOMES)('are explained for %s %s as everywhere else', (outcome, reason) => {
    const explanation = explainOutcome(outcome, reason);
    const code = reason === '' ? '' : `\`${reason}\``;

    expect(rows).toContainEqual([
      `\`${outcome}\``,
      code,
      explanation?.cause,
      explanation?.remedy,
    ]);
  });
});

/** As GitHub makes them of headings. */
function anchorsOf(text: string): string[] {
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
            !anchorsOf(readFileSync(path.join(ROOT, at), 'utf8')).includes(anchor))
        );
      });

    expect(broken).toEqual([]);
  });

  it('lead outside only by https', () => {
    const outside = targets.filter(isOutside);

    expect(outside.filter(target => !target.startsWith('https:'))).toEqual([]);
  });

  it('are to files that exist where it only names one', () => {
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
