/**
 * What the rest of the catalog is told about a repository, in the terms of the catalog's
 * SCM events, whose service is alpha: nothing else imports it.
 *
 * Files are compared by URL, byte for byte, so each is named in every form in which it can
 * be registered; repositories are compared by the beginning of the URL, which reaches all
 * forms, but must not carry a query.
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

/** What the catalog is told by. */
export const scmEventsServiceRef = catalogScmEventsServiceRef;
export type ScmEvent = CatalogScmEvent;
export type ScmEvents = Pick<CatalogScmEventsService, 'publish'>;

/** What this process has published: the service hands on the same objects. */
const ours = new WeakSet<ScmEvent>();

/**
 * Follows what others publish, as modules for other events of the same server do.
 *
 * @param onChange - told the URLs of files and of whole repositories; does not throw
 */
export function followOthers(
  scmEvents: Pick<CatalogScmEventsService, 'subscribe'>,
  onChange: (urls: readonly string[]) => Promise<void>,
): void {
  scmEvents.subscribe({
    async onEvents(events) {
      const urls = events.filter(one => !ours.has(one)).flatMap(urlsOf);
      if (urls.length > 0) await onChange(urls);
    },
  });
}

function urlsOf(event: ScmEvent): string[] {
  return 'url' in event ? [event.url] : [event.fromUrl, event.toUrl];
}

/** Above this, the repository is named instead of its files. */
const MAX_FILES = 200;

const NO_COMMIT = /^0+$/;

/** What happened to a repository, as far as it was found out. */
export interface ScmChange {
  /** The web page of the repository, ending in `/browse`. */
  readonly repositoryUrl: string;
  /** Its web page before, where it was renamed or moved. */
  readonly formerRepositoryUrl?: string;
  readonly kind: 'gone' | 'new' | 'changed';
  readonly files?: {
    readonly changes: readonly FileChange[];
    /** Short name. */
    readonly branch: string;
    /** Files without a branch in their URL are on this one. */
    readonly isDefault: boolean;
  };
}

/** The two ends of a push, where files can be compared between them. */
export function comparableCommits(
  ref: RefChange,
): { readonly fromHash: string; readonly toHash: string } | undefined {
  const { fromHash, toHash, change } = ref;
  const comparable =
    change === 'UPDATE' && !NO_COMMIT.test(fromHash) && !NO_COMMIT.test(toHash);
  return comparable ? { fromHash, toHash } : undefined;
}

/** Plans what to publish about one repository. */
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
      // In this form Bitbucket's own pages show it.
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
  const urlOf = (path: string) => `${repositoryUrl}/${encodeWebPath(path)}${suffix}`;
  return file.kind === 'moved'
    ? {
        type: 'location.moved',
        fromUrl: urlOf(file.formerPath),
        toUrl: urlOf(file.path),
      }
    : { type: TYPES[file.kind], url: urlOf(file.path) };
}

/** How events are published. */
interface ScmEventPublisherOptions {
  readonly scmEvents: ScmEvents;
  /**
   * Whether the catalog acts on files that changed: only then it is
   * worth a request.
   */
  readonly perFile: boolean;
  /** `branch` of the provider: files on it carry it in their URL. */
  readonly configuredBranch?: string;
  readonly repositoryUrl: (
    repository: RepositoryAddress & Pick<Repository, 'selfUrl'>,
  ) => string;
}

/** What is published. */
export interface Publication {
  readonly item: PendingRepository;
  /** The branch that was pushed to, where that is what happened; short name. */
  readonly branch: string | undefined;
  readonly evaluation: Extract<Evaluation, { kind: 'evaluated' }>;
  readonly client: Pick<RestClient, 'getFileChanges'>;
  readonly signal?: AbortSignal;
}

/** Publishes SCM events for one provider. */
export class ScmEventPublisher {
  constructor(private readonly options: ScmEventPublisherOptions) {}

  /** Publishes what follows from an evaluation; nothing for a repository that the filters leave out. */
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
    const commits = ref && comparableCommits(ref);
    const changes =
      commits && (await client.getFileChanges(item.repository, commits, { signal }));
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
 * Compares by the modules that are loaded: so whatever installed them is asked, and the
 * catalog plugin that the backend really uses. Each copy has a service of its own for SCM
 * events, made by its own default factory, and nothing listens to the second one.
 *
 * @param own - loads what this module loads
 * @returns a warning, or nothing where both load the same copy or it cannot be told, as in
 * a bundle
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
      'Bitbucket, which catalog.scmEvents acts on, reach nobody. Run "npm dedupe" or ' +
      `"yarn dedupe". Where the older one stays, "npm ls ${SHARED_PACKAGE}" or ` +
      `"yarn why ${SHARED_PACKAGE}" tells what still asks for it and has to be updated`
    );
  } catch {
    // Nothing depends on the answer.
    return undefined;
  }
}
