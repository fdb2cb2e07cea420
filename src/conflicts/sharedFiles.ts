/** Files that several providers of one configuration would register, before they do. Pure. */

import { REMEDY_FOR_PROVIDERS } from './describeConflicts';
import { RepositoryReport } from '../discovery/report';

/** What one provider would register. */
export interface ProviderFiles {
  readonly providerId: string;
  readonly repositories: readonly Pick<
    RepositoryReport,
    'projectKey' | 'repositorySlug' | 'files'
  >[];
}

/** A file that several providers would register: the catalog takes it from one of them. */
export interface SharedFile {
  /** As in the HTTP report, for what a provider gives the catalog itself. */
  readonly kind: 'location';
  readonly projectKey: string;
  readonly repositorySlug: string;
  readonly path: string;
  readonly targetUrl: string;
  /** In the order of the configuration, two or more. */
  readonly providerIds: readonly string[];
  /** All sides, in a sentence. */
  readonly explanation: string;
  readonly remedy: string;
}

/** @returns in the order in which the first of their providers lists them */
export function findSharedFiles(providers: readonly ProviderFiles[]): SharedFile[] {
  const claims = new Map<string, Omit<SharedFile, 'explanation'>>();
  for (const { providerId, repositories } of providers) {
    for (const { projectKey, repositorySlug, files } of repositories) {
      for (const { path, targetUrl } of files) {
        const ids = claims.get(targetUrl)?.providerIds ?? [];
        claims.set(targetUrl, {
          kind: 'location',
          projectKey,
          repositorySlug,
          path,
          targetUrl,
          providerIds: [...new Set([...ids, providerId])],
          remedy: REMEDY_FOR_PROVIDERS,
        });
      }
    }
  }
  return [...claims.values()]
    .filter(one => one.providerIds.length > 1)
    .map(one => ({ ...one, explanation: explain(one) }));
}

function explain({
  path,
  projectKey,
  repositorySlug,
  providerIds,
}: Omit<SharedFile, 'explanation'>): string {
  const last = providerIds.at(-1);
  const names = `${providerIds.slice(0, -1).join(', ')} and ${last}`;
  return `${path} of ${projectKey}/${repositorySlug} would be registered by the providers ${names}. The catalog takes it from the one that comes first.`;
}
