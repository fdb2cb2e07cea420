/**
 * What a run says in the log: one INFO line that sums it up, progress while it takes
 * long, WARN for what somebody should act on, DEBUG for each repository.
 */

import { LoggerService } from '@backstage/backend-plugin-api';
import { FailingRepository } from '../catalog/CatalogReporter';
import { ProviderConfig } from '../config/types';
import { Conflict, findDuplicateEntities } from '../conflicts/describeConflicts';
import { Run } from '../discovery/performRun';
import { describeSummary } from '../discovery/summarizeRun';
import { DiscoveryProgress, RepositoryResult } from '../discovery/types';
import { Clock, forEachInTurns } from '../util/clock';
import { formatAddress, listExamples, quote } from '../util/text';
import { describeFailure } from './DiscoveryRunError';
import { providerName } from './locationEntities';
import { RequestCounts } from './RequestMeter';

/** A run that takes longer says how far it is, this often. */
const PROGRESS_INTERVAL_MS = 5_000;

/** Writes the log of one provider's runs. */
export class RunLog {
  readonly #logger: LoggerService;
  readonly #config: ProviderConfig;
  readonly #clock: Pick<Clock, 'now'>;
  #lastProgressMs = 0;

  constructor(logger: LoggerService, config: ProviderConfig, clock: Pick<Clock, 'now'>) {
    this.#logger = logger.child({ provider: providerName(config.id), host: config.host });
    this.#config = config;
    this.#clock = clock;
  }

  startedAtOnce(reason: string): void {
    this.#logger.info(`Discovery runs at once, ahead of its schedule: ${reason}`);
  }

  started(): void {
    this.#lastProgressMs = this.#clock.now();
    this.#logger.debug('Discovery starts');
  }

  progressed(progress: DiscoveryProgress): void {
    const nowMs = this.#clock.now();
    if (nowMs - this.#lastProgressMs < PROGRESS_INTERVAL_MS) {
      return;
    }
    this.#lastProgressMs = nowMs;
    this.#logger.info(
      progress.kind === 'listing'
        ? `Discovery goes on: ${progress.listed} repositories listed`
        : `Discovery goes on: ${progress.checked} of ${progress.total} repositories looked at`,
    );
  }

  stateUnreadable(error: unknown): void {
    this.#logger.warn(
      `What the catalog holds could not be read, so this run removes nothing: ${error}`,
    );
  }

  catalogErrorsUnreadable(error: unknown): void {
    this.#logger.warn(
      `Which files the catalog could not read is not known, so this run looks only at what is due: ${error}`,
    );
  }

  reassertFailed(error: unknown): void {
    this.#logger.warn(
      `What another provider has released could not be given to the catalog, which the next run does: ${error}`,
    );
  }

  checkpointFailed(error: unknown): void {
    this.#logger.warn(`What the run learned so far could not be kept: ${error}`);
  }

  recordFailed(error: unknown): void {
    this.#logger.warn(`The record of the run could not be kept: ${error}`);
  }

  heldBack(reason: string): void {
    const path = this.#reportPath;
    this.#logger.warn(
      `Removals are held back: ${reason}. GET ${path} lists them; to have them removed now, POST ${path}/removals/approve`,
    );
  }

  get #reportPath(): string {
    return `/api/catalog/bitbucket-server/discoveries/${encodeURIComponent(this.#config.id)}`;
  }

  /** One line, however many there are. */
  conflicts(conflicts: readonly Conflict[]): void {
    if (conflicts.length === 0) {
      return;
    }
    for (const one of conflicts) {
      this.#logger.debug(`${one.explanation} ${one.remedy}`);
    }
    const examples = listExamples(conflicts, one => one.explanation, ' ');
    this.#logger.warn(
      `${entitiesAre(conflicts.length)} claimed by two sides: ${examples}`,
    );
  }

  conflictsUnreadable(error: unknown): void {
    this.#logger.warn(
      `Whether the catalog has taken everything could not be found out: ${error}`,
    );
  }

  /** @param problem - cause and remedy, in sentences */
  accessProblem(problem: string): void {
    this.#logger.warn(problem);
  }

  webhooksNotKept(error: unknown): void {
    this.#logger.warn(`Which changes no webhook had announced is not counted: ${error}`);
  }

  /**
   * One line, however many there are; none where none is new.
   *
   * @param fresh - of which something is new
   * @param total - how many repositories have errors altogether
   */
  catalogErrors(fresh: readonly FailingRepository[], total: number): void {
    if (fresh.length === 0) {
      return;
    }
    const examples = listExamples(fresh, ({ report, errors: [first] }) => {
      const { projectKey, repositorySlug: slug } = report;
      const text = first ? `${quote(first.message, 200)} ${first.remedy}` : '';
      return `${formatAddress({ projectKey, slug })}: ${text}`;
    });
    const repositories = total === 1 ? '1 repository' : `${total} repositories`;
    this.#logger.warn(
      `The catalog could not use everything of ${repositories}, ${fresh.length} of them with new errors: ${examples} GET ${this.#reportPath}/repositories?errors=true lists them`,
    );
  }

  approved(count: number): void {
    this.#logger.info(
      `${count} removals that were held back are approved and carried out`,
    );
  }

  async finished(run: Run, requests: RequestCounts): Promise<void> {
    await forEachInTurns(run.result.repositories, one =>
      this.#logger.debug(describeRepository(one)),
    );
    this.#warnAboutListing(run);
    this.#warnAboutReassignedIds(run);
    this.#warnAboutUnknown(run);
    this.#warnAboutDuplicates(run);
    if (run.reconciliation.heldBackReason) {
      this.heldBack(run.reconciliation.heldBackReason);
    }
    const seconds = (run.finishedAtMs - run.startedAtMs) / 1000;
    const head = run.failure
      ? `Discovery failed after ${seconds} s: ${describeFailure(run.failure, this.#config.host)}`
      : `Discovery finished in ${seconds} s with ${requests.total} requests:`;
    const message = `${head} ${describeSummary(run.summary)}`;
    const { reasons: _, ...counts } = run.summary;
    this.#logger.info(message, {
      ...counts,
      requests: requests.total,
      retries: requests.retries,
      rateLimited: requests.rateLimited,
      durationSeconds: seconds,
    });
  }

  #warnAboutListing({ result, failure }: Run): void {
    if (failure) {
      return;
    }
    for (const { projectKey, problem, gone } of result.listing.problems) {
      this.#logger.warn(
        gone
          ? `Project ${projectKey} does not exist: ${problem.detail}`
          : `Project ${projectKey} could not be listed, so its repositories stay as they are: ${problem.detail}`,
      );
    }
    if (result.listing.unreadable > 0) {
      this.#logger.warn(
        `${result.listing.unreadable} items of the listing are not readable as repositories and were passed over`,
      );
    }
  }

  /** What they had in the catalog stays until Bitbucket says, of each by its name, that it is gone. */
  #warnAboutReassignedIds({ result }: Run): void {
    const { reassigned = [] } = result;
    if (reassigned.length === 0) {
      return;
    }
    const now = new Map(result.repositories.map(one => [one.repository.id, one]));
    const examples = listExamples(reassigned, one => {
      const other = now.get(one.repositoryId);
      return `${formatAddress(one)}${other ? `, now ${formatAddress(other.repository)}` : ''}`;
    });
    this.#logger.warn(
      `The ids of ${reassigned.length} known repositories belong to repositories of another name and project now (${examples}). Unless those were moved and renamed, another server answers at ${this.#config.host}: check apiBaseUrl`,
    );
  }

  #warnAboutUnknown({ result, summary, failure }: Run): void {
    if (summary.unknown === 0 || failure) {
      return;
    }
    const all = result.repositories.filter(one => one.outcome.kind === 'unknown');
    const unknown = all.filter(one => !hasTooManyFiles(one));
    const overfull = all.filter(hasTooManyFiles);
    if (overfull.length > 0) {
      this.#logger.warn(
        `${listExamples(overfull, describeRepository)}. What the catalog has of them stays, and nothing new is added: narrow catalogPath, or raise maxFilesPerRepository`,
      );
    }
    if (unknown.length > 0) {
      this.#logger.warn(
        `${unknown.length} repositories could not be looked at and stay as they are: ${listExamples(unknown, describeRepository)}`,
      );
    }
  }

  #warnAboutDuplicates({ result }: Run): void {
    const duplicates = findDuplicateEntities(result.repositories);
    if (duplicates.length === 0) {
      return;
    }
    const examples = listExamples(
      duplicates,
      ({ key, repositories }) =>
        `${key} by ${listExamples(repositories, formatAddress, ', ')}`,
    );
    this.#logger.warn(
      `${entitiesAre(duplicates.length)} given by more than one repository, and in the catalog from the last of them: ${examples}`,
    );
  }
}

function hasTooManyFiles({ outcome }: RepositoryResult): boolean {
  return outcome.kind === 'unknown' && outcome.reason === 'too-many-files';
}

function entitiesAre(count: number): string {
  return count === 1 ? '1 entity is' : `${count} entities are`;
}

/** `PAY/api absent: no-catalog-file` */
function describeRepository({ repository, outcome }: RepositoryResult): string {
  const name = formatAddress(repository);
  switch (outcome.kind) {
    case 'registered':
      return `${name} registered: ${outcome.files.map(file => quote(file.path)).join(', ')}`;
    case 'unknown':
      return `${name} unknown: ${outcome.reason} (${outcome.detail})`;
    default:
      return `${name} ${outcome.kind}: ${outcome.reason}`;
  }
}
