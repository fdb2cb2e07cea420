/**
 * Publishes changes of repositories to the rest of the catalog as SCM events. Their service is
 * alpha, so nothing else imports it.
 *
 * The catalog compares files by URL, byte for byte, so each file is named in every form in
 * which it can be registered; it compares repositories by the prefix of the URL, which matches
 * all forms, but must not contain a query.
 */

import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import {
  CatalogScmEvent,
  CatalogScmEventsService,
  catalogScmEventsServiceRef,
} from '@backstage/plugin-catalog-node/alpha';
import { z } from 'zod';
import { FileChange, Repository, RepositoryAddress } from '../model';
import { encodeWebPath } from '../bitbucket/webUrls';
import { RestClient } from '../bitbucket/RestClient';
import { Evaluation } from '../discovery/evaluateRepository';
import { PendingRepository, RefChange } from './repositoryChanges';

/** The catalog's service for SCM events. */
export const scmEventsServiceRef = catalogScmEventsServiceRef;
export type ScmEvent = CatalogScmEvent;
export type ScmEvents = Pick<CatalogScmEventsService, 'publish'>;

/** The events that this process has published: the service passes on the same objects. */
const ours = new WeakSet<ScmEvent>();

/**
 * Follows events that other modules publish, for instance about the same server.
 *
 * @param onChange - receives the URLs of files and of whole repositories; must not throw
 */
export function followOthers(
  scmEvents: Pick<CatalogScmEventsService, 'subscribe'>,
  onChange: (urls: readonly string[]) => Promise<void>,
): void {
  scmEvents.subscribe({
    async onEvents(events) {
      const others = events.filter(event => !ours.has(event));
      const urls = others.flatMap(event =>
        'url' in event ? [event.url] : [event.fromUrl, event.toUrl],
      );
      if (urls.length > 0) await onChange(urls);
    },
  });
}

/** With more changed files than this, the event names the repository instead. */
const MAX_FILES = 200;

const NO_COMMIT = /^0+$/;

/** A change of a repository, as far as it is known. */
export interface ScmChange {
  /** The web page of the repository, ending in `/browse`. */
  readonly repositoryUrl: string;
  /** Its former web page, if it was renamed or moved. */
  readonly formerRepositoryUrl?: string;
  readonly kind: 'gone' | 'new' | 'changed';
  readonly files?: {
    readonly changes: readonly FileChange[];
    /** Short name. */
    readonly branch: string;
    /** Whether URLs without a branch refer to this branch. */
    readonly isDefault: boolean;
  };
}

/** Whether the files of the two commits of a push can be compared. */
export function areComparable({ fromHash, toHash, change }: RefChange): boolean {
  return change === 'UPDATE' && !NO_COMMIT.test(fromHash) && !NO_COMMIT.test(toHash);
}

/** Plans the events to publish about one repository. */
export function planScmEvents(change: ScmChange): ScmEvent[] {
  const { kind, repositoryUrl, formerRepositoryUrl, files } = change;
  if (kind === 'gone') {
    return [{ type: 'repository.deleted', url: repositoryUrl }];
  }
  if (kind === 'new') {
    return [{ type: 'repository.created', url: repositoryUrl }];
  }
  if (formerRepositoryUrl !== undefined && formerRepositoryUrl !== repositoryUrl) {
    const urls = { fromUrl: formerRepositoryUrl, toUrl: repositoryUrl };
    return [{ type: 'repository.moved', ...urls }];
  }
  if (!files || files.changes.length > MAX_FILES) {
    return [{ type: 'repository.updated', url: repositoryUrl }];
  }
  const suffixes = [
    ...(files.isDefault ? [''] : []),
    ...[files.branch, `refs/heads/${files.branch}`].flatMap(ref => [
      `?at=${encodeURIComponent(ref)}`,
      // The form in URLs of Bitbucket's own pages.
      ...(ref === encodeURIComponent(ref) ? [] : [`?at=${ref}`]),
    ]),
  ];
  return files.changes.flatMap(file =>
    suffixes.map(suffix => toScmEvent(file, repositoryUrl, suffix)),
  );
}

const TYPES = {
  added: 'location.created',
  modified: 'location.updated',
  deleted: 'location.deleted',
} as const;

function toScmEvent(file: FileChange, repositoryUrl: string, suffix: string): ScmEvent {
  const toUrl = (path: string) => `${repositoryUrl}/${encodeWebPath(path)}${suffix}`;
  return file.kind === 'moved'
    ? {
        type: 'location.moved',
        fromUrl: toUrl(file.formerPath),
        toUrl: toUrl(file.path),
      }
    : { type: TYPES[file.kind], url: toUrl(file.path) };
}

/** Options for {@link ScmEventPublisher}. */
interface ScmEventPublisherOptions {
  readonly scmEvents: ScmEvents;
  /**
   * Whether the catalog acts on changed files: only then they are worth a request.
   */
  readonly perFile: boolean;
  /** `branch` of the provider, which the URLs of its files contain. */
  readonly configuredBranch?: string;
  readonly repositoryUrl: (
    repository: RepositoryAddress & Pick<Repository, 'selfUrl'>,
  ) => string;
}

/** An evaluation to publish, and its causes. */
export interface Publication {
  readonly item: PendingRepository;
  /** The branch of the push, short name; `undefined` for other changes. */
  readonly branch: string | undefined;
  readonly evaluation: Extract<Evaluation, { kind: 'evaluated' }>;
  readonly client: Pick<RestClient, 'getFileChanges'>;
  readonly signal?: AbortSignal;
}

/** Publishes SCM events for one provider. */
export class ScmEventPublisher {
  constructor(private readonly options: ScmEventPublisherOptions) {}

  /** Publishes the events for an evaluation; none for a repository that the filters exclude. */
  async publish(publication: Publication): Promise<void> {
    const { evaluation, item } = publication;
    if (evaluation.result?.outcome.kind === 'excluded') {
      return;
    }
    const { repositoryUrl, scmEvents } = this.options;
    const { movedFrom, repository = item.repository } = evaluation;
    const kind = getKind(publication);
    const change: ScmChange = {
      kind,
      repositoryUrl: repositoryUrl(repository),
      formerRepositoryUrl: movedFrom && repositoryUrl(movedFrom),
      files: kind === 'changed' ? await this.#files(publication) : undefined,
    };
    const events = planScmEvents(change);
    events.forEach(event => ours.add(event));
    await scmEvents.publish(events);
  }

  async #files(publication: Publication): Promise<ScmChange['files']> {
    const { item, branch, client, signal } = publication;
    const [change, ...others] = item.changes;
    if (!this.options.perFile || branch === undefined || others.length > 0) {
      return undefined;
    }
    const refs = change?.type === 'pushed' ? change.refs : [];
    const ref = refs.find(
      ({ kind, refId }) => kind === 'BRANCH' && refId === `refs/heads/${branch}`,
    );
    if (!ref || !areComparable(ref)) {
      return undefined;
    }
    const changes = await client.getFileChanges(item.repository, ref, { signal });
    const isDefault = this.options.configuredBranch === undefined;
    return changes && { changes, branch, isDefault };
  }
}

function getKind({ item, evaluation }: Publication): ScmChange['kind'] {
  if (evaluation.repository === undefined) {
    return 'gone';
  }
  const isNew = item.changes.some(({ type }) => type === 'created' || type === 'forked');
  return isNew ? 'new' : 'changed';
}

// Stryker disable all: its tests need a process in which no other test has loaded a catalog.
const SHARED_PACKAGE = '@backstage/plugin-catalog-node';
const LOADED_CATALOG =
  /^(.*[\\/]@backstage[\\/]plugin-catalog-backend)[\\/](?!.*[\\/]node_modules[\\/])/;
const PACKAGE_JSON = z.object({ version: z.string() });

interface Copy {
  readonly folder: string;
  readonly version: string;
}

function resolveCopy(from: NodeJS.Require): Copy {
  const file = from.resolve(`${SHARED_PACKAGE}/package.json`);
  const content: unknown = from(file);
  return { folder: dirname(file), version: PACKAGE_JSON.parse(content).version };
}

/**
 * Checks whether this module and the catalog plugin load different copies of the package with
 * the service for SCM events.
 *
 * @remarks Compares loaded modules, so the answer holds for any package manager and for the
 * catalog plugin that the backend really uses. Each copy has its own service for SCM events,
 * created by its own default factory, and nothing listens to the second one.
 *
 * @param own - `require` of this module
 * @returns a warning; `undefined` if both load the same copy or that is not known, as in a
 * bundle
 */
export function findSecondCatalogNode(
  own: NodeJS.Require = createRequire(__filename),
): string | undefined {
  try {
    const ours = resolveCopy(own);
    const roots = Object.keys(own.cache).flatMap(
      file => LOADED_CATALOG.exec(file)?.[1] ?? [],
    );
    const theirs = [...new Set(roots)].map(root =>
      resolveCopy(createRequire(`${root}/package.json`)),
    );
    const [second] = theirs;
    if (!second || theirs.some(copy => copy.folder === ours.folder)) {
      return undefined;
    }
    return (
      `${SHARED_PACKAGE} is installed twice: the catalog plugin loads ${second.version} ` +
      `(${second.folder}), this module ${ours.version} (${ours.folder}). SCM events of ` +
      'Bitbucket, on which catalog.scmEvents acts, have no receiver. Run "npm dedupe" or ' +
      `"yarn dedupe". If the older one stays, "npm ls ${SHARED_PACKAGE}" or ` +
      `"yarn why ${SHARED_PACKAGE}" shows what still requires it and has to be updated`
    );
  } catch {
    // The check is only a hint, so its failure does not matter.
    return undefined;
  }
}
