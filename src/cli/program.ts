/** Defines the commands with their options and help, and parses the command line. */

import { Command, CommanderError } from 'commander';
import { z } from 'zod';
import { version } from '../../package.json';
import { runCheck } from './check';
import {
  CliIo,
  CommandFailedError,
  describeError,
  ExitCode,
  printable,
  ProcessIo,
  UsageError,
} from './terminal';
import { runPreview } from './preview';
import { runReplay } from './replay';

const NAME = 'bitbucket-server-discovery';

const COMMON_HELP = `
The configuration is that of the Backstage backend: app-config.yaml and
app-config.local.yaml of this folder, or the files given with --config.
Environment variables, $file and $include work as they do there.

Exit codes: 0 fine, 1 something failed or does not exist, 2 wrong usage or
configuration.`;

const CHECK_HELP = `
Examples:
  $ ${NAME} check
  $ ${NAME} check --config app-config.yaml --config app-config.production.yaml
  $ BACKSTAGE_TOKEN=... ${NAME} check --against https://backstage.example.com
${COMMON_HELP}`;

const PREVIEW_HELP = `
Nothing is changed, neither in Bitbucket nor in Backstage.

Examples:
  $ ${NAME} preview
  $ ${NAME} preview --explain PAY/invoice-service
  $ ${NAME} preview --html preview.html
  $ ${NAME} preview --json > preview.json
  $ BACKSTAGE_TOKEN=... ${NAME} preview --against https://backstage.example.com

A difference from the catalog is not a failure. Ctrl-C ends the preview, shows the
results so far and exits with 1.
${COMMON_HELP}`;

const REPLAY_HELP = `
The event key is the value of the header X-Event-Key, the file contains the body of
the webhook. Nothing is changed, neither in Bitbucket nor in Backstage.

Examples:
  $ ${NAME} replay repo:refs_changed push.json
  $ ${NAME} replay repo:modified renamed.json --provider default
${COMMON_HELP}`;

const Common = z.object({
  config: z.array(z.string()),
  provider: z.string().optional(),
});
const Against = Common.extend({
  against: z.string().optional(),
  token: z.string().optional(),
});
const Replay = Common.extend({ eventKey: z.string(), payload: z.string() });
const Preview = Against.extend({
  explain: z.string().optional(),
  json: z.boolean().optional(),
  html: z.string().optional(),
});

/**
 * Parses and runs one command line.
 *
 * @param args - the arguments, without the names of Node.js and of the program
 * @returns the exit code; never throws
 */
export async function runCli(
  args: readonly string[],
  processIo: ProcessIo,
): Promise<ExitCode> {
  const io = printable(processIo);
  let exitCode: ExitCode = 0;
  const program = createProgram(io, async command => {
    exitCode = await command;
  });
  try {
    await program.parseAsync([...args], { from: 'user' });
    return exitCode;
  } catch (error) {
    return reportError(error, io);
  }
}

function reportError(error: unknown, io: CliIo): ExitCode {
  if (error instanceof CommanderError) {
    // It has printed its message already; help and version are not errors.
    return error.exitCode === 0 ? 0 : 2;
  }
  if (io.signal.aborted) {
    io.stderr('Stopped.\n');
    return 1;
  }
  io.stderr(`error: ${describeError(error)}\n`);
  if (error instanceof UsageError) {
    return 2;
  }
  if (!(error instanceof CommandFailedError)) {
    io.stderr(`This is a bug in ${NAME}: please report it.\n`);
  }
  return 1;
}

type Settle = (command: Promise<ExitCode>) => Promise<void>;

function createProgram(io: CliIo, settle: Settle): Command {
  const program = new Command(NAME)
    .description(
      'Checks, previews and explains what the Bitbucket Server discovery of a Backstage catalog does.',
    )
    .version(version, '-V, --version', 'print the version')
    .exitOverride()
    .configureOutput({
      writeOut: io.stdout,
      writeErr: io.stderr,
      // The value after a misspelt option may be a token.
      outputError: (text, write) => write(text.replace(/=[^']*/g, '=...')),
    })
    .showHelpAfterError('(add --help for the options)')
    .addHelpText('after', COMMON_HELP);
  addCheck(program, io, settle);
  addPreview(program, io, settle);
  addReplay(program, io, settle);
  return program;
}

function addCheck(program: Command, io: CliIo, settle: Settle): void {
  withBackend(withCommonOptions(program.command('check')), 'compare the providers with')
    .description(
      'check whether Bitbucket can be reached, as which user, and what is missing',
    )
    .addHelpText('after', CHECK_HELP)
    .action(options => {
      const parsed = Against.parse(options);
      refuseCombinations(parsed);
      return settle(runCheck(parsed, io));
    });
}

function addPreview(program: Command, io: CliIo, settle: Settle): void {
  withBackend(
    withCommonOptions(program.command('preview')),
    'compare with the catalog of',
  )
    .description('a dry run: what would be in the catalog, what would not, and why')
    .option('--explain <KEY/slug>', 'one repository only')
    .option('--json', 'print one JSON document, for scripts')
    .option('--html <file>', 'also write an HTML page to this file')
    .addHelpText('after', PREVIEW_HELP)
    .action(options => {
      const parsed = Preview.parse(options);
      refuseCombinations(parsed);
      return settle(runPreview(parsed, io));
    });
}

function refuseCombinations(options: Partial<z.infer<typeof Preview>>): void {
  if (options.explain !== undefined && options.html !== undefined) {
    throw new UsageError('--explain cannot be combined with --html');
  }
  if (options.token !== undefined && options.against === undefined) {
    throw new UsageError('--token is for --against <url>, which is missing');
  }
}

function addReplay(program: Command, io: CliIo, settle: Settle): void {
  withCommonOptions(program.command('replay'))
    .description('show what an event would do, from a recorded webhook')
    .argument('<event-key>', 'such as repo:refs_changed')
    .argument('<payload.json>', 'file with the body of the webhook')
    .addHelpText('after', REPLAY_HELP)
    .action((eventKey: unknown, payload: unknown, options: object) =>
      settle(runReplay(Replay.parse({ ...options, eventKey, payload }), io)),
    );
}

function withBackend(command: Command, purpose: string): Command {
  return command
    .option('--against <url>', `${purpose} this Backstage backend`)
    .option(
      '--token <token>',
      'for that backend; the variable BACKSTAGE_TOKEN keeps it out of the process list',
    );
}

function withCommonOptions(command: Command): Command {
  const collect = (file: string, files: readonly string[]) => [...files, file];
  return command
    .allowExcessArguments(false)
    .option('--config <file>', 'configuration file, can be repeated', collect, [])
    .option('--provider <id>', 'one provider only');
}
