import { mockCredentials, mockServices } from '@backstage/backend-test-utils';
import { BackendFeature } from '@backstage/backend-plugin-api';
import {
  createSimulatedBitbucket,
  serve,
  SimulatedBitbucket,
} from '../../dev/simulatedBitbucket';
import { eventually } from '../__testUtils__/eventually';
import { startBackend, TestBackend } from '../__testUtils__/startBackend';
import { appConfigFor, TEST_USER } from '../__testUtils__/testProvider';
import discoveryModule from '../index';

const ANCHOR = 'location:default/bitbucket-server-default';

const endings: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const end of endings.splice(0).reverse()) {
    await end();
  }
});

/** A backend that has discovered once, with the default authentication policy. */
async function start(...features: BackendFeature[]) {
  const bitbucket = createSimulatedBitbucket({ users: [TEST_USER] });
  bitbucket.addRepository({ projectKey: 'PAY', slug: 'api' });
  const served = await serve(bitbucket);
  endings.push(() => served.close());
  const backend = await startBackend({
    config: appConfigFor({ bitbucket }),
    features: [
      discoveryModule,
      // A caller without credentials is nobody, as in production.
      mockServices.httpAuth.factory({ defaultCredentials: mockCredentials.none() }),
      ...features,
    ],
  });
  endings.push(() => backend.stop());
  await eventually(async () => expect(countListings(bitbucket)).toBe(1));
  return { bitbucket, backend };
}

function countListings(bitbucket: SimulatedBitbucket): number {
  return bitbucket.requests.filter(request => request.path.includes('/repos?')).length;
}

function refresh(
  { baseUrl }: TestBackend,
  body: unknown,
  headers: Record<string, string> = { authorization: mockCredentials.user.header() },
): Promise<Response> {
  return fetch(`${baseUrl}/api/catalog/refresh`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
}

/** The catalog has answered and whatever that started has had its chance to ask Bitbucket. */
async function settled(backend: TestBackend): Promise<void> {
  for (let round = 0; round < 3; round += 1) {
    await fetch(`${backend.baseUrl}/api/catalog/entities`, {
      headers: { authorization: mockCredentials.user.header() },
    });
  }
}

describe('refreshing the anchor at the endpoint of the catalog', () => {
  it.each([ANCHOR, 'Location:Default/bitbucket-server-default'])(
    'starts a run for %s',
    async entityRef => {
      const { bitbucket, backend } = await start();

      const response = await refresh(backend, { entityRef });

      expect(response.status).toBe(200);
      await eventually(async () => expect(countListings(bitbucket)).toBe(2));
    },
  );

  it('starts nothing for a caller whom the catalog rejects', async () => {
    const { bitbucket, backend } = await start();

    const response = await refresh(backend, { entityRef: ANCHOR }, {});

    expect(response.status).toBe(401);
    await settled(backend);
    expect(countListings(bitbucket)).toBe(1);
  });

  it.each<[string, unknown]>([
    ['another entity', { entityRef: 'component:default/api' }],
    ['no entity', {}],
    ['something that is not a reference', { entityRef: 17 }],
    ['a list', [ANCHOR]],
  ])('starts nothing for %s', async (_, body) => {
    const { bitbucket, backend } = await start();

    await refresh(backend, body);

    await settled(backend);
    expect(countListings(bitbucket)).toBe(1);
  });

  it('audits the user who requested the run', async () => {
    const auditor = mockServices.auditor.mock();
    const success = jest.fn(async () => {});
    auditor.createEvent.mockResolvedValue({ success, fail: async () => {} });
    const { bitbucket, backend } = await start(auditor.factory);

    await refresh(backend, { entityRef: ANCHOR });

    await eventually(async () => expect(countListings(bitbucket)).toBe(2));
    expect(auditor.createEvent).toHaveBeenCalledWith(
      expect.objectContaining({
        eventId: 'bitbucket-server-discovery-run',
        meta: { provider: 'bitbucketServer-provider:default', trigger: 'refresh' },
      }),
    );
    await eventually(async () => expect(success).toHaveBeenCalled());
  });
});
