import { describeSummary } from '../discovery/summarizeRun';
import { connectTestProvider } from '../__testUtils__/testProvider';
import { createDemoBitbucket, DEMO_PROVIDER } from './__testUtils__/demoBitbucket';
import { runCommand, RunCommandOptions } from './__testUtils__/runCommand';
import { PreviewDocument, ProviderPreview } from './previewDocument';

function demo(): RunCommandOptions & {
  bitbucket: ReturnType<typeof createDemoBitbucket>;
} {
  return { bitbucket: createDemoBitbucket(), provider: DEMO_PROVIDER };
}

async function previewAsJson(
  options: RunCommandOptions = demo(),
): Promise<ProviderPreview> {
  const { stdout, exitCode } = await runCommand(['preview', '--json'], options);
  const document: PreviewDocument = JSON.parse(stdout);
  const [provider] = document.providers;
  if (!provider || document.version !== 1 || exitCode !== 0) {
    throw new Error(`not the expected preview: ${stdout}`);
  }
  return provider;
}

describe('preview', () => {
  it('accounts for every repository of the server exactly once', async () => {
    const options = demo();
    const { repositories, summary } = await previewAsJson(options);

    const names = repositories.map(
      repository => `${repository.projectKey}/${repository.repositorySlug}`,
    );
    expect(new Set(names).size).toBe(names.length);
    expect(names).toHaveLength([...options.bitbucket.repositories()].length);
    expect(summary).toMatchObject({ repositories: 189, registered: 45, locations: 45 });
    expect(summary.reasons).toEqual({
      registered: {},
      excluded: { archived: 1, fork: 1, personal: 1, 'excluded-by-pattern': 1 },
      absent: { 'no-catalog-file': 135, 'empty-repository': 1, 'branch-not-found': 1 },
      unknown: { 'not-permitted': 1, 'server-error': 1, 'not-available': 1 },
    });
  });

  it('has the same counts as a scheduled run, with the same number of requests', async () => {
    const { summary, requests } = await previewAsJson();
    const scheduled = await connectTestProvider({
      bitbucket: createDemoBitbucket(),
      config: DEMO_PROVIDER,
    });
    await scheduled.run();

    const messages = scheduled.logger.messages('info').join('\n');
    expect(messages).toContain(describeSummary(summary));
    expect(messages).toContain(`with ${requests.total} requests`);
  });

  it('returns the reason, cause, remedy, files and page of each repository', async () => {
    const { repositories } = await previewAsJson();
    const find = (slug: string) =>
      repositories.find(repository => repository.repositorySlug === slug);

    expect(find('pay-service-4')).toMatchObject({
      outcome: 'registered',
      url: 'http://bitbucket.test/projects/PAY/repos/pay-service-4/browse',
      files: [
        {
          path: 'catalog-info.yaml',
          targetUrl:
            'http://bitbucket.test/projects/PAY/repos/pay-service-4/browse/catalog-info.yaml',
        },
      ],
    });
    expect(find('forbidden')).toMatchObject({
      outcome: 'unknown',
      reason: 'not-permitted',
      detail: expect.stringContaining('AuthorisationException'),
      remedy: expect.stringContaining('repository read'),
    });
    expect(find('playground')).toMatchObject({ outcome: 'excluded', reason: 'personal' });
    for (const repository of repositories) {
      expect([repository.cause, repository.remedy]).not.toContain('');
    }
  });

  it('sorts repositories by project key and slug', async () => {
    const { repositories } = await previewAsJson();

    const keys = repositories.map(repository => repository.projectKey);
    expect([...new Set(keys)]).toEqual(['DATA', 'PAY', 'SHOP', '~JDOE']);
    expect(repositories[0]?.repositorySlug).toBe('being-imported');
  });

  it('reports the number of requests, by kind and by second, and the budget', async () => {
    const bitbucket = createDemoBitbucket({
      rateLimit: { capacity: 60, fillRate: 20, settingsReadable: true },
    });
    const { requests, budget, durationMs } = await previewAsJson({
      bitbucket,
      provider: DEMO_PROVIDER,
    });

    expect(budget).toEqual({ kind: 'limited', capacity: 60, fillRatePerSecond: 20 });
    expect(requests.byKind).toMatchObject({ repositories: 1, 'rate-limit-settings': 2 });
    const sum = requests.perSecond.reduce((total, count) => total + count, 0);
    expect(sum).toBe(requests.total);
    expect(requests.total).toBe(bitbucket.requests.length);
    expect(requests.perSecond).toHaveLength(Math.ceil(durationMs / 1000));
    expect(requests.waitedMs).toBeGreaterThan(0);
  });

  it('reports how long requests waited, counting parallel waits once', async () => {
    const bitbucket = createDemoBitbucket({
      rateLimit: { capacity: 60, fillRate: 20, settingsReadable: true },
    });
    const { requests, durationMs } = await previewAsJson({
      bitbucket,
      provider: DEMO_PROVIDER,
    });
    const paced = await runCommand(['preview'], { bitbucket, provider: DEMO_PROVIDER });
    const unlimited = await runCommand(['preview'], demo());

    expect(requests.pacedMs).toBeGreaterThan(0);
    expect(requests.pacedMs).toBeLessThanOrEqual(durationMs);
    expect(requests.waitedMs).toBeGreaterThan(durationMs);
    expect(paced.stdout).toMatch(
      /Rate limit: .*; requests waited for their turn during \d\S* .+ of the \d\S* .+$/m,
    );
    expect(unlimited.stdout).toMatch(/Rate limit: requests are not limited$/m);
  });

  it('prints a table, the meaning and remedy of each reason, and examples', async () => {
    const { stdout, exitCode } = await runCommand(['preview'], demo());
    expect(stdout).not.toMatch(/location parser/);

    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^ +absent +no-catalog-file +135$/m);
    expect(stdout).toContain('45 Locations would be in the catalog.');
    expect(stdout).toContain('excluded: personal (1)');
    expect(stdout).toContain('What to do: Set `filters.personalRepos: true`.');
    expect(stdout).toMatch(/DATA\/forbidden {2}Bitbucket refused access/);
    expect(stdout).toContain('and 130 more');
    expect(stdout).toContain('Rate limit: ');
  });

  it('writes a page with --html, and no file otherwise', async () => {
    const withPage = await runCommand(['preview', '--html', 'out.html'], demo());
    const without = await runCommand(['preview'], demo());

    expect(withPage.written.get('out.html')).toMatch(
      /^<!doctype html>[^]*pay-service-4/i,
    );
    expect(withPage.stderr).toContain('out.html');
    expect(without.written.size).toBe(0);
  });

  it('rewrites one line on a terminal, and prints few lines elsewhere', async () => {
    const terminal = await runCommand(['preview'], { ...demo(), isTerminal: true });
    const file = await runCommand(['preview'], demo());

    const rewind = '\r\u001B[K';
    expect(terminal.stderr).toContain(`${rewind}default (bitbucket.test): `);
    expect(terminal.stderr.endsWith(rewind)).toBe(true);
    expect(terminal.stderr).not.toContain('\n');
    expect(file.stderr).not.toContain('\r');
    expect(file.stderr.split('\n').length).toBeLessThan(10);
    expect(terminal.stdout).toBe(file.stdout);
  });

  it('previews every provider, or only the named one', async () => {
    const bitbucket = createDemoBitbucket();
    const { host } = new URL(bitbucket.baseUrl);
    const appConfig = {
      integrations: {
        bitbucketServer: [
          {
            host,
            apiBaseUrl: bitbucket.apiBaseUrl,
            username: 'backstage',
            password: 'Tr0ub4dor-secret',
          },
        ],
      },
      catalog: {
        providers: {
          bitbucketServer: {
            pay: { host, filters: { projectKey: '^PAY$' } },
            shop: { host, filters: { projectKey: '^SHOP$' } },
          },
        },
      },
    };
    const both = await runCommand(['preview', '--json'], { bitbucket, appConfig });
    const result = await runCommand(['preview', '--json', '--provider', 'shop'], {
      bitbucket,
      appConfig,
    });

    const getIds = (text: string) =>
      (JSON.parse(text) as PreviewDocument).providers.map(each => each.providerId);
    expect(getIds(both.stdout)).toEqual(['pay', 'shop']);
    expect(getIds(result.stdout)).toEqual(['shop']);
  });

  it('shows the results so far when it is stopped, and exits with 1', async () => {
    const stop = new AbortController();
    const options = demo();
    options.bitbucket.faults.add({
      match: request => {
        if (options.bitbucket.requests.length > 60) {
          stop.abort(new Error('interrupted'));
        }
        return request.kind === 'file-check' && stop.signal.aborted;
      },
      effect: 'reset',
    });
    const { stdout, exitCode } = await runCommand(['preview', '--json'], {
      ...options,
      signal: stop.signal,
    });

    const [provider] = (JSON.parse(stdout) as PreviewDocument).providers;
    expect(exitCode).toBe(1);
    expect(provider).toMatchObject({
      status: 'failed',
      error: expect.stringContaining('stopped'),
    });
    expect(provider?.summary.reasons.unknown['not-checked']).toBeGreaterThan(50);
    expect(provider?.summary.absent).toBeGreaterThan(10);
  });

  it('warns about a project that does not exist, without failing', async () => {
    const { stderr, exitCode } = await runCommand(['preview'], {
      bitbucket: createDemoBitbucket(),
      provider: { filters: { projectKey: '^(PAY|NOPE)$' } },
    });

    expect(stderr).toContain('project NOPE does not exist');
    expect(stderr).toContain('What to do: Take the key out of `filters.projectKey`');
    expect(exitCode).toBe(0);
  });
});
