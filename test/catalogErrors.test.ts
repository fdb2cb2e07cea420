/**
 * Files that the catalog cannot use, in a real catalog and in the report: each kind of broken
 * file, broken from its first version on or only later, and fixed as the remedy says.
 */

import { createServer } from 'node:http';
import { JsonObject } from '@backstage/types';
import { z } from 'zod';
import { componentYaml } from '../dev/seed';
import {
  createSimulatedBitbucket,
  serve,
  SimulatedBitbucket,
} from '../dev/simulatedBitbucket';
import { createCatalogObserver } from './__testUtils__/catalogObserver';
import { eventually } from '../src/__testUtils__/eventually';
import { startBackend, TestBackend } from '../src/__testUtils__/startBackend';
import { appConfigFor, TEST_USER } from '../src/__testUtils__/testProvider';
import { CatalogErrorReason } from '../src/discovery/catalogErrors';
import discoveryModule from '../src/index';

const FILE = 'catalog-info.yaml';
const RUN = 'bitbucketServer-provider:default:refresh';
const DISCOVERY = '/api/catalog/bitbucket-server/discoveries/default';

const component = (name: string) => componentYaml(name, 'a service');
const toLocation = (name: string, spec: string) =>
  `apiVersion: backstage.io/v1alpha1\nkind: Location\nmetadata:\n  name: ${name}\nspec:\n${spec}`;

/** One mistake, and its remedy. */
interface Mistake {
  readonly reason: CatalogErrorReason;
  /** The file, for the name that its entity should have. */
  readonly broken?: (name: string) => string;
  /** The answer that the catalog gets instead of the file. */
  readonly answer?: number | 'reset';
  /** Applies the remedy; left out where that is the correct file. */
  readonly mended?: (name: string) => Readonly<Record<string, string>>;
  /** The name of the resulting entity; the name of the repository when left out. */
  readonly mendedName?: (name: string) => string;
}

const text = (content: string) => () => content;

/** In a separate file: the catalog deletes entities of another file only after a while. */
const inFileOfItsOwn = (name: string) => `${name}-2`;

const MISTAKES: Readonly<Record<string, Mistake>> = {
  html: {
    reason: 'html-page',
    broken: text(
      '<!DOCTYPE html>\n<html><head><title>Log in</title><style>a { color: red }</style></head></html>\n',
    ),
  },
  'html-of-one-line': {
    reason: 'no-entity',
    broken: text('<html><body><h1>Log in</h1></body></html>'),
  },
  lfs: {
    reason: 'no-entity',
    broken: text(
      'version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22e\nsize 12345\n',
    ),
  },
  symlink: { reason: 'no-entity', broken: text('../shared/catalog-info.yaml') },
  tab: {
    reason: 'invalid-yaml',
    broken: name => component(name).replace('  name', '\tname'),
  },
  alias: { reason: 'invalid-yaml', broken: text('a: *nowhere\n') },
  list: {
    reason: 'list',
    broken: name => `- ${component(name).trim().replaceAll('\n', '\n  ')}\n`,
  },
  kind: {
    reason: 'kind-not-allowed',
    broken: name =>
      `${component(name)}---\n${component(`${name}-2`).replace('Component', 'System')}`,
  },
  version: {
    reason: 'unknown-kind',
    broken: name => component(name).replace('backstage.io/v1alpha1', 'example.com/v1'),
  },
  elsewhere: {
    reason: 'host-not-allowed',
    broken: name => toLocation(`${name}-l`, '  targets: [https://elsewhere.test/x.yaml]'),
    mended: name => ({
      [FILE]: toLocation(`${name}-l`, '  targets: [./here.yaml]'),
      'here.yaml': component(inFileOfItsOwn(name)),
    }),
    mendedName: inFileOfItsOwn,
  },
  'file-type': {
    reason: 'location-type',
    broken: name => toLocation(`${name}-l`, '  type: file\n  targets: [./here.yaml]'),
    mended: name => ({
      [FILE]: toLocation(`${name}-l`, '  targets: [./here.yaml]'),
      'here.yaml': component(inFileOfItsOwn(name)),
    }),
    mendedName: inFileOfItsOwn,
  },
  'no-such-target': {
    reason: 'not-found',
    broken: name => toLocation(`${name}-l`, '  targets: [./there.yaml]'),
    mended: name => ({ 'there.yaml': component(inFileOfItsOwn(name)) }),
    mendedName: inFileOfItsOwn,
  },
  placeholder: {
    reason: 'placeholder',
    broken: name =>
      component(name).replace(
        / {2}description: .*/,
        '  description:\n    $text: ./there.md',
      ),
    mended: () => ({ 'there.md': 'a description' }),
  },
  'long-name': {
    reason: 'invalid-name',
    broken: name => component(`${name}-${'x'.repeat(63)}`),
  },
  'name-with-a-space': { reason: 'invalid-name', broken: name => component(`${name} x`) },
  'no-owner': {
    reason: 'invalid-entity',
    broken: name => component(name).replace(/ {2}owner: .*\n/, ''),
  },
  'no-kind': {
    reason: 'invalid-entity',
    broken: name => component(name).replace(/kind: .*\n/, ''),
  },
  taken: { reason: 'name-taken', broken: text(component('held')) },
  401: { reason: 'not-permitted', answer: 401 },
  403: { reason: 'not-permitted', answer: 403 },
  404: { reason: 'not-found', answer: 404 },
  429: { reason: 'rate-limited', answer: 429 },
  503: { reason: 'server-error', answer: 503 },
  reset: { reason: 'unreachable', answer: 'reset' },
};

/** A repository for each mistake. */
interface Case extends Mistake {
  readonly name: string;
  /** Ends the answer that the catalog gets instead of the file. */
  restore?: () => void;
}

const createCases = (when: string): Case[] =>
  Object.entries(MISTAKES).map(([name, mistake]) => ({
    ...mistake,
    name: `${when}-${name}`,
  }));

const Item = z.object({
  repositorySlug: z.string(),
  catalog: z.object({
    entities: z.array(z.string()),
    errors: z.array(
      z.object({
        entityRef: z.string(),
        message: z.string(),
        reason: z.string(),
        remedy: z.string(),
      }),
    ),
  }),
});
const Page = z.object({ items: z.array(Item), totalItems: z.number() });
const Discovery = z.object({ summary: z.object({ withErrors: z.number() }) });

let bitbucket: SimulatedBitbucket;
let backend: TestBackend;
const observer = createCatalogObserver();
const endings: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  bitbucket = createSimulatedBitbucket({ users: [TEST_USER] });
  const served = await serve(bitbucket);
  endings.push(() => served.close());
  const { integrations, catalog } = appConfigFor({
    bitbucket,
    config: { schedule: { frequency: { trigger: 'manual' }, timeout: { minutes: 1 } } },
  });
  backend = await startBackend({
    config: {
      integrations,
      catalog: { ...Object(catalog), processingInterval: { seconds: 1 } },
    },
    features: [discoveryModule, observer.feature],
  });
  endings.push(() => backend.stop());
});
afterAll(async () => {
  for (const end of endings.splice(0).reverse()) {
    await end();
  }
});

function add(slug: string, content: string): void {
  bitbucket.addRepository({ projectKey: 'PAY', slug, files: { [FILE]: content } });
}

function write(slug: string, files: Readonly<Record<string, string>>): void {
  for (const [path, content] of Object.entries(files)) {
    bitbucket.writeFile('PAY', slug, path, content);
  }
}

function interrupt(testCase: Case): void {
  if (testCase.answer !== undefined) {
    const fault = bitbucket.faults.add({
      match: { kind: 'raw', repositorySlug: testCase.name },
      effect:
        testCase.answer === 'reset' ? 'reset' : { type: 'html', status: testCase.answer },
    });
    testCase.restore = () => fault.remove();
  }
}

function mend({ name, mended, restore }: Case): void {
  restore?.();
  write(name, mended?.(name) ?? { [FILE]: component(name) });
}

async function list(query: string, from = backend) {
  const response = await from.send(`${DISCOVERY}/repositories?limit=1000&${query}`);
  return Page.parse(await response.json());
}

/** Returns the repositories with errors in the report, as `slug: reason`. */
async function failing(from = backend): Promise<string[]> {
  const { items } = await list('errors=true', from);
  return items.map(
    ({ repositorySlug, catalog: { errors } }) =>
      `${repositorySlug}: ${[...new Set(errors.map(error => error.reason))].join()}`,
  );
}

const getExpected = (cases: readonly Case[]) =>
  cases.map(({ name, reason }) => `${name}: ${reason}`).sort();

async function countWithErrors(): Promise<number> {
  const response = await backend.send(DISCOVERY);
  return Discovery.parse(await response.json()).summary.withErrors;
}

/** Checks that the catalog shows an entity of each file, and that the report names it. */
async function expectEntities(
  cases: readonly Case[],
  nameOf: (testCase: Case) => string = testCase => testCase.name,
): Promise<void> {
  const refs = cases.map(testCase => `component:default/${nameOf(testCase)}`).sort();
  const shown = await backend.entities('kind=component');
  expect(
    shown
      .map(entity => `component:default/${entity.metadata.name}`)
      .filter(ref => refs.includes(ref))
      .sort(),
  ).toEqual(refs);
  const bySlug = new Map((await list('')).items.map(item => [item.repositorySlug, item]));
  for (const testCase of cases) {
    const { catalog } = bySlug.get(testCase.name) ?? {};
    expect(catalog?.entities).toContain(`component:default/${nameOf(testCase)}`);
    expect(catalog?.errors).toEqual([]);
  }
}

/** Checks that exactly these repositories have errors, each with its reason. */
async function expectFailing(cases: readonly Case[]): Promise<void> {
  expect((await failing()).sort()).toEqual(getExpected(cases));
  expect(await countWithErrors()).toBe(cases.length);
}

describe('files that the catalog cannot use', () => {
  it('are reported with repository and reason, broken from the beginning or later, until they are fixed as the remedy says', async () => {
    const [first, later] = [createCases('first'), createCases('later')];
    add('held', component('held'));
    later.forEach(testCase => add(testCase.name, component(testCase.name)));
    await observer.runTask(RUN);
    await eventually(() => expectEntities(later));
    expect(await failing()).toEqual([]);

    first.forEach(testCase => {
      add(testCase.name, testCase.broken?.(testCase.name) ?? component(testCase.name));
      interrupt(testCase);
    });
    await observer.runTask(RUN);
    await eventually(() => expectFailing(first));
    // People see nothing of them in the catalog itself.
    const locations = await backend.entities('kind=location');
    const targets = locations.map(entity => String(entity.spec?.target));
    expect(targets.filter(target => target.includes('/later-html/'))).toHaveLength(1);
    expect(targets.filter(target => target.includes('/first-html/'))).toEqual([]);

    later.forEach(testCase => {
      write(
        testCase.name,
        testCase.broken ? { [FILE]: testCase.broken(testCase.name) } : {},
      );
      interrupt(testCase);
    });
    await eventually(() => expectFailing([...first, ...later]));

    [...first, ...later].forEach(mend);
    await eventually(() =>
      expectEntities(
        [...first, ...later],
        testCase => testCase.mendedName?.(testCase.name) ?? testCase.name,
      ),
    );
    await eventually(() => expectFailing([]));
  }, 120_000);
});

describe('files that the backend does not allow', () => {
  it('are in the catalog once catalog.rules and backend.reading.allow permit them', async () => {
    const elsewhere = createServer((_, response) =>
      response.end(component('from-there')),
    );
    await new Promise<void>(resolve => elsewhere.listen(0, '127.0.0.1', resolve));
    endings.push(() => new Promise(resolve => elsewhere.close(resolve)));
    const address = z.object({ port: z.number() }).parse(elsewhere.address());
    const host = `127.0.0.1:${address.port}`;
    const files = {
      'more-kinds': `${component('more-kinds')}---\n${component('more-kinds-2').replace('Component', 'System')}`,
      'more-hosts': toLocation('more-hosts', `  targets: [http://${host}/x.yaml]`),
    };
    const world = createSimulatedBitbucket({ users: [TEST_USER] });
    for (const [slug, content] of Object.entries(files)) {
      world.addRepository({ projectKey: 'PAY', slug, files: { [FILE]: content } });
    }
    const served = await serve(world);
    endings.push(() => served.close());
    const { integrations, catalog } = appConfigFor({ bitbucket: world });
    const start = (rest: { rules?: JsonObject[]; reading?: JsonObject }) =>
      startBackend({
        config: {
          integrations,
          backend: { reading: rest.reading ?? {} },
          catalog: {
            ...Object(catalog),
            ...(rest.rules && { rules: rest.rules }),
            processingInterval: { seconds: 1 },
          },
        },
        features: [discoveryModule],
      });

    const before = await start({});
    await eventually(async () => {
      expect(await failing(before)).toEqual([
        'more-hosts: host-not-allowed',
        'more-kinds: kind-not-allowed',
      ]);
    });
    await before.stop();

    const after = await start({
      rules: [{ allow: ['Component', 'System', 'Location'] }],
      reading: { allow: [{ host }] },
    });
    await after.component('more-kinds');
    await after.component('from-there');
    await after.waitForEntities('kind=system,metadata.name=more-kinds-2', 1);
    expect(await failing(after)).toEqual([]);
    await after.stop();
  }, 120_000);
});
