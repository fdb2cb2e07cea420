/** The `catalog.rules` that the documentation shows, in a real catalog. */

import scaffolderEntityModel from '@backstage/plugin-catalog-backend-module-scaffolder-entity-model';
import { JsonObject, JsonValue } from '@backstage/types';
import { parse } from 'yaml';
import { EntityKind, entityYaml } from '../dev/seed';
import { createSimulatedBitbucket, serve } from '../dev/simulatedBitbucket';
import { eventually } from '../src/__testUtils__/eventually';
import { startBackend } from '../src/__testUtils__/startBackend';
import { appConfigFor, TEST_USER } from '../src/__testUtils__/testProvider';
import { readPackageFile } from '../src/config/__testUtils__/documentedKeys';
import { isFields } from '../src/util/fields';
import discoveryModule from '../src/index';
import { createCatalogObserver } from './__testUtils__/catalogObserver';
import { configExamples, EXAMPLE_HOST } from './__testUtils__/readmeText';

const EVERYWHERE: readonly EntityKind[] = [
  'Component',
  'API',
  'System',
  'Domain',
  'Resource',
];
const PEOPLE = '/projects/ORG/repos/people/browse/catalog-info.yaml';
const REFUSED =
  /Entity (\S+) at \S*\/projects\/(\w+)\/repos\/([\w-]+)\/\S* originated at \S* is not of an allowed kind/;

const endings: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const end of endings.splice(0).reverse()) {
    await end();
  }
});

/** Options of {@link startWith}. */
interface WorldOptions {
  /** Documents of the catalog file by repository, such as `PAY/api`. */
  readonly files: Readonly<Record<string, readonly string[]>>;
  /** The target of PAY/detour, relative to the base URL. */
  readonly detourTo?: string;
  readonly rules?: JsonValue;
  /** The configuration of the provider. */
  readonly config?: JsonObject;
}

/** Starts a backend that discovers these files. */
async function startWith({ files, detourTo, rules, config }: WorldOptions) {
  const bitbucket = createSimulatedBitbucket({ users: [TEST_USER] });
  const served = await serve(bitbucket);
  endings.push(() => served.close());
  const add = (at: string, documents: readonly string[]) => {
    const [projectKey = '', slug = ''] = at.split('/');
    const content = { 'catalog-info.yaml': documents.join('---\n') };
    bitbucket.addRepository({ projectKey, slug, files: content });
  };
  Object.entries(files).forEach(([at, documents]) => add(at, documents));
  if (detourTo !== undefined) {
    const targets = [`${bitbucket.baseUrl}${detourTo}`];
    add('PAY/detour', [entityYaml('Location', 'detour', { targets })]);
  }
  const observer = createCatalogObserver();
  const app = appConfigFor({ bitbucket, config });
  const text = JSON.stringify({ ...app, catalog: { ...getSection(app), rules } });
  const backend = await startBackend({
    config: JSON.parse(text.replaceAll(`https://${EXAMPLE_HOST}`, bitbucket.baseUrl)),
    features: [discoveryModule, scaffolderEntityModel, observer.feature],
  });
  endings.push(() => backend.stop());
  return {
    /** Refs of the entities from files, such as `component:pay-component`. */
    async entities(): Promise<string[]> {
      const all = await backend.entities('kind');
      return all
        .filter(entity => !/^(generated|bitbucket-server)-/.test(entity.metadata.name))
        .map(entity => `${entity.kind}:${entity.metadata.name}`.toLowerCase())
        .sort();
    },
    /** Repositories whose file the catalog refused because of its kind, with the entity. */
    async refusals(): Promise<string[]> {
      const rows: { errors: string | null }[] = await observer
        .database()('refresh_state')
        .select('errors');
      return rows
        .map(({ errors }) => REFUSED.exec(errors ?? '') ?? [])
        .flatMap(([, ref, key, slug]) => (ref ? [`${key}/${slug} ${ref}`] : []))
        .sort();
    },
  };
}

function getSection({ catalog }: JsonObject): JsonObject {
  return isFields(catalog) ? catalog : {};
}

/** The rules of the README. */
function readmeRules(): JsonValue {
  const sections = configExamples().map(getSection);
  return sections.find(({ rules }) => rules !== undefined)?.rules ?? [];
}

describe('the documented catalog.rules', () => {
  it('are the same in the README and in app-config.example.yaml', () => {
    const example: JsonObject = parse(readPackageFile('app-config.example.yaml'));

    expect(readmeRules()).toHaveLength(3);
    expect(getSection(example).rules).toEqual(readmeRules());
  });

  it.each([
    ['the default branch', {}],
    ['the branch that the configuration names', { branch: 'main' }],
  ])('allow each kind from its documented sources, on %s', async (_, config) => {
    const kinds = EVERYWHERE.map(kind => entityYaml(kind, `pay-${kind}`));
    const { entities, refusals } = await startWith({
      files: {
        'PAY/all': kinds,
        'PAY/list': [entityYaml('Location', 'pay-location')],
        'PLATFORM/templates': [entityYaml('Template', 'new-service')],
        'ORG/people': [entityYaml('Group', 'guests'), entityYaml('User', 'guest')],
      },
      rules: readmeRules(),
      config,
    });

    await eventually(async () => {
      expect(await entities()).toEqual([
        'api:pay-api',
        'component:pay-component',
        'domain:pay-domain',
        'group:guests',
        'location:pay-location',
        'resource:pay-resource',
        'system:pay-system',
        'template:new-service',
        'user:guest',
      ]);
    });
    expect(await refusals()).toEqual([]);
  });

  it('refuse templates, users and groups from everywhere else, each with its whole file', async () => {
    const { entities, refusals } = await startWith({
      files: {
        'PAY/template': [entityYaml('Template', 'backdoor')],
        'PAY/user': [entityYaml('Component', 'beside-it'), entityYaml('User', 'root')],
        'ORG/people-2': [entityYaml('Group', 'admins')],
        'ORG/people': [entityYaml('Group', 'guests')],
        'PAY/allowed': [entityYaml('Component', 'allowed')],
      },
      detourTo: PEOPLE,
      rules: readmeRules(),
    });

    await eventually(async () => {
      expect(await refusals()).toEqual([
        'ORG/people-2 group:default/admins',
        'PAY/detour group:default/guests',
        'PAY/template template:default/backdoor',
        'PAY/user user:default/root',
      ]);
      expect(await entities()).toEqual(['component:allowed', 'group:guests']);
    });
  });
});

describe('without catalog.rules', () => {
  it('the catalog accepts only Component, API and Location', async () => {
    const all: EntityKind[] = [...EVERYWHERE, 'Location', 'Template', 'Group', 'User'];
    const files = all.map(kind => [`PAY/${kind}`, [entityYaml(kind, `one-${kind}`)]]);
    const { entities, refusals } = await startWith({ files: Object.fromEntries(files) });

    await eventually(async () => {
      expect(await refusals()).toHaveLength(6);
      expect(await entities()).toEqual([
        'api:one-api',
        'component:one-component',
        'location:one-location',
      ]);
    });
  });
});
