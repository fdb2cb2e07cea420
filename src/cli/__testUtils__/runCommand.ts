/**
 * Runs a command line within the process: with real configuration files in a temporary
 * folder, everything else injected, and a fake clock. For tests.
 */

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { JsonObject } from '@backstage/types';
import type { SimulatedBitbucket } from '../../../dev/simulatedBitbucket';
import { FakeClock } from '../../__testUtils__/FakeClock';
import { createFetch } from '../../__testUtils__/simulatedClient';
import { appConfigFor } from '../../__testUtils__/testProvider';
import { ExitCode, ProcessIo, Layout } from '../terminal';
import { runCli } from '../program';

/** The options of {@link runCommand}. */
export interface RunCommandOptions {
  /** Answers in memory; requests to other hosts use the network. */
  readonly bitbucket?: SimulatedBitbucket;
  /** `app-config.yaml`; defaults to one provider on the simulated Bitbucket. */
  readonly appConfig?: JsonObject;
  /** The configuration of that provider, in addition to its host. */
  readonly provider?: JsonObject;
  /** Further files in the folder, by name. An `app-config.yaml` here replaces the other. */
  readonly files?: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
  readonly isTerminal?: boolean;
  /** Defaults to that of a pipe. */
  readonly layout?: Layout;
  readonly signal?: AbortSignal;
}

/** The result of a command. */
export interface FinishedCommand {
  readonly exitCode: ExitCode;
  readonly stdout: string;
  readonly stderr: string;
  /** The files that the command wrote, by name. */
  readonly written: ReadonlyMap<string, string>;
}

/** Runs a command and waits for its end. */
export async function runCommand(
  args: readonly string[],
  options: RunCommandOptions = {},
): Promise<FinishedCommand> {
  const cwd = await mkdtemp(path.join(tmpdir(), 'cli-test-'));
  try {
    await writeFiles(cwd, options);
    return await run(args, cwd, options);
  } finally {
    await rm(cwd, { recursive: true });
  }
}

async function writeFiles(cwd: string, options: RunCommandOptions): Promise<void> {
  const { bitbucket, provider } = options;
  const appConfig =
    options.appConfig ??
    (bitbucket ? appConfigFor({ bitbucket, config: provider }) : undefined);
  const files = {
    ...(appConfig && { 'app-config.yaml': JSON.stringify(appConfig) }),
    ...options.files,
  };
  for (const [name, content] of Object.entries(files)) {
    await writeFile(path.join(cwd, name), content);
  }
}

async function run(
  args: readonly string[],
  cwd: string,
  options: RunCommandOptions,
): Promise<FinishedCommand> {
  const { bitbucket, env = {}, isTerminal = false } = options;
  const { layout = { colors: false } } = options;
  const { signal = new AbortController().signal } = options;
  let isDone = false;
  let onTheWire = 0;
  const clock: FakeClock = new FakeClock({
    // If nothing sleeps, a file is being read, and advancing the clock does not help.
    holdWhile: () => !isDone && (onTheWire > 0 || clock.sleeping === 0),
  });
  const overNetwork = async (...request: Parameters<typeof fetch>) => {
    onTheWire += 1;
    try {
      const response = await fetch(...request);
      return new Response(await response.arrayBuffer(), response);
    } finally {
      onTheWire -= 1;
    }
  };
  const inMemory = bitbucket && createFetch(bitbucket);
  let [stdout, stderr] = ['', ''];
  const written = new Map<string, string>();
  const io: ProcessIo = {
    stdout: text => (stdout += text),
    stderr: text => (stderr += text),
    rewind: () => (stderr += '\r\u001B[K'),
    env,
    cwd,
    layouts: { stdout: layout, stderr: isTerminal ? { ...layout, columns: 80 } : layout },
    clock,
    signal,
    fetch: (input, init) => {
      const { host } = new URL(input instanceof Request ? input.url : input);
      return inMemory && host === new URL(bitbucket.baseUrl).host
        ? inMemory(input, init)
        : overNetwork(input, init);
    },
    readFile: file => readFile(file, 'utf8'),
    writeFile: async (file, text) => {
      written.set(path.relative(cwd, file), text);
    },
  };
  const work = runCli(args, io).finally(() => {
    isDone = true;
  });
  const exitCode = await clock.run(work);
  return { exitCode, stdout, stderr, written };
}
