import { createDemoBitbucket, DEMO_PROVIDER } from './__testUtils__/demoBitbucket';
import { FakeReport, serveBackstage } from './__testUtils__/fakeBackstage';
import { runCommand } from './__testUtils__/runCommand';
import { ExplanationDocument } from './explain';
import { PreviewDocument } from './previewDocument';

const TOKEN = 'backstage-token-nobody-may-see';

const target = (slug: string) =>
  `http://bitbucket.test/projects/PAY/repos/${slug}/browse/catalog-info.yaml`;

const ERROR = {
  entityRef: 'location:default/generated-x',
  message: 'Error: YAML error at line 4, <script>alert(1)</script>\n\n  tags: [a\n  ^\n',
  reason: 'invalid-yaml',
  remedy: 'Fix the YAML of the file at the position that the message names.',
};

const REPORT: FakeReport = {
  providerId: 'default',
  targets: ['pay-service-4', 'pay-service-8', 'pay-service-12'].map(target),
  inCatalog: {
    [target('pay-service-4')]: { entities: [], errors: [ERROR] },
    [target('pay-service-8')]: { entities: ['component:default/pay-8'], errors: [] },
    [target('pay-service-12')]: { entities: [], errors: [] },
  },
};

async function run(
  args: readonly string[],
  reports: readonly FakeReport[] | undefined = [REPORT],
) {
  await using backstage = await serveBackstage({ reports, token: TOKEN });
  const result = await runCommand([...args, '--against', backstage.url], {
    bitbucket: createDemoBitbucket(),
    provider: DEMO_PROVIDER,
    env: { BACKSTAGE_TOKEN: TOKEN },
  });
  return { ...result, asked: backstage.asked };
}

const explain = (slug: string, reports?: readonly FakeReport[]) =>
  run(['preview', '--explain', `pay/${slug}`], reports);

describe('preview --explain --against', () => {
  it('shows the error of the catalog on one line, with its remedy', async () => {
    const { stdout, exitCode } = await explain('pay-service-4');

    expect(stdout).toMatch(/Outcome +registered$/m);
    expect(stdout).toMatch(/In the catalog +nothing$/m);
    expect(stdout).toMatch(
      /Error +location:default\/generated-x: Error: YAML error at line 4.* tags: \[a \^$/m,
    );
    expect(stdout.match(/What to do +.*$/gm)).toEqual([
      expect.stringContaining('Fix the YAML'),
    ]);
    expect(exitCode).toBe(0);
  });

  it.each([
    ['pay-service-8', 'component:default/pay-8'],
    ['pay-service-12', 'nothing: the catalog has not processed the files yet'],
  ])('shows the entities of %s in the catalog: %s', async (slug, words) => {
    const { stdout } = await explain(slug);

    expect(stdout).toContain(words);
    expect(stdout).not.toMatch(/^ *Error/m);
  });

  it('does not speak of files where a repository without any has nothing in the catalog', async () => {
    const gone = target('pay-service-1');
    const inCatalog = { [gone]: { entities: [], errors: [] } };
    const { stdout } = await explain('pay-service-1', [
      { ...REPORT, targets: [gone], inCatalog },
    ]);

    expect(stdout).toMatch(/Outcome +absent: no-catalog-file$/m);
    expect(stdout).toMatch(/In the catalog +nothing$/m);
  });

  it.each([
    ['from 2026-11-27T16:00:00.000Z on', '2026-11-27T16:00:00.000Z'],
    ['with the next run', undefined],
  ])(
    'shows when the backend last checked the repository, and checks it again %s',
    async (words, dueAt) => {
      const checks = { checkedAt: '2026-11-27T10:00:00.000Z', dueAt };
      const { stdout } = await explain('pay-service-8', [{ ...REPORT, checks }]);

      expect(stdout).toMatch(/Last check +2026-11-27T10:00:00\.000Z$/m);
      expect(/Next check +(.*)$/m.exec(stdout)?.[1]).toBe(words);
    },
  );

  it('explains a Location that stays because its removal is held back', async () => {
    const since = '2026-11-27T10:00:00.000Z';
    const held = (name: string, approved: boolean) => ({
      targetUrl: `https://bitbucket.test/${name}`,
      since,
      approved,
    });
    const heldRemovals = [held('kept.yaml', false), held('released.yaml', true)];
    const { stdout } = await explain('pay-service-8', [{ ...REPORT, heldRemovals }]);

    expect(stdout.match(/^ *Held back +.*$/gm)).toEqual([
      expect.stringContaining(
        `the removal of https://bitbucket.test/kept.yaml, since ${since}: it stays until`,
      ),
    ]);
  });

  it('does not name --against as the remedy, since it was given', async () => {
    const { stdout } = await explain('pay-service-8');

    expect(stdout).toContain('If no entity shows up, `catalog` in the report says why.');
    expect(stdout).not.toContain('--against');
  });

  it('prints the same errors as JSON', async () => {
    const { stdout } = await run(['preview', '--json', '--explain', 'PAY/pay-service-4']);

    const document: ExplanationDocument = JSON.parse(stdout);
    const { reason: _, ...error } = ERROR;
    expect(document.explanations[0]?.repository?.catalog).toEqual({
      entities: [],
      errors: [error],
    });
  });

  it.each<[string, readonly FakeReport[]]>([
    ['has no such provider', []],
    ['does not know the repository', [{ providerId: 'default' }]],
    ['does not report it', [{ ...REPORT, inCatalog: undefined }]],
  ])('omits the state in the catalog if the backend %s', async (_, reports) => {
    const { stdout, exitCode } = await explain('pay-service-4', reports);

    expect(stdout).toMatch(/Outcome +registered$/m);
    expect(stdout).not.toContain('In the catalog');
    expect(exitCode).toBe(0);
  });

  it('requests only that repository from the backend', async () => {
    const { asked } = await explain('pay-service-4');

    expect(asked).toEqual([
      'GET /api/catalog/bitbucket-server/discoveries/default/repositories/PAY/pay-service-4',
    ]);
  });

  it('fails if the backend does not accept the token', async () => {
    await using backstage = await serveBackstage({ token: 'another' });
    const { stderr, exitCode } = await runCommand(
      ['preview', '--explain', 'PAY/pay-service-4', '--against', backstage.url],
      {
        bitbucket: createDemoBitbucket(),
        provider: DEMO_PROVIDER,
        env: { BACKSTAGE_TOKEN: TOKEN },
      },
    );

    expect([exitCode, stderr]).toEqual([1, expect.stringContaining('401')]);
    expect(stderr).not.toContain(TOKEN);
  });
});

describe('preview --against', () => {
  it('lists the repositories with errors in the catalog', async () => {
    const { stdout } = await run(['preview']);

    expect(stdout).toContain('Errors in the catalog: 1 repository\n');
    expect(stdout).toMatch(/PAY\/pay-service-4\n(?:.*\n)*?.*Fix the YAML/);
  });

  it('does not mention errors if there are none', async () => {
    const { stdout } = await run(['preview'], [{ ...REPORT, inCatalog: undefined }]);

    expect(stdout).not.toContain('Errors in the catalog');
  });

  it('prints the entities and errors of each repository as JSON', async () => {
    const { stdout } = await run(['preview', '--json']);

    expect(stdout).not.toContain('`--against`');
    const { providers }: PreviewDocument = JSON.parse(stdout);
    const errorCounts = providers[0]?.repositories.flatMap(repository =>
      repository.catalog
        ? [[repository.repositorySlug, repository.catalog.errors.length]]
        : [],
    );
    expect(errorCounts).toEqual([
      ['pay-service-12', 0],
      ['pay-service-4', 1],
      ['pay-service-8', 0],
    ]);
  });

  it('shows the errors on the page, as text', async () => {
    const { written } = await run(['preview', '--html', 'page.html']);

    const page = written.get('page.html') ?? '';
    const row = /<tr[^>]*>(?:(?!<\/tr>)[^])*pay-service-4<(?:(?!<\/tr>)[^])*<\/tr>/.exec(
      page,
    );
    expect(row?.[0]).toContain('YAML error at line 4, &lt;script&gt;');
    expect(row?.[0]).toContain('Fix the YAML');
    expect(row?.[0]).not.toContain('If no entity shows up');
    expect(page).toContain('component:default/pay-8');
  });
});
