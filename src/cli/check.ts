/** `check`: reports whether discovery can work, and what is missing. */

import { BitbucketServerCredentialsError } from '../bitbucket/errors';
import { FilteredRepository, filterListing } from '../discovery/applyFilters';
import { explainOutcome, MISSING_PROJECT_REMEDY } from '../discovery/explanations';
import { listRepositories } from '../discovery/listRepositories';
import { Listing } from '../discovery/types';
import { SHARE_OF_CAPACITY, SHARE_OF_FILL_RATE } from '../http/rateStrategy';
import { Problem } from '../model';
import { formatAddress, formatPlural } from '../util/text';
import { countBackendLocations, describeLost } from './BackstageCatalog';
import { AgainstOptions, BackstageAddress, toBackstageAddress } from './BackstageClient';
import { CliIo, describeError, ExitCode, Progress } from './terminal';
import { Connection, openConnections } from './connections';
import { describeBudget, indent, toPreviewedBudget } from './format';
import { checkCatalogAccess, FoundFile } from './checkCatalogAccess';
import { webhookScript } from './webhookScript';
import {
  Configuration,
  ConfigurationOptions,
  readConfiguration,
} from './readConfiguration';

const MARKS = { ok: 'ok    ', warning: 'note  ', failed: 'FAILED' } as const;

/** The validated command line of `check`. */
type CheckOptions = ConfigurationOptions & AgainstOptions;

/** Runs `check`. */
export async function runCheck(options: CheckOptions, io: CliIo): Promise<ExitCode> {
  const address = toBackstageAddress(options, io);
  const configuration = await readConfiguration(options, io);
  let failures = 0;
  for (const connection of openConnections(configuration.providers, io)) {
    failures += await check(connection, configuration, io);
  }
  if (address) {
    failures += await checkBackend(address, configuration, io);
  }
  const verdict =
    failures === 0
      ? 'Discovery can work.'
      : 'Discovery cannot work, or not fully, until the failures above are fixed.';
  io.stdout(`${verdict}\n`);
  return failures === 0 ? 0 : 1;
}

/** @returns the number of steps that failed */
async function check(
  connection: Connection,
  { backstageUrl }: Configuration,
  io: CliIo,
): Promise<number> {
  const { config, integration, redact } = connection;
  const progress = new Progress(io);
  io.stdout(
    `Provider ${config.id} on ${config.host} (${redact(integration.apiBaseUrl)})\n`,
  );
  let failures = 0;
  progress.begin(`${config.id}: checking ${config.host}`);
  try {
    for await (const finding of checkProvider(connection, backstageUrl, io.signal)) {
      progress.end();
      io.stdout(`${redact(indent(render(finding)))}\n`);
      if (finding.script !== undefined) {
        io.verbatim(`\n${redact(indent(finding.script))}\n\n`);
      }
      failures += finding.status === 'failed' ? 1 : 0;
      progress.resume();
    }
  } finally {
    progress.end();
  }
  io.stdout('\n');
  return failures;
}

/** @returns the number of steps that failed */
async function checkBackend(
  address: BackstageAddress,
  { configured }: Configuration,
  io: CliIo,
): Promise<number> {
  const ids = configured.map(provider => provider.config.id);
  const result = await compareProviders(address, ids, io);
  const line = render({ about: 'Providers', ...result });
  io.stdout(`Backstage at ${address.url}\n${indent(line)}\n\n`);
  return result.status === 'failed' ? 1 : 0;
}

async function compareProviders(
  address: BackstageAddress,
  configuredIds: readonly string[],
  io: CliIo,
): Promise<Omit<Finding, 'about'>> {
  try {
    const counts = await countBackendLocations(address, io);
    const warning = counts
      ? describeLost(counts, configuredIds)
      : 'It does not run this module yet, or the token may not read its report';
    return warning === undefined
      ? { status: 'ok', text: 'All providers of the backend are configured here' }
      : { status: 'warning', text: warning };
  } catch (error) {
    io.signal.throwIfAborted();
    return { status: 'failed', text: describeError(error) };
  }
}

function render({ status, about, text, remedy }: Finding): string {
  const line = `${MARKS[status]}  ${about}: ${text}`;
  return remedy === undefined ? line : `${line}\n        What to do: ${remedy}`;
}

/** The result of one step. */
interface Finding {
  readonly status: 'ok' | 'warning' | 'failed';
  readonly about:
    | 'Server'
    | 'User'
    | 'Rate limit'
    | 'Listing'
    | 'Reading'
    | 'Catalog'
    | 'Webhooks'
    | 'Providers';
  readonly text: string;
  /** What the user can do; `undefined` if nothing is needed. */
  readonly remedy?: string;
  /** A script to copy into a shell. */
  readonly script?: string;
}

/** The number of repositories tried before reading counts as failed. */
const MAX_TRIES = 3;

/** Yields each finding as soon as it is known; throws only when aborted. */
async function* checkProvider(
  connection: Connection,
  backstageUrl: string | undefined,
  signal: AbortSignal,
): AsyncGenerator<Finding> {
  let about: Finding['about'] = 'Server';
  try {
    for await (const finding of steps(connection, backstageUrl, signal)) {
      about = finding.about;
      yield finding;
    }
  } catch (error) {
    signal.throwIfAborted();
    const text = describeError(error);
    const isUser = about === 'Server' || error instanceof BitbucketServerCredentialsError;
    yield { status: 'failed', about: isUser ? 'User' : about, text };
  }
}

async function* steps(
  connection: Connection,
  backstageUrl: string | undefined,
  signal: AbortSignal,
): AsyncGenerator<Finding> {
  const { client, config } = connection;
  const server = await client.readServerInfo({ signal });
  if (server.kind === 'found') {
    const { displayName = 'Bitbucket', version } = server.value;
    yield { status: 'ok', about: 'Server', text: `${displayName} ${version} answers` };
    yield assessUser(server.value.userName, connection);
  } else if (server.problem.reason === 'not-permitted') {
    const text = `It does not report its version. ${server.problem.detail}`;
    yield { status: 'warning', about: 'Server', text };
  } else {
    yield failed('Server', server.problem, connection);
    return;
  }
  yield await checkBudget(connection, signal);
  const listing = await listRepositories(config, {
    source: client,
    signal,
    onListed: () => {},
  });
  yield* assessListing(listing, connection);
  if (listing.complete) {
    const filtered = await filterListing([...listing.repositories.values()], {
      ...config,
      source: client,
      signal,
      isHeld: () => false,
    });
    yield* assessFilters(filtered);
    yield* checkReading(filtered, connection, signal);
    const version = server.kind === 'found' ? server.value.version : undefined;
    yield* describeWebhooks(filtered, { connection, version, backstageUrl });
  }
}

function assessUser(userName: string | undefined, connection: Connection): Finding {
  if (userName !== undefined) {
    return { status: 'ok', about: 'User', text: `Signed in as ${userName}` };
  }
  return hasCredentials(connection)
    ? {
        status: 'ok',
        about: 'User',
        text: 'Bitbucket does not name the user (a proxy may have removed the name); the listing shows whether the login works',
      }
    : {
        status: 'warning',
        about: 'User',
        text: 'No credentials are configured: only public repositories can be found',
        remedy: addCredentials(connection),
      };
}

/** One value is enough: an incomplete pair is refused when the configuration is read. */
function hasCredentials({ integration: { token, password } }: Connection): boolean {
  return (token ?? password) !== undefined;
}

function addCredentials({ config }: Connection): string {
  return `Add a token, or username and password, to integrations.bitbucketServer, host ${config.host}.`;
}

async function checkBudget(
  connection: Connection,
  signal: AbortSignal,
): Promise<Finding> {
  const { config, client } = connection;
  await connection.prepare();
  const isAuto = config.rateLimit.kind === 'auto';
  const budget = isAuto
    ? connection.budget()
    : toPreviewedBudget(await client.readRateLimitBudget({ signal }));
  const use =
    isAuto && budget?.kind === 'limited'
      ? `; discovery uses at most ${Math.max(1, Math.floor(budget.capacity * SHARE_OF_CAPACITY))} at once and ${Number((budget.fillRatePerSecond * SHARE_OF_FILL_RATE).toFixed(2))} a second of it`
      : '';
  return { status: 'ok', about: 'Rate limit', text: `${describeBudget(budget)}${use}` };
}

function* assessListing(listing: Listing, connection: Connection): Generator<Finding> {
  const about = 'Listing';
  for (const { projectKey, problem, gone } of listing.problems) {
    const where = projectKey === undefined ? '' : `Project ${projectKey}: `;
    const finding = failed(about, problem, connection);
    yield {
      ...finding,
      status: listing.complete ? 'warning' : 'failed',
      text: `${where}${finding.text}`,
      remedy: gone ? MISSING_PROJECT_REMEDY : finding.remedy,
    };
  }
  if (listing.unreadable > 0) {
    const text = `${formatPlural(listing.unreadable, 'item')} of the listing, not readable as a repository`;
    yield { status: 'warning', about, text };
  }
}

function* assessFilters(filtered: readonly FilteredRepository[]): Generator<Finding> {
  const about = 'Listing';
  const passing = filtered.filter(each => each.outcome === undefined);
  const doubts = filtered.flatMap(({ outcome }) =>
    outcome?.kind === 'unknown' ? [outcome] : [],
  );
  const [doubt] = doubts;
  if (doubt) {
    yield {
      status: 'warning',
      about,
      text: `Whether the filters let ${formatPlural(doubts.length, 'repository', 'repositories')} through is not known: ${doubt.detail}`,
      remedy: explainOutcome('unknown', doubt.reason)?.remedy,
    };
  }
  const text = `${formatPlural(filtered.length, 'repository', 'repositories')} listed, ${passing.length} of them pass the filters`;
  const remedy =
    filtered.length === 0
      ? 'Give the account read permission on the projects, or check `filters.projectKey`.'
      : 'Run `preview` to see which filter excludes which repositories.';
  yield passing.length === 0
    ? { status: 'failed', about, text, remedy }
    : { status: 'ok', about, text };
}

/** Checks one file in a repository that discovery would check. */
async function* checkReading(
  filtered: readonly FilteredRepository[],
  connection: Connection,
  signal: AbortSignal,
): AsyncGenerator<Finding> {
  const { config, client } = connection;
  const candidates = filtered.flatMap(({ repository, outcome }) =>
    outcome === undefined && (repository.state ?? 'AVAILABLE') === 'AVAILABLE'
      ? [repository]
      : [],
  );
  const [first] = config.catalogPaths;
  const path = first?.kind === 'plain' ? first.path : 'catalog-info.yaml';
  let last: Finding | undefined;
  let found: FoundFile | undefined;
  for (const repository of candidates.slice(0, MAX_TRIES)) {
    const lookup = await client.findFile(repository, path, {
      branch: config.branch,
      signal,
    });
    const name = formatAddress(repository);
    if (lookup.kind !== 'unknown') {
      const what = lookup.kind === 'found' ? `has ${path}` : `has no ${path}`;
      const text = `${name} can be read (it ${what})`;
      yield { status: 'ok', about: 'Reading', text };
      found = lookup.kind === 'found' ? { repository, path } : undefined;
      last = undefined;
      break;
    }
    const finding = failed('Reading', lookup.problem, connection);
    last = { ...finding, text: `${name}: ${finding.text}` };
  }
  if (last) {
    yield last;
  }
  const access = await checkCatalogAccess(connection, found, signal);
  if (access) {
    yield { about: 'Catalog', ...access };
  }
}

/** Describes how a project administrator adds webhooks: the account itself may only read. */
function* describeWebhooks(
  filtered: readonly FilteredRepository[],
  { connection, version, backstageUrl }: WebhookAdvice,
): Generator<Finding> {
  const about = 'Webhooks';
  const [major = 0, minor = 0] = (version ?? '').split('.').map(Number);
  if (version !== undefined && (major < 8 || (major === 8 && minor < 8))) {
    const text = `Bitbucket ${version} has no webhooks for projects (8.8 and later do): add one to each repository, as the README describes`;
    yield { status: 'ok', about, text };
    return;
  }
  const script = webhookScript({
    projectKeys: filtered.flatMap(({ repository, outcome }) =>
      outcome === undefined ? [repository.projectKey] : [],
    ),
    apiBaseUrl: connection.integration.apiBaseUrl,
    backstageUrl,
  });
  if (script) {
    const text = `With webhooks, a push reaches the catalog within seconds. This script is for a project administrator, with their own token in BITBUCKET_ADMIN_TOKEN and the secret of events.modules.bitbucketServer in BITBUCKET_WEBHOOK_SECRET:`;
    yield { status: 'ok', about, text, script };
  }
}

/** The data for the advice about webhooks. */
interface WebhookAdvice {
  readonly connection: Connection;
  /** The version of the server, if known. */
  readonly version?: string;
  readonly backstageUrl?: string;
}

function failed(
  about: Finding['about'],
  problem: Problem,
  connection: Connection,
): Finding {
  const { integration } = connection;
  const remedy =
    about === 'Server'
      ? `Check \`apiBaseUrl\` (${integration.apiBaseUrl}), whether Bitbucket runs there, and the network in between: DNS, proxy, firewall, TLS.`
      : findRemedy(problem, about, connection);
  return { status: 'failed', about, text: problem.detail, remedy };
}

function findRemedy(
  { reason }: Problem,
  about: Finding['about'],
  connection: Connection,
): string | undefined {
  if (reason !== 'not-permitted' || about !== 'Listing') {
    return explainOutcome('unknown', reason)?.remedy;
  }
  return hasCredentials(connection)
    ? 'Give the account read permission on the projects.'
    : addCredentials(connection);
}
