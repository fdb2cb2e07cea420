/**
 * What the rest of the catalog is told about a repository, in the terms of the catalog's
 * SCM events. Pure.
 *
 * Files are compared by URL, byte for byte, so each is named in every form in which it can
 * be registered; repositories are compared by the beginning of the URL, which reaches all
 * forms, but must not carry a query.
 */

import { FileChange } from '../model';
import { encodeWebPath } from '../bitbucket/webUrls';
import { RefChange } from './repositoryChanges';
import { ScmEvent } from './scmEventsService';

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
