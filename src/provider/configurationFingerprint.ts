/** Fingerprint of a configuration, to notice when runs may find something else. Pure. */

import { createHash } from 'node:crypto';
import { ProviderConfig } from '../config/types';
import { scopeFingerprint } from '../discovery/resume';

/**
 * Returns a fingerprint of the settings that decide what a run finds: server, paths, branch,
 * the maximum number of files per repository, filters, and whether a location parser creates
 * the entities. Schedule, pace, guards and credentials are not part of it.
 *
 * @returns a SHA-256 hash in hexadecimal
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
