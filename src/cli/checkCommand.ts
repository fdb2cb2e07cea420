/** `check`: tells in plain words whether discovery can work, and what is missing. */

import { CliIo, ExitCode } from './CliIo';
import { checkProvider, Finding } from './checkProvider';
import { Connection, Connections } from './connections';
import { indent } from './plainText';
import { Progress } from './Progress';
import { ConfigurationOptions, readConfiguration } from './readConfiguration';

const MARKS = { ok: 'ok    ', warning: 'note  ', failed: 'FAILED' } as const;

/** Runs the command. */
export async function runCheck(
  options: ConfigurationOptions,
  io: CliIo,
): Promise<ExitCode> {
  const configuration = await readConfiguration(options, io);
  const pool = new Connections(io);
  const connections = configuration.providers.map(one => pool.open(one));
  let failures = 0;
  for (const connection of connections) {
    failures += await check(connection, io);
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

function render({ status, about, text, remedy }: Finding): string {
  const line = `${MARKS[status]}  ${about}: ${text}`;
  return remedy === undefined ? line : `${line}\n        What to do: ${remedy}`;
}
