/** `check`: tells in plain words whether discovery can work, and what is missing. */

import {
  AgainstOptions,
  describeLost,
  readBackendProviders,
  toBackstageAddress,
} from './backendProviders';
import { BackstageAddress } from './BackstageClient';
import { CliIo, ExitCode } from './CliIo';
import { checkProvider, Finding } from './checkProvider';
import { Connection, Connections } from './connections';
import { describeError } from './errors';
import { indent } from './plainText';
import { Progress } from './Progress';
import {
  Configuration,
  ConfigurationOptions,
  readConfiguration,
} from './readConfiguration';

const MARKS = { ok: 'ok    ', warning: 'note  ', failed: 'FAILED' } as const;

/** The command line of `check`, already checked. */
export type CheckOptions = ConfigurationOptions & AgainstOptions;

/** Runs the command. */
export async function runCheck(options: CheckOptions, io: CliIo): Promise<ExitCode> {
  const address = toBackstageAddress(options, io);
  const configuration = await readConfiguration(options, io);
  const pool = new Connections(io);
  const connections = configuration.providers.map(one => pool.open(one));
  let failures = 0;
  for (const connection of connections) {
    failures += await check(connection, io);
  }
  if (address) {
    failures += await checkBackend(address, configuration, io);
  }
  const verdict =
    failures === 0
      ? 'Discovery can work.'
      : 'Discovery cannot work, or not fully, until what failed is mended.';
  io.stdout(`${verdict}\n`);
  return failures === 0 ? 0 : 1;
}

/** @returns how many steps failed */
async function check(connection: Connection, io: CliIo): Promise<number> {
  const { config, integration, redact } = connection;
  const progress = new Progress(io);
  io.stdout(
    `Provider ${config.id} on ${config.host} (${redact(integration.apiBaseUrl)})\n`,
  );
  let failures = 0;
  progress.begin(`${config.id}: asking ${config.host}`);
  try {
    for await (const finding of checkProvider(connection, io.signal)) {
      progress.end();
      io.stdout(`${indent(render(finding))}\n`);
      failures += finding.status === 'failed' ? 1 : 0;
      progress.resume();
    }
  } finally {
    progress.end();
  }
  io.stdout('\n');
  return failures;
}

/** @returns how many steps failed */
async function checkBackend(
  address: BackstageAddress,
  { configured }: Configuration,
  io: CliIo,
): Promise<number> {
  const ids = configured.map(one => one.config.id);
  const finding = await compareProviders(address, ids, io);
  io.stdout(`Backstage at ${address.url}\n${indent(render(finding))}\n\n`);
  return finding.status === 'failed' ? 1 : 0;
}

async function compareProviders(
  address: BackstageAddress,
  configuredIds: readonly string[],
  io: CliIo,
): Promise<Finding> {
  const about = 'Providers';
  try {
    const providers = await readBackendProviders(address, io);
    if (!providers) {
      const text =
        'It does not run this module yet, or the token may not read its report';
      return { status: 'warning', about, text };
    }
    const lost = describeLost(providers, configuredIds);
    return lost === undefined
      ? { status: 'ok', about, text: 'All that it has are configured here' }
      : { status: 'warning', about, text: lost };
  } catch (error) {
    io.signal.throwIfAborted();
    return { status: 'failed', about, text: describeError(error) };
  }
}

function render({ status, about, text, remedy }: Finding): string {
  const line = `${MARKS[status]}  ${about}: ${text}`;
  return remedy === undefined ? line : `${line}\n        What to do: ${remedy}`;
}
