/** Location parsers from other backend modules, in a real backend with the real catalog. */

import { createBackendModule } from '@backstage/backend-plugin-api';
import { mockServices, TestDatabases } from '@backstage/backend-test-utils';
import { Entity } from '@backstage/catalog-model';
import { JsonObject } from '@backstage/types';
import describeWithFacts from '../dev/parsers/descriptionAndLabels';
import makeFromMetadata from '../dev/parsers/repositoryMetadata';
import {
  createSimulatedBitbucket,
  ServedBitbucket,
  serve,
  SimulatedBitbucket,
} from '../dev/simulatedBitbucket';
import { asDatabaseService } from '../src/__testUtils__/testDatabases';
import { startBackend, TestBackend } from '../src/__testUtils__/startBackend';
import { appConfigFor, TEST_USER } from '../src/__testUtils__/testProvider';
import catalogModule, {
  BitbucketServerEntityProvider,
  bitbucketServerEntityProviderExtensionPoint,
  BitbucketServerLocationParser,
} from '../src/index';
import { createRecordingConnection } from '../src/__testUtils__/recordingConnection';

const CATALOG_FILE = `apiVersion: backstage.io/v1alpha1
kind: Component
metadata:
  name: web
  tags: [shop]
spec: { type: website, lifecycle: production, owner: shop }
`;

let bitbucket: SimulatedBitbucket;
let served: ServedBitbucket;
let backend: TestBackend | undefined;

beforeEach(async () => {
  bitbucket = createSimulatedBitbucket({
    baseUrl: 'http://127.0.0.1',
    users: [TEST_USER],
  });
  bitbucket.addRepository({
    projectKey: 'PAY',
    slug: 'api',
    name: 'The API',
    description: 'Takes payments',
  });
  bitbucket.addRepository({
    projectKey: 'SHOP',
    slug: 'web',
    description: 'Sells things',
    labels: ['frontend', 'shop'],
    files: { 'catalog-info.yaml': CATALOG_FILE },
  });
  served = await serve(bitbucket);
});

afterEach(async () => {
  await backend?.stop();
  backend = undefined;
  await served.close();
});

const configFor = (config: JsonObject = {}) => appConfigFor({ bitbucket, config });

function moduleThatSets(moduleId: string, parser: BitbucketServerLocationParser) {
  return createBackendModule({
    pluginId: 'catalog',
    moduleId,
    register(env) {
      env.registerInit({
        deps: { bitbucketServer: bitbucketServerEntityProviderExtensionPoint },
        async init({ bitbucketServer }) {
          bitbucketServer.setLocationParser(parser);
        },
      });
    },
  });
}

describe('the example that creates Components from metadata', () => {
  it('adds a Component for a repository without a catalog file, and reads the file of another one', async () => {
    const config = configFor({ validateLocationsExist: false });
    backend = await startBackend({ config, features: [catalogModule, makeFromMetadata] });

    const found = await backend.waitForEntities('kind=component', 2);
    const byName = new Map(found.map(entity => [entity.metadata.name, entity]));
    expect(byName.get('pay-api')).toMatchObject({
      metadata: {
        title: 'The API',
        description: 'Takes payments',
        annotations: {
          'bitbucket.org/project-key': 'PAY',
          'bitbucket.org/repo-slug': 'api',
        },
      },
      spec: { owner: 'pay' },
    });
    expect(byName.get('web')).toMatchObject({ spec: { type: 'website' } });
  });
});

describe('the example that adds description and labels', () => {
  it('adds to a Component the data that its catalog file lacks', async () => {
    backend = await startBackend({
      config: configFor(),
      features: [catalogModule, describeWithFacts],
    });

    const [web] = await backend.waitForEntities('kind=component', 1);
    expect(web).toMatchObject({
      metadata: {
        name: 'web',
        description: 'Sells things',
        tags: ['frontend', 'shop'],
      },
    });
  });
});

describe('the extension point', () => {
  it('refuses a second parser, so that none is ignored', async () => {
    const second = moduleThatSets('second-parser', async function* parse() {
      yield* [];
    });

    await expect(
      startBackend({
        config: configFor(),
        features: [catalogModule, makeFromMetadata, second],
      }),
    ).rejects.toThrow(/A location parser for Bitbucket Server is already set/);
  });

  it('accepts a parser that was written for the published module', async () => {
    type PublishedParser =
      import('@backstage/plugin-catalog-backend-module-bitbucket-server').BitbucketServerLocationParser;
    const written: (
      options: Pick<Parameters<PublishedParser>[0], 'location' | 'logger'> & {
        client: { getFile: Parameters<PublishedParser>[0]['client']['getFile'] };
      },
    ) => AsyncIterable<Entity> = async function* parse({ client, location }) {
      const file = await client.getFile({
        projectKey: 'SHOP',
        repo: 'web',
        path: '/catalog-info.yaml',
      });
      yield {
        apiVersion: 'backstage.io/v1alpha1',
        kind: 'Component',
        metadata: { name: 'written', title: location.target, labels: { size: 'xl' } },
        spec: {
          type: 'service',
          lifecycle: 'production',
          owner: 'shop',
          length: (await file.text()).length,
        },
      };
    };
    const published = moduleThatSets('published-parser', written);
    backend = await startBackend({
      config: configFor(),
      features: [catalogModule, published],
    });

    const [component] = await backend.waitForEntities('kind=component', 1);
    expect(component).toMatchObject({
      metadata: {
        title: `${served.url}/projects/SHOP/repos/web/browse/catalog-info.yaml`,
      },
      spec: { length: CATALOG_FILE.length },
    });
  });
});

describe('a provider that is created in code', () => {
  const databases = TestDatabases.create({ ids: ['SQLITE_3'] });

  async function services() {
    const knex = await databases.init('SQLITE_3');
    return { logger: mockServices.logger.mock(), database: asDatabaseService(knex) };
  }

  it('runs on the given schedule, with its parser', async () => {
    let refresh = async () => {};
    const [provider] = BitbucketServerEntityProvider.fromConfig(
      mockServices.rootConfig({ data: configFor() }),
      {
        ...(await services()),
        schedule: {
          run: async ({ fn }) => {
            refresh = async () => fn(new AbortController().signal);
          },
        },
        async *parser({ repository }) {
          yield {
            apiVersion: 'backstage.io/v1alpha1',
            kind: 'Component',
            metadata: { name: repository.slug },
          };
        },
      },
    );
    const connection = createRecordingConnection();
    await provider?.connect(connection);
    await refresh();

    expect(provider?.getProviderName()).toBe('bitbucketServer-provider:default');
    expect([...connection.held.keys()]).toContain('component:default/web');
  });

  it('requires a scheduler or a schedule', async () => {
    const config = mockServices.rootConfig({ data: configFor() });
    const given = await services();

    expect(() => BitbucketServerEntityProvider.fromConfig(config, given)).toThrow(
      /needs a scheduler, or a schedule/,
    );
  });
});
