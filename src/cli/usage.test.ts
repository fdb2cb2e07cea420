import { version } from '../../package.json';
import { appConfigFor, TEST_USER } from '../__testUtils__/testProvider';
import { createDemoBitbucket, DEMO_PROVIDER } from './__testUtils__/demoBitbucket';
import { runCommand, RunCommandOptions } from './__testUtils__/runCommand';

const COMMANDS = [['check'], ['preview'], ['replay', 'repo:forked', 'payload.json']];

const files = { 'payload.json': '{}' };

/** C0 with an escape sequence, DEL, C1, and a character that reverses the order of letters. */
const HOSTILE = 'x\u001B[31m\u0007y\u007F\u009B31mz\u202Eabc';
const UNPRINTABLE = /(?!\n)[\p{Cc}\p{Cf}]/u;

/** Runs every command, since all of them read the same configuration. */
async function eachCommand(options: RunCommandOptions) {
  const runs = COMMANDS.map(args =>
    runCommand(args, { ...options, files: { ...files, ...options.files } }),
  );
  return Promise.all(runs);
}

describe('the command line', () => {
  it.each([['check'], ['preview'], ['replay']])('prints help for %s', async command => {
    const { stdout, exitCode } = await runCommand([command, '--help']);

    expect(stdout).toContain('Examples:');
    expect(stdout).toContain(`$ bitbucket-server-discovery ${command}`);
    expect(stdout).toContain('Exit codes: 0 fine');
    expect(exitCode).toBe(0);
  });

  it('lists its commands and prints its version', async () => {
    const help = await runCommand(['--help']);
    const printed = await runCommand(['--version']);

    expect(help.stdout).toMatch(/check[^]*preview[^]*replay/);
    expect(help.exitCode).toBe(0);
    expect(printed).toMatchObject({ stdout: `${version}\n`, exitCode: 0 });
  });

  it.each([
    ['no command', [], 'Usage: '],
    ['an unknown command', ['discover'], "unknown command 'discover'"],
    ['an unknown option', ['preview', '--fast'], "unknown option '--fast'"],
    ['an option without its value', ['preview', '--html'], 'argument missing'],
    ['an argument too many', ['check', 'this'], 'too many arguments'],
    ['a missing argument', ['replay', 'repo:forked'], "argument 'payload.json'"],
    [
      'a token without --against',
      ['preview', '--token', 'x'],
      '--token is for --against',
    ],
    [
      'options that exclude each other',
      ['preview', '--explain', 'A/b', '--html', 'x'],
      'cannot be combined',
    ],
  ])('exits with 2 for %s', async (_, args, words) => {
    const { stderr, stdout, exitCode } = await runCommand(args, {
      bitbucket: createDemoBitbucket(),
    });

    expect(stderr).toContain(words);
    expect(stderr).not.toMatch(/\n +at /);
    expect(stdout).toBe('');
    expect(exitCode).toBe(2);
  });

  it('does not repeat the value of a misspelt option', async () => {
    const args = ['preview', '--tokne=hidden-token'];
    const { stderr } = await runCommand(args);

    expect(stderr).toContain("unknown option '--tokne=...'");
    expect(stderr).not.toContain('hidden-token');
  });

  it.each([
    ['an unknown option', ['preview', `--${HOSTILE}`]],
    ['an option misspelt with a value', ['preview', `--${HOSTILE}=value`]],
    ['an unknown command', [HOSTILE]],
    ['an argument too many', ['check', HOSTILE]],
    ['a file that does not exist', ['preview', '--config', HOSTILE]],
    ['a payload that does not exist', ['replay', 'repo:forked', HOSTILE]],
    ['an unknown provider', ['preview', '--provider', HOSTILE]],
    ['an unknown event', ['replay', HOSTILE, 'payload.json']],
    ['an invalid address', ['preview', '--against', HOSTILE]],
    ['an invalid repository address', ['preview', '--explain', HOSTILE]],
    ['a repository that does not exist', ['preview', '--explain', `PAY/${HOSTILE}`]],
    ['a page', ['preview', '--html', `${HOSTILE}.html`]],
  ])('prints no terminal control characters for %s', async (_, args) => {
    const bitbucket = createDemoBitbucket();
    const { stdout, stderr } = await runCommand(args, { bitbucket, files });

    expect(stdout + stderr).not.toBe('');
    expect(stdout + stderr).not.toMatch(UNPRINTABLE);
  });

  it('exits with 2 for an unknown provider, and names the configured ones', async () => {
    const bitbucket = createDemoBitbucket();
    for (const args of [['check'], ['preview'], ['preview', '--explain', 'A/b']]) {
      const run = await runCommand([...args, '--provider', 'nope'], { bitbucket });

      expect(run.stderr).toContain('There is no provider "nope"');
      expect(run.stderr).toContain('Known: default');
      expect(run.exitCode).toBe(2);
    }
    expect(bitbucket.requests).toHaveLength(0);
  });
});

describe('the configuration of the command line', () => {
  it.each([
    [
      'a misspelt key',
      { catalogPaths: '/x' },
      'catalog.providers.bitbucketServer.catalogPaths',
    ],
    ['a bad pattern', { filters: { projectKey: '(' } }, 'filters.projectKey'],
    [
      'a wrong type',
      { concurrency: 'many' },
      'catalog.providers.bitbucketServer.concurrency',
    ],
  ])('exits with 2 for %s and names the key', async (_, provider, key) => {
    const runs = await eachCommand({ bitbucket: createDemoBitbucket(), provider });

    for (const { stderr, stdout, exitCode } of runs) {
      expect(stderr).toContain(key);
      expect(stderr).not.toMatch(/\n +at /);
      expect(stdout).toBe('');
      expect(exitCode).toBe(2);
    }
  });

  it('exits with 2 and a remedy if no provider is configured', async () => {
    for (const run of await eachCommand({ appConfig: { app: { title: 'x' } } })) {
      expect(run.stderr).toContain('add catalog.providers.bitbucketServer');
      expect(run.exitCode).toBe(2);
    }
  });

  it('exits with 2 and a remedy if there is no configuration', async () => {
    const inFolder = await runCommand(['preview']);
    const named = await runCommand(['preview', '--config', 'nowhere.yaml']);

    expect(inFolder.stderr).toMatch(
      /app-config\.yaml" does not exist\. Run the command in the folder/,
    );
    expect(named.stderr).toMatch(/nowhere\.yaml" does not exist\. Check --config/);
    expect([inFolder.exitCode, named.exitCode]).toEqual([2, 2]);
  });

  it('refuses an integration whose address cannot be used', async () => {
    const bitbucket = createDemoBitbucket();
    const apiBaseUrl = 'http://user:hidden-password@bitbucket.test/rest/api/1.0';
    const appConfig = appConfigFor({
      bitbucket,
      integration: { token: 'abcdef', apiBaseUrl },
    });
    const { stderr, exitCode } = await runCommand(['check'], { bitbucket, appConfig });

    expect(stderr).toContain('integrations.bitbucketServer, host bitbucket.test');
    expect(stderr).not.toContain('hidden-password');
    expect(exitCode).toBe(2);
  });

  it('refuses a user whose password is an unset variable, and sends no request', async () => {
    const bitbucket = createDemoBitbucket({ anonymousAccess: true });
    const password = '${BITBUCKET_PASSWORD}';
    const appConfig = appConfigFor({
      bitbucket,
      integration: { username: 'backstage', password },
    });
    for (const { stderr, exitCode } of await eachCommand({ bitbucket, appConfig })) {
      expect(stderr).toMatch(
        /integrations\.bitbucketServer\[0\]\.password is missing.*environment variable/,
      );
      expect(exitCode).toBe(2);
    }
    expect(bitbucket.requests).toEqual([]);
  });

  it('warns if a token is an unset variable: private repositories are not found', async () => {
    const bitbucket = createDemoBitbucket({ anonymousAccess: true });
    const appConfig = appConfigFor({
      bitbucket,
      integration: { token: '${BITBUCKET_TOKEN}' },
    });
    const { stderr } = await runCommand(['check'], { bitbucket, appConfig });
    expect(stderr).toMatch(
      /^warning: integrations\.bitbucketServer\[0\] has no credentials/,
    );
  });

  it.each([
    ['YAML', 'app-config.yaml', 'a:\n  password: hidden-password: [\n'],
    ['an alias', 'app-config.yaml', 'password: *hidden-password\n'],
    ['an included file', 'app-config.yaml', 'a: { $include: secrets.json }\n'],
  ])('does not quote %s that cannot be read', async (_, name, content) => {
    const { stderr, exitCode } = await runCommand(['preview'], {
      files: { [name]: content, 'secrets.json': '{"a": hidden-password' },
    });

    expect(stderr).toContain('app-config.yaml');
    expect(stderr).not.toContain('hidden-password');
    expect(exitCode).toBe(2);
  });

  it('reads several files, variables and included files as Backstage does', async () => {
    const bitbucket = createDemoBitbucket();
    const { host } = new URL(bitbucket.baseUrl);
    const { stdout, exitCode } = await runCommand(
      ['check', '--config', 'base.yaml', '--config', 'more.yaml'],
      {
        bitbucket,
        files: {
          'app-config.yaml': 'not: read',
          'base.yaml': [
            'integrations:',
            '  bitbucketServer:',
            `    - host: ${host}`,
            `      apiBaseUrl: ${bitbucket.apiBaseUrl}`,
            '      username: ${BITBUCKET_USER}',
            '      password: { $file: password.txt }',
            'catalog: { providers: { bitbucketServer: { $include: provider.yaml } } }',
          ].join('\n'),
          'password.txt': `${TEST_USER.password}\n`,
          'provider.yaml': `host: ${host}\nfilters: { projectKey: ^PAY$ }\n`,
          'more.yaml':
            'catalog: { providers: { bitbucketServer: { filters: { projectKey: ^SHOP$ } } } }',
        },
        env: { BITBUCKET_USER: TEST_USER.name },
      },
    );

    expect(stdout).toContain('Signed in as backstage');
    expect(stdout).toMatch(/Reading: SHOP\//);
    expect(exitCode).toBe(0);
  });

  it('takes app-config.local.yaml and APP_CONFIG_ variables into account', async () => {
    const bitbucket = createDemoBitbucket();
    const { host } = new URL(bitbucket.baseUrl);
    const local = {
      catalog: {
        providers: { bitbucketServer: { host, filters: { projectKey: '^DATA$' } } },
      },
    };
    const { stdout } = await runCommand(['check'], {
      bitbucket,
      provider: DEMO_PROVIDER,
      files: { 'app-config.local.yaml': JSON.stringify(local) },
      env: {
        APP_CONFIG_catalog_providers_bitbucketServer_filters_repoSlug:
          '"data-service-4$"',
      },
    });

    expect(stdout).toContain('1 of them pass the filters');
    expect(stdout).toContain(
      'DATA/data-service-4 can be read (it has catalog-info.yaml)',
    );
  });

  it('refuses configuration from the network', async () => {
    const { stderr, exitCode } = await runCommand([
      'preview',
      '--config',
      'https://example.com/app-config.yaml',
    ]);

    expect(stderr).toContain('--config takes files');
    expect(exitCode).toBe(2);
  });
});
