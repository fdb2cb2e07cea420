/** The actions of a real backend in Backstage's actions registry. */

import { createServiceFactory } from '@backstage/backend-plugin-api';
import { actionsRegistryServiceRef } from '@backstage/backend-plugin-api/alpha';
import { mockCredentials, mockServices } from '@backstage/backend-test-utils';
import { actionsRegistryServiceMock } from '@backstage/backend-test-utils/alpha';
import { AuthorizeResult } from '@backstage/plugin-permission-common';
import { JsonObject } from '@backstage/types';
import { componentYaml } from '../dev/seed';
import { createSimulatedBitbucket, serve } from '../dev/simulatedBitbucket';
import { eventually } from '../src/__testUtils__/eventually';
import { startBackend, TestBackend } from '../src/__testUtils__/startBackend';
import { appConfigFor, TEST_USER } from '../src/__testUtils__/testProvider';
import discoveryModule from '../src/index';

const EXPLAIN = 'explain-bitbucket-server-repository';
const PROBLEMS = 'list-bitbucket-server-discovery-problems';
const RUN = 'run-bitbucket-server-discovery';
const REPORT = '/api/catalog/bitbucket-server/discoveries/default';
const PAY_API = { projectKey: 'PAY', repositorySlug: 'api' };

const bitbucket = createSimulatedBitbucket({ users: [TEST_USER] });
const registry = actionsRegistryServiceMock();
const granted = new Set<string>();
const audited: (JsonObject | undefined)[] = [];
const endings: (() => Promise<unknown>)[] = [];
let backend: TestBackend;

beforeAll(async () => {
  const files = { 'catalog-info.yaml': componentYaml('api', 'a service') };
  bitbucket.addRepository({ projectKey: 'PAY', slug: 'api', files });
  bitbucket.addRepository({ projectKey: 'PAY', slug: 'late', state: 'INITIALISING' });
  const served = await serve(bitbucket);
  endings.push(() => served.close());
  backend = await startBackend({
    config: appConfigFor({ bitbucket }),
    features: [
      discoveryModule,
      createServiceFactory({
        service: actionsRegistryServiceRef,
        deps: {},
        factory: () => registry,
      }),
      mockServices.permissions.mock({
        authorize: async requests =>
          requests.map(({ permission: { name } }) => ({
            result: granted.has(name) ? AuthorizeResult.ALLOW : AuthorizeResult.DENY,
          })),
      }).factory,
      mockServices.auditor.mock({
        createEvent: async ({ eventId, meta }) => ({
          success: async () => void audited.push({ eventId, ...meta, ended: 'success' }),
          fail: async () => void audited.push({ eventId, ...meta, ended: 'fail' }),
        }),
      }).factory,
    ],
  });
  endings.push(() => backend.stop());
  granted.add('catalog.location.read');
  await eventually(async () =>
    expect(await report()).toMatchObject({ status: 'succeeded' }),
  );
});

beforeEach(() => {
  granted.clear();
  audited.splice(0);
});

afterAll(async () => {
  for (const end of endings.splice(0).reverse()) {
    await end();
  }
});

async function report(path = ''): Promise<unknown> {
  return (await backend.send(`${REPORT}${path}`)).json();
}

async function invoke(name: string, input: JsonObject = {}): Promise<unknown> {
  const credentials = mockCredentials.user();
  const { output } = await registry.invoke({ id: `test:${name}`, input, credentials });
  // As it is sent over HTTP.
  return JSON.parse(JSON.stringify(output));
}

describe('the actions', () => {
  it('consist of two read-only ones and one other', async () => {
    // The catalog has its own actions too.
    const actions = (await registry.list()).actions.filter(({ name }) =>
      name.includes('bitbucket-server'),
    );

    expect(actions.map(action => [action.name, action.attributes.readOnly])).toEqual([
      [EXPLAIN, true],
      [PROBLEMS, true],
      [RUN, false],
    ]);
  });

  it.each([
    [EXPLAIN, PAY_API, 'catalog.location.read'],
    [PROBLEMS, {}, 'catalog.location.read'],
    [RUN, {}, 'catalog.entity.refresh'],
  ])('refuse callers without the permission: %s', async (name, input, permission) => {
    ['catalog.location.read', 'catalog.entity.refresh']
      .filter(other => other !== permission)
      .forEach(other => granted.add(other));

    await expect(invoke(name, input)).rejects.toMatchObject({
      name: 'NotAllowedError',
      message: `This needs the permission ${permission}`,
    });
  });

  it.each([
    [EXPLAIN, PAY_API],
    [PROBLEMS, {}],
    [RUN, {}],
  ])('report an unknown provider: %s', async (name, input) => {
    granted.add('catalog.location.read').add('catalog.entity.refresh');

    await expect(invoke(name, { ...input, provider: 'other' })).rejects.toMatchObject({
      name: 'NotFoundError',
      message: 'There is no discovery "other"; configured: "default"',
    });
    expect(audited).toEqual([]);
  });

  it('explain a repository like the report', async () => {
    granted.add('catalog.location.read');
    // The catalog continues between the two requests.
    await eventually(async () => {
      const explained = await invoke(EXPLAIN, PAY_API);

      expect(explained).toMatchObject({ ...PAY_API, outcome: 'registered' });
      expect(explained).toEqual(await report('/repositories/PAY/api'));
    });
  });

  it('return the message of the report for an unknown repository', async () => {
    granted.add('catalog.location.read');

    await expect(
      invoke(EXPLAIN, { projectKey: 'PAY', repositorySlug: 'nothing' }),
    ).rejects.toMatchObject({
      name: 'NotFoundError',
      message: expect.stringContaining('knows no repository PAY/nothing'),
    });
  });

  it('list the problems with the texts of the report', async () => {
    granted.add('catalog.location.read');
    const none = { items: [], totalItems: 0 };

    expect(await invoke(PROBLEMS)).toMatchObject({
      discovery: { providerId: 'default', status: 'succeeded', heldRemovals: [] },
      unknown: {
        items: [{ repositorySlug: 'late', reason: 'not-available' }],
        totalItems: 1,
      },
      errors: none,
      conflicts: none,
    });
  });

  it('start a run, and write an audit event', async () => {
    granted.add('catalog.entity.refresh').add('catalog.location.read');

    expect(await invoke(RUN)).toEqual({ requested: true });

    await eventually(async () =>
      expect(await report()).toMatchObject({ status: 'succeeded', trigger: 'manual' }),
    );
    // The event follows the end of the run.
    await eventually(async () =>
      expect(audited).toEqual([
        {
          eventId: 'bitbucket-server-discovery-run',
          provider: 'bitbucketServer-provider:default',
          trigger: 'action',
          ended: 'success',
        },
      ]),
    );
  });

  it('start no run when refused, and write an audit event', async () => {
    const before = bitbucket.requests.length;

    await expect(invoke(RUN)).rejects.toThrow('catalog.entity.refresh');

    expect(audited).toMatchObject([{ trigger: 'action', ended: 'fail' }]);
    const later = bitbucket.requests.slice(before);
    expect(later.filter(({ path }) => path.includes('/repos?'))).toEqual([]);
  });
});
