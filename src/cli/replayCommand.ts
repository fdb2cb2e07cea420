/** `replay`: what an event would do, from a recorded webhook. Changes nothing. */

import path from 'node:path';
import { isError } from '@backstage/errors';
import { analyzeWebhookEvent } from '../events/analyzeWebhookEvent';
import { RepositoryChange } from '../events/repositoryChanges';
import { CliIo, ExitCode } from './CliIo';
import { Connection, Connections } from './connections';
import { describeError, UsageError } from './errors';
import { indent } from './plainText';
import { ConfigurationOptions, readConfiguration } from './readConfiguration';
import { renderRepository } from './renderPreview';
import { ReplayedChange, ReplayedRepository, replayChange } from './replayChange';

/** The command line of `replay`, already checked. */
export interface ReplayOptions extends ConfigurationOptions {
  readonly eventKey: string;
  /** File with the body of the webhook. */
  readonly payload: string;
}

/** What is said of one provider, and whether it went well. */
interface Account {
  readonly text: string;
  readonly isWell: boolean;
}

/** Runs the command. */
export async function runReplay(options: ReplayOptions, io: CliIo): Promise<ExitCode> {
  const payload = await readPayload(options.payload, io);
  const configuration = await readConfiguration(options, io);
  const analysis = analyzeWebhookEvent(options.eventKey, payload);
  if (analysis.kind !== 'change') {
    const how = analysis.kind === 'ignored' ? 'ignored' : 'not understood';
    io.stdout(`The event is ${how}: ${analysis.reason}\n`);
    return 0;
  }
  const pool = new Connections(io);
  let isWell = true;
  for (const connection of configuration.providers.map(one => pool.open(one))) {
    const { config } = connection;
    io.stdout(`Provider ${config.id} on ${config.host}\n`);
    const account = await replay(analysis.change, connection, io);
    isWell = isWell && account.isWell;
    io.stdout(`${indent(account.text)}\n`);
  }
  return isWell ? 0 : 1;
}

async function readPayload(file: string, io: CliIo): Promise<unknown> {
  let text: string;
  try {
    text = await io.readFile(path.resolve(io.cwd, file));
  } catch (error) {
    const code: unknown = isError(error) ? error.code : undefined;
    throw new UsageError(`${file} cannot be read${code ? ` (${String(code)})` : ''}`);
  }
  try {
    return JSON.parse(text);
  } catch {
    throw new UsageError(
      `${file} is not valid JSON: it should hold the body of one webhook`,
    );
  }
}

async function replay(
  change: RepositoryChange,
  connection: Connection,
  io: CliIo,
): Promise<Account> {
  const what = describeChange(change);
  try {
    const replayed = await replayChange(change, connection, io);
    const isWell =
      replayed.problem === undefined &&
      replayed.repositories.every(one => one.kind !== 'unknown');
    return { text: `${what}\n${indent(render(replayed))}`, isWell };
  } catch (error) {
    io.signal.throwIfAborted();
    const why = connection.redact(describeError(error));
    return { text: `${what}\n${indent(`FAILED: ${why}`)}`, isWell: false };
  }
}

/** `Push to PAY/api: UPDATE refs/heads/main` */
function describeChange(change: RepositoryChange): string {
  if (change.type === 'project-modified') {
    const former = change.formerKey === undefined ? '' : `, before ${change.formerKey}`;
    return `Project modified: ${change.key}${former}`;
  }
  const name = `${change.repository.projectKey}/${change.repository.slug}`;
  switch (change.type) {
    case 'pushed': {
      const refs = change.refs.map(ref => `${ref.change} ${ref.refId}`).join(', ');
      return `Push to ${name}: ${refs}`;
    }
    case 'unknown':
      return `Push to ${name}: it does not say to which branches`;
    case 'modified': {
      const { was } = change;
      return `Repository modified: ${name}${was ? `, before ${was.projectKey}/${was.slug}` : ''}`;
    }
    case 'created':
    case 'forked':
    case 'deleted':
      return `Repository ${change.type}: ${name}`;
    default:
      return change satisfies never;
  }
}

function render({ isRelevant, reason, repositories, problem }: ReplayedChange): string {
  const asks = isRelevant ? 'Relevant' : 'Not relevant';
  return [
    problem && !isRelevant ? `Not decided: ${reason}` : `${asks}: ${reason}`,
    problem && `FAILED: ${problem.detail}`,
    ...repositories.map(renderReplayed),
  ]
    .filter(Boolean)
    .join('\n');
}

function renderReplayed(one: ReplayedRepository): string {
  switch (one.kind) {
    case 'evaluated':
      return renderRepository(one.repository);
    case 'gone':
      return `${one.name} does not exist, or the account may not see it: its Locations would be removed`;
    case 'unknown':
      return `${one.name} unknown: ${one.problem.reason}. ${one.problem.detail}. Nothing would change, and it would be tried again`;
    default:
      return one satisfies never;
  }
}
