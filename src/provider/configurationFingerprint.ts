/** Tells whether a provider looks for the same as before. Pure. */

import { createHash } from 'node:crypto';
import { ProviderConfig } from '../config/types';
import { scopeFingerprint } from '../discovery/resume';

/**
 * What of a configuration decides what a run finds: server, paths, branch, how many files
 * of a repository, filters, and whether a location parser makes the entities. Schedule, pace
 * and guards are not part of it, nor are credentials.
 *
 * @returns a short text that is the same for the same
 */
export function configurationFingerprint(
  config: ProviderConfig,
  isParsed: boolean,
): string {
  const { filters, maxFilesPerRepository } = config;
  const scope = scopeFingerprint({ ...config, isParsed });
  return createHash('sha256')
    .update(JSON.stringify([scope, maxFilesPerRepository, filters]))
    .digest('hex');
}
