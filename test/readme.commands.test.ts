/** The commands of the guide: each has a known kind, and is run where possible. */

import { existsSync } from 'node:fs';
import path from 'node:path';
import {
  createReadmeBitbucket,
  pushToInvoiceService,
} from './__testUtils__/readmeBitbucket';
import {
  DiscoveryCommand,
  parseCommands,
  readmeCommands,
} from './__testUtils__/readmeCommands';
import {
  getBlocks,
  EXAMPLE_BACKSTAGE,
  EXAMPLE_ENV,
  GUIDE,
  readManifest,
  ROOT,
} from './__testUtils__/readmeText';
import { serveBackstage } from '../src/cli/__testUtils__/fakeBackstage';
import { FinishedCommand, runCommand } from '../src/cli/__testUtils__/runCommand';

const TARGET =
  'https://bitbucket.example.com/projects/PAY/repos/invoice-service/browse/catalog-info.yaml';

/** The expected output of each call of the command line, by its arguments. */
const SHOWS: Record<string, (finished: FinishedCommand) => void> = {
  check: ({ stdout }) => {
    expect(stdout).toMatch(/ok +Server: Bitbucket .* answers/);
    expect(stdout).toMatch(/ok +User: Signed in as backstage/);
    expect(stdout).toMatch(/ok +Rate limit: 60 requests at once, 5 more each second/);
    expect(stdout).toContain('discovery uses at most 30 at once and 4 a second of it');
    expect(stdout).toContain('Discovery can work.');
  },
  preview: ({ stdout }) => {
    expect(stdout).toContain('2 Locations would be in the catalog.');
    expect(stdout).toContain('This was a preview: nothing was changed anywhere.');
  },
  'preview --html preview.html': ({ written }) => {
    expect(written.get('preview.html')).toMatch(/^<!doctype html>[^]*invoice-service/i);
  },
  'preview --explain PAY/invoice-service': ({ stdout }) => {
    expect(stdout).toMatch(/^ +PAY\/invoice-service\n +Outcome +registered$/m);
    expect(stdout).toContain(TARGET);
  },
  [`preview --against ${EXAMPLE_BACKSTAGE}`]: ({ stdout }) => {
    expect(stdout).toContain('1 would be added, 0 removed, 0 held back, 1 unchanged.');
  },
  'replay repo:refs_changed push.json': ({ stdout }) => {
    expect(stdout).toContain('Push to PAY/invoice-service: UPDATE refs/heads/');
    expect(stdout).toContain('Relevant: the default branch was updated');
    expect(stdout).toMatch(/Outcome +registered/);
  },
};

/** Each command once, whichever pages have it. */
const discoveryCommands = [
  ...new Map(
    readmeCommands().flatMap(command =>
      command.kind === 'discovery' ? [[command.args.join(' '), command] as const] : [],
    ),
  ).values(),
];

/** Runs a command with the guide's first configuration and a simulated Bitbucket. */
async function run({ args, env }: DiscoveryCommand): Promise<FinishedCommand> {
  const [appConfig = ''] = getBlocks('yaml');
  const bitbucket = createReadmeBitbucket();
  const token = env.BACKSTAGE_TOKEN;
  await using backstage = await serveBackstage({
    locations: [{ target: TARGET }],
    token,
  });
  return await runCommand(
    args.map(arg => arg.replace(EXAMPLE_BACKSTAGE, backstage.url)),
    {
      bitbucket,
      env: { ...EXAMPLE_ENV, ...env },
      files: {
        'app-config.yaml': appConfig,
        'push.json': pushToInvoiceService(bitbucket).body,
      },
    },
  );
}

describe('the commands of the guide', () => {
  it('all have a kind that a test runs or checks', () => {
    const kinds = new Set(readmeCommands().map(command => command.kind));

    expect([...kinds].sort()).toEqual(
      [
        'add-package',
        'assignment',
        'curl',
        'discovery',
        'npm-install',
        'npm-pack',
        'npm-script',
        'remove-package',
      ].sort(),
    );
  });

  it.each([
    'rm -rf node_modules',
    'npm install something-else',
    'npm run lint -- --fix',
    'yarn add something',
    'yarn --cwd packages/backend add one two',
    'yarn --cwd packages/backend add one@file:/somewhere/one.tgz',
    'npx --no -- another-tool',
    'npx --no bitbucket-server-discovery check',
    'npx bitbucket-server-discovery check',
    'FOO=1 npm start',
    'curl --insecure https://backstage.example.com',
    'curl -X POST',
    'curl "$NEVER_SET/api"',
  ])('must not include `%s`', line => {
    expect(() => parseCommands(line)).toThrow();
  });

  it('are parsed like in a shell', () => {
    const text = `url=https://a.test/b\nFOO=1 npx --no -- bitbucket-server-discovery check 'a $b' c"d e"\ncurl -X POST \\\n  -H 'A-B: c d' "$url?x=1&y"`;

    expect(parseCommands(text)).toEqual([
      { kind: 'assignment', name: 'url', value: 'https://a.test/b' },
      { kind: 'discovery', env: { FOO: '1' }, args: ['check', 'a $b', 'cd e'] },
      {
        kind: 'curl',
        method: 'POST',
        headers: { 'A-B': 'c d' },
        url: 'https://a.test/b?x=1&y',
      },
    ]);
  });

  it('name only existing scripts', () => {
    const inBlocks = readmeCommands().flatMap(command =>
      command.kind === 'npm-script' ? [command.script] : [],
    );
    const inSentences = [...GUIDE.matchAll(/`npm run ([\w:-]+)/g)].map(
      ([, script = '']) => script,
    );

    expect(inBlocks).toContain('start');
    for (const script of [...inBlocks, ...inSentences]) {
      expect(readManifest().scripts).toHaveProperty([script]);
    }
  });

  it('start a demo whose files exist', () => {
    const [, config = ''] =
      / --config (\S+)$/.exec(readManifest().scripts.start ?? '') ?? [];

    for (const file of [config, 'dev/index.ts']) {
      expect(existsSync(path.join(ROOT, file))).toBe(true);
    }
  });

  it('add and remove this package and no other', () => {
    const { name, version } = readManifest();
    const changed = readmeCommands().flatMap(command =>
      command.kind === 'add-package' || command.kind === 'remove-package'
        ? [command]
        : [],
    );

    expect(new Set(changed.map(command => command.packageName))).toEqual(new Set([name]));
    expect(changed.flatMap(({ archive }) => archive ?? [])).toEqual([
      `./${name}-${version}.tgz`,
    ]);
  });
});

describe('the command line of the guide', () => {
  it('is the one in the package', () => {
    expect(Object.keys(readManifest().bin)).toEqual(['bitbucket-server-discovery']);
  });

  it('has an expectation for each of its calls, and no other', () => {
    const calls = discoveryCommands.map(({ args }) => args.join(' '));

    expect(calls.sort()).toEqual(Object.keys(SHOWS).sort());
  });

  it.each(discoveryCommands.map(command => [command.args.join(' '), command] as const))(
    'shows the documented output with `%s`',
    async (call, command) => {
      const finished = await run(command);

      expect(finished.stderr).not.toMatch(/error|FAILED/);
      expect(finished.exitCode).toBe(0);
      SHOWS[call]?.(finished);
    },
  );

  it('passes a token where one is needed', () => {
    const against = discoveryCommands.filter(({ args }) => args.includes('--against'));

    expect(against).not.toEqual([]);
    against.forEach(({ env }) => expect(env).toHaveProperty('BACKSTAGE_TOKEN'));
  });

  it.each([
    ['a difference to the catalog', ['preview', '--against', EXAMPLE_BACKSTAGE], 0],
    ['a repository that does not exist', ['preview', '--explain', 'PAY/nothing'], 1],
    ['a word that is no command', ['reveiw'], 2],
    ['a configuration that is not there', ['check', '--config', 'nowhere.yaml'], 2],
  ])('exits after %s with the documented exit code', async (_, args, code) => {
    const { exitCode } = await run({ kind: 'discovery', env: {}, args });

    expect(exitCode).toBe(code);
  });

  it.each(
    getBlocks('yaml').flatMap((text, index) =>
      /host:/.test(text) ? [[index, text]] : [],
    ),
  )('accepts the configuration of yaml block %i', async (_, text) => {
    const { stdout, exitCode } = await runCommand(['check'], {
      bitbucket: createReadmeBitbucket(),
      env: EXAMPLE_ENV,
      files: { 'app-config.yaml': String(text) },
    });

    expect(stdout).toContain('Discovery can work.');
    expect(stdout).not.toMatch(/^ +(note|FAILED)/m);
    expect(exitCode).toBe(0);
  });
});
