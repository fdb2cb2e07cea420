import { ConfigReader } from '@backstage/config';
import { BitbucketServerEntityProvider as PeerProvider } from '@backstage/plugin-catalog-backend-module-bitbucket-server';
import { DeferredEntity } from '@backstage/plugin-catalog-node';
import {
  createSimulatedBitbucket,
  serve,
  SimulatedBitbucket,
} from '../../dev/simulatedBitbucket';
import {
  createRecordingConnection,
  RecordingConnection,
} from '../__testUtils__/recordingConnection';
import {
  appConfigFor,
  connectTestProvider,
  createLogRecorder,
  TEST_USER,
} from '../__testUtils__/testProvider';

const CATALOG_FILE = { 'catalog-info.yaml': 'kind: Component' };

async function runPeer(bitbucket: SimulatedBitbucket): Promise<RecordingConnection> {
  const connection = createRecordingConnection();
  const config = new ConfigReader(
    appConfigFor({ bitbucket, config: { validateLocationsExist: true } }),
  );
  let refresh = async () => {};
  const [peer] = PeerProvider.fromConfig(config, {
    logger: createLogRecorder(),
    schedule: {
      run: async task => {
        refresh = async () => task.fn(new AbortController().signal);
      },
    },
  });
  await peer?.connect(connection);
  await refresh();
  return connection;
}

/** What decides whether the catalog takes two entities for the same one. */
function getIdentity({ entity, locationKey }: DeferredEntity) {
  return {
    locationKey,
    kind: entity.kind,
    name: entity.metadata.name,
    namespace: entity.metadata.namespace,
    type: entity.spec?.type,
    target: entity.spec?.target,
    managedBy: entity.metadata.annotations?.['backstage.io/managed-by-location'],
    origin: entity.metadata.annotations?.['backstage.io/managed-by-origin-location'],
  };
}

function getLocations(connection: RecordingConnection) {
  return [...connection.held.values()]
    .filter(deferred => deferred.entity.metadata.name.startsWith('generated-'))
    .map(getIdentity)
    .sort((a, b) => a.name.localeCompare(b.name));
}

describe('switching from the published module', () => {
  it.each(['http://bitbucket.test', 'http://bitbucket.test/context/path'])(
    'yields the same Locations for the same repositories at %s',
    async baseUrl => {
      const bitbucket = createSimulatedBitbucket({ baseUrl, users: [TEST_USER] });
      for (const slug of ['api', 'web', 'with.dots_and-more']) {
        bitbucket.addRepository({ projectKey: 'PAY', slug, files: CATALOG_FILE });
      }
      bitbucket.addRepository({ projectKey: 'SHOP', slug: 'api', files: CATALOG_FILE });
      bitbucket.addRepository({ projectKey: 'SHOP', slug: 'no-file' });
      const served = await serve(bitbucket);
      try {
        const peer = await runPeer(bitbucket);
        const ours = await connectTestProvider({ bitbucket });
        await ours.run();

        expect(getLocations(peer)).toHaveLength(4);
        expect(getLocations(ours.connection)).toEqual(getLocations(peer));
      } finally {
        await served.close();
      }
    },
  );
});
