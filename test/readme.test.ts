/** Holds the README to the files and the words of the code; its commands are run elsewhere. */

import { existsSync, readFileSync } from 'node:fs';
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
  README,
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

describe('the README', () => {
  it('has no fenced block of a language that no test looks at', () => {
    expect([...new Set(blockLanguages())].sort()).toEqual(['sh', 'text', 'ts', 'yaml']);
  });
});

describe('the configuration of the README', () => {
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
      expect(() => schema.process([{ data, context: 'README.md' }])).not.toThrow();
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

describe('the line of the log in the README', () => {
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

describe('the outcomes in the README', () => {
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

describe('the links of the README', () => {
  const targets = [...README.matchAll(/\]\(([^)\s]+)\)/g)].map(
    ([, target = '']) => target,
  );
  const anchors = [...README.replace(/^```[^]*?^```$/gm, '').matchAll(/^#+ (.+)$/gm)].map(
    ([, title = '']) =>
      `#${title
        .toLowerCase()
        .replace(/[^\w\- ]/g, '')
        .replaceAll(' ', '-')}`,
  );
  const inCode = [
    ...README.matchAll(/`((?:[\w.-]+\/)*[\w.-]+\.(?:md|example\.yaml|openapi\.yaml))`/g),
  ];

  it('lead to sections that exist', () => {
    const inside = targets.filter(target => target.startsWith('#'));

    expect(inside).not.toEqual([]);
    expect(anchors).toEqual(expect.arrayContaining(inside));
  });

  it('lead to files of the repository that exist', () => {
    const files = [
      ...targets.filter(target => !/^(#|https:)/.test(target)),
      ...inCode.map(([, file = '']) => file),
    ];

    expect(files).toContain('docs/metrics/README.md');
    expect(files.filter(file => !existsSync(path.join(ROOT, file)))).toEqual([]);
  });

  it('lead outside only by https', () => {
    expect(
      targets.filter(target => /^\w+:/.test(target) && !/^https:/.test(target)),
    ).toEqual([]);
  });
});
