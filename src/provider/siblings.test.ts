import { createSimulatedBitbucket } from '../../dev/simulatedBitbucket';
import { FakeClock } from '../__testUtils__/FakeClock';
import { createRecordingConnection } from '../__testUtils__/recordingConnection';
import { createTestProviders, TEST_USER } from '../__testUtils__/testProvider';

const toTarget = (slug: string) =>
  `http://bitbucket.test/projects/PAY/repos/${slug}/browse/catalog-info.yaml`;

/** Two providers that match the same repositories, one of them without archived ones. */
async function setUp() {
  const bitbucket = createSimulatedBitbucket({ users: [TEST_USER] });
  for (const slug of ['api', 'web']) {
    const files = { 'catalog-info.yaml': 'kind: Component' };
    bitbucket.addRepository({ projectKey: 'PAY', slug, files });
  }
  const { host } = new URL(bitbucket.baseUrl);
  const clock = new FakeClock();
  const { created, logger } = await createTestProviders(bitbucket, clock, {
    active: { host, filters: { skipArchivedRepos: true } },
    all: { host },
  });
  const connected = await Promise.all(
    created.map(async ({ provider }) => {
      const connection = createRecordingConnection();
      await provider.connect(connection);
      return { connection, run: () => clock.run(provider.refresh()) };
    }),
  );
  const [active, all] = connected;
  if (!active || !all) {
    throw new Error('two providers are configured');
  }
  return { bitbucket, clock, logger, active, all };
}

describe('two providers that match the same repository', () => {
  it('emit its Location again through the other one when the first one releases it', async () => {
    const { bitbucket, clock, active, all } = await setUp();
    await active.run();
    await all.run();
    bitbucket.archiveRepository('PAY', 'api');
    await clock.advance(60_000);
    const before = all.connection.mutations.length;

    await active.run();

    expect(active.connection.targets()).toEqual([toTarget('web')]);
    expect(all.connection.mutations.slice(before)).toMatchObject([
      {
        type: 'delta',
        added: [
          {
            entity: { spec: { target: toTarget('api') } },
            locationKey: 'bitbucketServer-provider:all',
          },
        ],
        removed: [],
      },
    ]);
  });

  it('log which one could not emit it again, while the run of the first one succeeds', async () => {
    const { bitbucket, clock, logger, active, all } = await setUp();
    await active.run();
    await all.run();
    bitbucket.archiveRepository('PAY', 'api');
    await clock.advance(60_000);
    Object.assign(all.connection, {
      applyMutation: async () => {
        throw new Error('the catalog is away');
      },
    });

    await active.run();

    expect(logger.messages('warn')).toEqual([
      expect.stringMatching(
        /^Locations that another provider has released .*the catalog is away$/,
      ),
    ]);
  });

  it('do not notify the other one if nothing is released, or nothing that it has found', async () => {
    const { bitbucket, clock, active, all } = await setUp();
    await active.run();
    bitbucket.archiveRepository('PAY', 'api');
    await clock.advance(60_000);
    const before = all.connection.mutations.length;

    await active.run();
    await active.run();

    expect(all.connection.mutations).toHaveLength(before);
  });
});
