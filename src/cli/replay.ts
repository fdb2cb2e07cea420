/** `replay`: shows what an event would do, from a recorded webhook. Changes nothing. */

import path from 'node:path';
import { isError } from '@backstage/errors';
import { analyzeWebhookEvent } from '../events/analyzeWebhookEvent';
import { RepositoryChange } from '../events/repositoryChanges';
import { webBaseUrl } from '../bitbucket/webUrls';
import { evaluateRepository } from '../discovery/evaluateRepository';
import { FilteredRepository, filterListing } from '../discovery/applyFilters';
import { readListing } from '../discovery/listRepositories';
import { reportRepository } from '../discovery/report';
import {
  decideProjectRelevance,
  decideRelevance,
  RelevanceContext,
} from '../events/relevance';
import { Problem, Repository, RepositoryAddress } from '../model';
import { mapConcurrent } from '../util/concurrency';
import { findWebBase } from '../util/parseUrls';
import { formatAddress } from '../util/text';
import { CliIo, describeError, ExitCode, UsageError } from './terminal';
import { Connection, openConnections } from './connections';
import { indent } from './format';
import { ConfigurationOptions, readConfiguration } from './readConfiguration';
import { renderRepository } from './renderPreview';
import { toPreviewedRepository } from './previewDocument';

/** The validated command line of `replay`. */
interface ReplayOptions extends ConfigurationOptions {
  readonly eventKey: string;
  /** The file with the body of the webhook. */
  readonly payload: string;
}

/** The text about a change or a repository, and whether its evaluation succeeded. */
interface Account {
  readonly text: string;
  readonly isWell: boolean;
}

/** Runs `replay`. */
export async function runReplay(options: ReplayOptions, io: CliIo): Promise<ExitCode> {
  const payload = await readPayload(options.payload, io);
  const configuration = await readConfiguration(options, io);
  const analysis = analyzeWebhookEvent(options.eventKey, payload);
  if (analysis.kind !== 'change') {
    const isIgnored = analysis.kind === 'ignored';
    const how = isIgnored ? 'ignored' : 'not understood';
    io.stdout(`The event is ${how}: ${analysis.reason}\n`);
    return isIgnored ? 0 : 1;
  }
  let isWell = true;
  for (const connection of openConnections(configuration.providers, io)) {
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
      `${file} is not valid JSON: it must contain the body of one webhook`,
    );
  }
}

async function replay(
  change: RepositoryChange,
  connection: Connection,
  io: CliIo,
): Promise<Account> {
  const account = await replayChange(change, connection, io).catch(error => {
    io.signal.throwIfAborted();
    const why = connection.redact(describeError(error));
    return { text: `FAILED: ${why}`, isWell: false };
  });
  return { ...account, text: `${describeChange(change)}\n${indent(account.text)}` };
}

/** `Push to PAY/api: UPDATE refs/heads/main` */
function describeChange(change: RepositoryChange): string {
  if (change.type === 'project-modified') {
    const former = change.formerKey === undefined ? '' : `, formerly ${change.formerKey}`;
    return `Project modified: ${change.key}${former}`;
  }
  const name = formatAddress(change.repository);
  switch (change.type) {
    case 'pushed': {
      const refs = change.refs.map(ref => `${ref.change} ${ref.refId}`).join(', ');
      return `Push to ${name}: ${refs}`;
    }
    case 'unknown':
      return `Push to ${name}: it does not say to which branches`;
    case 'modified': {
      const { formerAddress } = change;
      return `Repository modified: ${name}${formerAddress ? `, formerly ${formatAddress(formerAddress)}` : ''}`;
    }
    case 'created':
    case 'forked':
    case 'deleted':
      return `Repository ${change.type}: ${name}`;
    default:
      return change satisfies never;
  }
}

/** The repositories that a change concerns, as Bitbucket shows them now. */
interface ConcernedRepositories {
  readonly repositories: readonly Repository[];
  /** Why the listing of a project ended early. */
  readonly problem?: Problem;
}

/**
 * Describes what one provider would do about a change. Decides as a backend does, but reads
 * from the server what a backend has stored; changes nothing.
 *
 * @throws the errors of the client: credentials that do not work, an abort
 */
async function replayChange(
  change: RepositoryChange,
  connection: Connection,
  io: CliIo,
): Promise<Account> {
  const { repositories, problem } = await findConcerned(change, connection, io.signal);
  const context = createContext(repositories, connection, io.signal);
  const decision =
    change.type === 'project-modified'
      ? await decideProjectRelevance(change, context)
      : await decideRelevance([change], context);
  if (decision.kind === 'unknown') {
    const text = `Not decided: the default branch cannot be read\nFAILED: ${decision.problem.detail}`;
    return { text, isWell: false };
  }
  if (decision.kind === 'ignored') {
    return { text: `Not relevant: ${decision.reason}`, isWell: true };
  }
  const accounts =
    change.type === 'project-modified'
      ? await evaluateAll(repositories, connection, io)
      : [await evaluate(change.repository, connection, io)];
  const lines = [
    `Relevant: ${decision.reason}`,
    ...(problem ? [`FAILED: ${problem.detail}`] : []),
    ...accounts.map(account => account.text),
  ];
  return {
    text: lines.join('\n'),
    isWell: problem === undefined && accounts.every(account => account.isWell),
  };
}

/** Reads the repositories from the server; a backend knows them from its listing. */
async function findConcerned(
  change: RepositoryChange,
  { client }: Connection,
  signal: AbortSignal,
): Promise<ConcernedRepositories> {
  if (change.type === 'project-modified') {
    const listing = client.listProjectRepositories(change.key, { signal });
    const { items, failure } = await readListing(listing);
    return { repositories: items, problem: failure?.problem };
  }
  const { projectKey, slug } = change.repository;
  const lookup = await client.getRepository({ projectKey, slug }, { signal });
  return { repositories: lookup.kind === 'found' ? [lookup.repository] : [] };
}

/** Builds the state that a backend would have stored, from what the server shows. */
function createContext(
  shown: readonly Repository[],
  { client, config, integration }: Connection,
  signal: AbortSignal,
): RelevanceContext {
  const keys = new Set(shown.map(repository => repository.projectKey.toLowerCase()));
  return {
    filters: config.filters,
    branch: config.branch,
    webBaseUrl: webBaseUrl(integration),
    loadServerUrls: async () =>
      shown.flatMap(({ selfUrl }) => findWebBase(selfUrl ?? '') ?? []),
    findRelated: async () =>
      shown.map(repository => ({
        ...repository,
        repositoryId: repository.id,
        files: [],
      })),
    isProjectKnown: async wanted => wanted.some(key => keys.has(key.toLowerCase())),
    findDefaultBranch: repository => client.getDefaultBranch(repository, { signal }),
  };
}

async function evaluateAll(
  repositories: readonly Repository[],
  connection: Connection,
  io: CliIo,
): Promise<Account[]> {
  const { client: source, config } = connection;
  const listed = await filterListing(repositories, {
    ...config,
    source,
    signal: io.signal,
    // A dry run has no stored state.
    isHeld: () => false,
  });
  return mapConcurrent(listed, config.concurrency, filtered =>
    evaluate(filtered.repository, connection, io, filtered),
  );
}

async function evaluate(
  address: RepositoryAddress,
  connection: Connection,
  { clock, signal }: CliIo,
  listed?: FilteredRepository,
): Promise<Account> {
  const name = formatAddress(address);
  const evaluation = await evaluateRepository(address, connection.config, {
    source: connection.client,
    // A dry run has no stored state.
    loadKnown: async () => [],
    listed,
    now: () => clock.now(),
    signal,
  });
  if (evaluation.kind === 'unknown') {
    const { reason, detail } = evaluation.problem;
    const text = `${name} unknown: ${reason}. ${detail}. Nothing would change, and it would be tried again`;
    return { text, isWell: false };
  }
  if (!evaluation.result) {
    const text = `${name} does not exist, or the account may not see it: its Locations would be removed`;
    return { text, isWell: true };
  }
  const report = reportRepository(evaluation.result);
  const shown = toPreviewedRepository(report, connection.integration);
  return { text: renderRepository(shown), isWell: true };
}
