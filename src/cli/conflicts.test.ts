import { createSimulatedBitbucket } from '../../dev/simulatedBitbucket';
import { appConfigFor, TEST_USER } from '../__testUtils__/testProvider';
import { runCommand } from './__testUtils__/runCommand';
import { ExplanationDocument } from './explain';
import { PreviewDocument } from './previewDocument';

const HOST = 'bitbucket.test';

/** Configures two providers; by default, the second one has only the project SHOP. */
function twoProviders(second: object = {}) {
  const bitbucket = createSimulatedBitbucket({ users: [TEST_USER] });
  for (const [projectKey, slug] of [
    ['PAY', 'api'],
    ['PAY', 'web'],
    ['SHOP', 'cart'],
  ] as const) {
    const files = { 'catalog-info.yaml': 'kind: Component' };
    bitbucket.addRepository({ projectKey, slug, files });
  }
  const { integrations } = appConfigFor({ bitbucket });
  const bitbucketServer = {
    all: { host: HOST },
    some: { host: HOST, filters: { projectKey: '^SHOP$' }, ...second },
  };
  return {
    bitbucket,
    appConfig: { integrations, catalog: { providers: { bitbucketServer } } },
  };
}

const NONE = { filters: { projectKey: '^NONE$' } };

describe('files that two providers would register', () => {
  it('are in the JSON document, with both providers', async () => {
    const { stdout, exitCode } = await runCommand(['preview', '--json'], twoProviders());

    const document: PreviewDocument = JSON.parse(stdout);
    expect(document.conflicts).toEqual([
      {
        kind: 'location',
        projectKey: 'SHOP',
        repositorySlug: 'cart',
        path: 'catalog-info.yaml',
        targetUrl: `http://${HOST}/projects/SHOP/repos/cart/browse/catalog-info.yaml`,
        providerIds: ['all', 'some'],
        explanation: expect.stringContaining('the providers all and some'),
        remedy: expect.stringContaining('`filters`'),
      },
    ]);
    expect(exitCode).toBe(0);
  });

  it('are listed on the console and on the page', async () => {
    const { stdout, written } = await runCommand(
      ['preview', '--html', 'page.html'],
      twoProviders(),
    );

    expect(stdout).toContain('Conflicts: 1 file of several providers');
    expect(stdout).toContain(
      'catalog-info.yaml of SHOP/cart would be registered by the providers all and some.',
    );
    expect(stdout).toContain('What to do: Exclude the repository from one');
    const page = [...written.values()].join('');
    expect(page).toContain('1 file would be registered by several providers');
    expect(page).toContain('>SHOP/cart catalog-info.yaml</a>: all, some');
  });

  it('are counted if there are many, with the first few by name', async () => {
    const options = twoProviders({ filters: {} });
    for (let index = 0; index < 5; index += 1) {
      const files = { 'catalog-info.yaml': 'kind: Component' };
      options.bitbucket.addRepository({ projectKey: 'DATA', slug: `d${index}`, files });
    }

    const { stdout } = await runCommand(['preview'], options);

    expect(stdout).toContain('Conflicts: 8 files of several providers');
    expect(stdout.match(/would be registered by the providers/g)).toHaveLength(5);
    expect(stdout).toContain('and 3 more');
  });

  it.each([
    ['preview', ['preview', '--json'], ['preview']],
    [
      'explanation',
      ['preview', '--explain', 'PAY/api', '--json'],
      ['preview', '--explain', 'PAY/api'],
    ],
  ])('are not part of a %s if there are none', async (_, json, text) => {
    const machine = await runCommand(json, twoProviders(NONE));
    const people = await runCommand(text, twoProviders(NONE));

    expect(JSON.parse(machine.stdout)).toMatchObject({ conflicts: [] });
    expect(people.stdout).not.toContain('Conflicts');
  });

  it('are part of the explanation of a repository', async () => {
    const args = ['preview', '--explain', 'SHOP/cart'];
    const people = await runCommand(args, twoProviders());
    const machine = await runCommand([...args, '--json'], twoProviders());

    expect(people.stdout).toContain('registered by the providers all and some');
    const document: ExplanationDocument = JSON.parse(machine.stdout);
    expect(document.conflicts).toMatchObject([
      { repositorySlug: 'cart', providerIds: ['all', 'some'] },
    ]);
  });
});
