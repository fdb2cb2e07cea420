/** A reader as the backend creates it, with a simulated Bitbucket on a fake clock. For tests. */

import { LoggerService } from '@backstage/backend-plugin-api';
import { mockServices } from '@backstage/backend-test-utils';
import { JsonObject } from '@backstage/types';
import {
  createSimulatedBitbucket,
  SimulatedBitbucketOptions,
} from '../../../dev/simulatedBitbucket';
import { FakeClock } from '../../__testUtils__/FakeClock';
import { createFetch } from '../../__testUtils__/simulatedClient';
import { Disorder } from '../../__testUtils__/MemoryBuckets';
import { createTestLimiters } from '../../__testUtils__/testLimiters';
import { createLogRecorder, TEST_USER } from '../../__testUtils__/testProvider';
import { RateLimitSetting } from '../../http/types';
import { RepositoryAddress } from '../../model';
import { AbsentRead } from '../../provider/absentReads';
import { RepositoryStamps } from '../../store/RepositoryStamps';
import { TreeResponseFactory } from '../BitbucketServerUrlReader';
import { createReaders } from '../createReaders';

export const FILE = 'catalog-info.yaml';
export const BRANCH = 'feature/a&b';

/** For {@link setUpReader}. */
export interface SceneOptions {
  readonly bitbucket?: SimulatedBitbucketOptions;
  readonly pluginId?: string;
  readonly reading?: JsonObject;
  readonly rateLimit?: RateLimitSetting;
}

/** A Bitbucket with files of all sorts. */
function createBitbucket(clock: FakeClock, options?: SimulatedBitbucketOptions) {
  const bitbucket = createSimulatedBitbucket({ users: [TEST_USER], clock, ...options });
  const { git } = bitbucket.addRepository({
    projectKey: 'PAY',
    slug: 'api',
    files: {
      [FILE]: 'kind: API',
      'empty.yaml': '',
      'page.html': '<html>a page of ours</html>',
      'a b/[x] ü%#.yaml': 'odd',
      'services/one/catalog-info.yaml': 'one',
      'services/two/catalog-info.yaml': 'two',
      'services/.hidden/catalog-info.yaml': 'hidden',
      'services/two/other.yaml': 'other',
    },
    branches: { [BRANCH]: { [FILE]: 'kind: Branch' } },
  });
  const files = { [FILE]: 'kind: Own' };
  bitbucket.addRepository({ projectKey: '~jane', slug: 'own', files });
  return { bitbucket, git };
}

/** Stamps in a table that a test changes, fails or lets hang. */
function createStamps(clock: FakeClock, logger: LoggerService) {
  const changed = new Map<string, string>();
  const database: { disorder?: Disorder } = {};
  const renew = async () => {};
  const table = {
    async load(_: string, { slug }: RepositoryAddress) {
      if (database.disorder === 'fails') throw new Error('the database is away');
      if (database.disorder === 'hangs') await new Promise(() => {});
      return changed.get(slug) ?? `first-of-${slug}`;
    },
    renew,
    renewAll: renew,
  };
  return {
    database,
    stamps: new RepositoryStamps({ table, clock, logger }),
    change: (slug: string) => changed.set(slug, `later-${changed.size}`),
  };
}

/** Creates no trees, but notes which ones it should. */
function createTreeFactory() {
  const trees: { subpath?: string; etag: string }[] = [];
  const treeResponseFactory: TreeResponseFactory = {
    fromTarArchive: async ({ stream, ...tree }) => {
      trees.push(tree);
      stream.destroy();
      return {
        etag: tree.etag,
        files: async () => [],
        archive: async () => stream,
        dir: async () => '',
      };
    },
  };
  return { trees, treeResponseFactory };
}

/** Creates the reader of one plugin, the catalog unless `pluginId` names another. */
export function setUpReader(options: SceneOptions = {}) {
  const { pluginId, reading = {}, rateLimit } = options;
  const clock = new FakeClock();
  const logger = createLogRecorder();
  const { bitbucket, git } = createBitbucket(clock, options.bitbucket);
  const { change, database, stamps } = createStamps(clock, logger);
  const { trees, treeResponseFactory } = createTreeFactory();
  const { host } = new URL(bitbucket.baseUrl);
  const { name: username, password: initial } = TEST_USER;
  const integration = { host, apiBaseUrl: bitbucket.apiBaseUrl, username };
  const dataOf = (keys: JsonObject, password: string) => ({
    integrations: { bitbucketServer: [{ ...integration, password }] },
    backend: { reading: { bitbucketServer: keys } },
  });
  const config = mockServices.rootConfig({ data: dataOf(reading, initial) });
  const absent: string[] = [];
  const absentReads = { tell: ({ url }: AbsentRead) => void absent.push(url) };
  const withPassword = { ...integration, password: initial };
  const [made] = createReaders({
    ...{ clock, config, logger, treeResponseFactory },
    pluginId: pluginId ?? 'catalog',
    limiters: createTestLimiters(withPassword, { clock, rateLimit }),
    catalog: pluginId ? undefined : { absentReads, stamps },
    fetch: createFetch(bitbucket),
  });
  if (!made) throw new Error('there is no integration');
  const { reader, predicate } = made;
  return {
    ...{ absent, bitbucket, change, clock, git, logger, predicate, reader, trees },
    base: `${bitbucket.baseUrl}/projects/PAY/repos/api/browse`,
    /** Where the stamps are stored. */
    database,
    reconfigure: (keys: JsonObject, password = initial) =>
      config.update({ data: dataOf(keys, password) }),
    async search(url: string, etag?: string) {
      const found = await clock.run(reader.search(url, { etag }));
      const contents = found.files.map(async file => [
        file.url,
        String(await file.content()),
      ]);
      return { ...found, contents: Object.fromEntries(await Promise.all(contents)) };
    },
    asked: () =>
      bitbucket.requests.map(({ path }) =>
        decodeURIComponent(path.replace(/^.*\/repos\/\w+\//, '')),
      ),
  };
}
