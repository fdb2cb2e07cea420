import { createSimulatedBitbucket, serve } from '../dev/simulatedBitbucket';
import { componentYaml } from '../dev/seed';
import { eventually } from '../src/__testUtils__/eventually';
import { startBackend } from '../src/__testUtils__/startBackend';
import { appConfigFor, TEST_USER } from '../src/__testUtils__/testProvider';
import discoveryModule from '../src/index';

const toLocation = (slug: string) =>
  `kind=location,metadata.annotations.bitbucket.org/repo-slug=${slug}`;

const endings: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const end of endings.splice(0).reverse()) {
    await end();
  }
});

describe('two providers that match the same repository, in a real catalog', () => {
  it.each(['active', 'all'])(
    'keep its Component when one provider removes it after %s came first',
    async first => {
      const bitbucket = createSimulatedBitbucket({ users: [TEST_USER] });
      for (const slug of ['api', 'gone', 'web']) {
        const files = { 'catalog-info.yaml': componentYaml(slug, 'a service') };
        bitbucket.addRepository({ projectKey: 'PAY', slug, files });
      }
      const served = await serve(bitbucket);
      endings.push(() => served.close());
      const { host } = new URL(bitbucket.baseUrl);
      const settings: Record<string, { host: string; filters?: object }> = {
        active: { host, filters: { skipArchivedRepos: true } },
        all: { host, filters: { exclude: { repoSlug: '^gone$' } } },
      };
      const ids = ['active', 'all'].sort(
        (a, b) => Number(b === first) - Number(a === first),
      );
      const bitbucketServer = Object.fromEntries(
        ids.map(id => [id, { ...settings[id] }]),
      );
      const { integrations } = appConfigFor({ bitbucket });
      const backend = await startBackend({
        config: { integrations, catalog: { providers: { bitbucketServer } } },
        features: [discoveryModule],
      });
      endings.push(() => backend.stop());
      await backend.waitForEntities('kind=component', 3);
      const listings = () =>
        bitbucket.requests.filter(request => request.path.includes('/repos?')).length;
      await eventually(async () => expect(listings()).toBe(2));
      bitbucket.archiveRepository('PAY', 'api');
      bitbucket.archiveRepository('PAY', 'gone');

      const response = await fetch(`${backend.baseUrl}/api/catalog/refresh`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ entityRef: 'location:default/bitbucket-server-active' }),
      });

      expect(response.status).toBe(200);
      // Once the one that only this provider had is gone, the run has removed both.
      await backend.waitForEntities(toLocation('gone'), 0);
      await backend.waitForEntities(toLocation('api'), 1);
      await backend.waitForEntities('kind=component,metadata.name=api', 1);
    },
  );
});
