import { readFileSync } from 'node:fs';
import { TEST_USER } from '../__testUtils__/testProvider';
import { createSimulatedBitbucket, FaultEffect } from '../../dev/simulatedBitbucket';
import { createDemoBitbucket, DEMO_PROVIDER } from './__testUtils__/demoBitbucket';
import { ABSENCE_REASONS, EXCLUSION_REASONS, UNKNOWN_REASONS } from '../model';
import { runCommand } from './__testUtils__/runCommand';
import { ExplanationDocument } from './explain';

function explain(name: string, provider: object = {}, bitbucket = createDemoBitbucket()) {
  const options = { bitbucket, provider: { ...DEMO_PROVIDER, ...provider } };
  return runCommand(['preview', '--explain', name], options);
}

describe('preview --explain', () => {
  it.each([
    ['PAY/pay-service-4', 'registered', 'browse/catalog-info.yaml'],
    ['PAY/sandbox-tests', 'excluded: excluded-by-pattern', 'exclusion wins'],
    ['PAY/retired', 'excluded: archived', 'Unarchive it'],
    ['SHOP/forked-service', 'excluded: fork', 'Switch the filter off'],
    ['~JDOE/playground', 'excluded: personal', 'filters.personalRepos'],
    ['PAY/pay-service-1', 'absent: no-catalog-file', 'Add it on the right branch'],
    ['SHOP/just-created', 'absent: empty-repository', 'Push something'],
    ['DATA/no-such-branch', 'absent: branch-not-found', 'set its default branch'],
    ['DATA/being-imported', 'unknown: not-available', 'INITIALISING'],
    ['DATA/forbidden', 'unknown: not-permitted', 'repository read'],
    ['DATA/broken-storage', 'unknown: server-error', '500'],
  ])('explains %s as %s', async (name, outcome, words) => {
    const { stdout, exitCode } = await explain(name);

    expect(stdout).toMatch(new RegExp(`Outcome +${outcome}$`, 'm'));
    expect(stdout).toContain(words);
    expect(exitCode).toBe(0);
  });

  it('prints the remedy for an empty repository, in whatever form Bitbucket reports it', async () => {
    const bitbucket = createDemoBitbucket();
    bitbucket.settings.emptyRepositories = 'NoDefaultBranchException';
    const { stdout } = await explain('SHOP/just-created', {}, bitbucket);

    expect(stdout).toMatch(/Outcome +absent: branch-not-found$/m);
    expect(stdout).toContain('nothing was ever pushed');
    expect(stdout).toContain('push something');
  });

  it.each([
    ['project-key', { filters: { projectKey: '^SHOP$' } }],
    ['repo-slug', { filters: { repoSlug: '^other' } }],
    ['visibility', { filters: { visibility: 'public' } }],
    ['label', { filters: { labels: ['catalogued'] } }],
  ])(
    'explains %s also if the listing would not show the repository',
    async (reason, provider) => {
      const { stdout, exitCode } = await explain('PAY/pay-service-4', provider);

      expect(stdout).toMatch(new RegExp(`Outcome +excluded: ${reason}$`, 'm'));
      expect(exitCode).toBe(0);
    },
  );

  it('explains too-many-files, with the remedy', async () => {
    const provider = { catalogPath: '/**', maxFilesPerRepository: 1 };
    const { stdout } = await explain('PAY/pay-service-4', provider);

    expect(stdout).toMatch(/Outcome +unknown: too-many-files$/m);
    expect(stdout).toContain('raise `maxFilesPerRepository`');
  });

  it.each<[string, FaultEffect, string]>([
    ['rate-limited', { type: 'status', status: 429 }, 'rateLimit'],
    ['timeout', { type: 'hang' }, 'requestTimeout'],
    ['unexpected-answer', { type: 'login-page' }, 'apiBaseUrl'],
  ])('explains %s, with the remedy', async (reason, effect, remedy) => {
    const bitbucket = createDemoBitbucket();
    bitbucket.faults.add({ match: { kind: 'file-check' }, effect });
    const { stdout } = await explain('PAY/pay-service-4', {}, bitbucket);

    expect(stdout).toMatch(new RegExp(`Outcome +unknown: ${reason}$`, 'm'));
    expect(stdout).toContain(remedy);
  });

  it('explains each code that the check of one repository can end with', () => {
    const tested = readFileSync(__filename, 'utf8');
    // Only a run can end before a check, and there are no parsers on the command line.
    const others = new Set<string>(['not-checked', 'parser-failed']);
    const codes = [...EXCLUSION_REASONS, ...ABSENCE_REASONS, ...UNKNOWN_REASONS];

    for (const code of codes.filter(candidate => !others.has(candidate))) {
      expect(tested).toMatch(new RegExp(`(?:'|'\\w+: |explains )${code}[',]`));
    }
  });

  it('requests only that repository', async () => {
    const bitbucket = createDemoBitbucket();
    await explain('PAY/pay-service-4', {}, bitbucket);

    expect(
      bitbucket.requests.map(request => request.path.replace(/^.*\/projects/, '')),
    ).toEqual([
      '/PAY/repos/pay-service-4',
      '/PAY/repos/pay-service-4/browse/catalog-info.yaml?type=true',
    ]);
  });

  it('reports that a repository does not exist, with exit code 1', async () => {
    const { stdout, exitCode } = await explain('PAY/no-such-thing');

    expect(stdout).toContain('PAY/no-such-thing does not exist on bitbucket.test');
    expect(exitCode).toBe(1);
  });

  it('reports that a repository is not visible to the account, with exit code 1', async () => {
    const bitbucket = createDemoBitbucket();
    bitbucket.hide(TEST_USER.name, 'PAY/pay-service-4');
    const { stdout, exitCode } = await explain('PAY/pay-service-4', {}, bitbucket);

    expect(stdout).toMatch(/not visible to the account|may not see it/);
    expect(exitCode).toBe(1);
  });

  it('does not mistake a failure for a deleted repository', async () => {
    const bitbucket = createDemoBitbucket();
    bitbucket.faults.add({
      match: { kind: 'repository' },
      effect: { type: 'status', status: 503 },
    });
    const { stdout, exitCode } = await explain('PAY/pay-service-4', {}, bitbucket);

    expect(stdout).toContain('could not be determined');
    expect(stdout).not.toContain('does not exist');
    expect(exitCode).toBe(1);
  });

  it('prints JSON', async () => {
    const { stdout } = await runCommand(
      ['preview', '--json', '--explain', 'pay/RETIRED'],
      { bitbucket: createDemoBitbucket(), provider: DEMO_PROVIDER },
    );

    const document: ExplanationDocument = JSON.parse(stdout);
    expect(document).toMatchObject({
      version: 1,
      explanations: [
        {
          providerId: 'default',
          host: 'bitbucket.test',
          status: 'explained',
          repository: {
            projectKey: 'PAY',
            repositorySlug: 'retired',
            outcome: 'excluded',
            reason: 'archived',
          },
        },
      ],
    });
  });

  it.each(['PAY', 'PAY/', '/slug', 'PAY/a/b', 'PAY/..', '../x', ''])(
    'refuses %j, which is no repository, with exit code 2',
    async name => {
      const { stderr, exitCode } = await explain(name);

      expect(stderr).toContain('KEY/slug');
      expect(exitCode).toBe(2);
    },
  );

  it('replaces terminal control characters in the answers of a server', async () => {
    const bitbucket = createSimulatedBitbucket({ users: [TEST_USER] });
    bitbucket.addProject({ key: 'PAY', name: 'Pay' });
    bitbucket.addRepository({ projectKey: 'PAY', slug: 'api' });
    const message = '\u001B[2J\u001B]0;owned\u0007';
    bitbucket.faults.add({
      match: { kind: 'file-check' },
      effect: { type: 'status', status: 403, message },
    });
    const { stdout } = await explain('PAY/api', {}, bitbucket);

    expect(stdout).toContain('owned');
    // eslint-disable-next-line no-control-regex -- the test looks for it
    expect(stdout).not.toMatch(/[\u0000-\u0009\u000B-\u001F\u007F-\u009F]/);
  });

  it('escapes terminal control characters in JSON, so that parsing restores them', async () => {
    const bitbucket = createSimulatedBitbucket({ users: [TEST_USER] });
    bitbucket.addRepository({ projectKey: 'PAY', slug: 'api' });
    const file = 'a\u007F\u009B31m\u202E\u{E0001}.yaml';
    bitbucket.writeFile('PAY', 'api', file, 'kind: Component');
    const options = { provider: { catalogPath: '*.yaml' } };

    for (const args of [['preview'], ['preview', '--explain', 'PAY/api']]) {
      const { stdout } = await runCommand([...args, '--json'], { bitbucket, ...options });

      expect(stdout).not.toMatch(/(?!\n)[\p{Cc}\p{Cf}]/u);
      expect(JSON.stringify(JSON.parse(stdout))).toContain(file);
    }
  });
});
