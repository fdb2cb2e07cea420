/**
 * Names the anchor: the Location entity that represents a provider in the catalog and
 * lets users start a run manually. The provider layer emits it, the configuration
 * reader ensures that no two providers share one.
 */

import { createHash } from 'node:crypto';

const PREFIX = 'bitbucket-server-';

/** Backstage accepts no longer entity names (catalog-model, `isValidObjectName`). */
const MAX_NAME_LENGTH = 63;
const HASH_LENGTH = 8;

/**
 * Returns the anchor's entity name: `bitbucket-server-<id>`.
 *
 * @remarks Characters that entity names cannot contain become `-`. An id that is too long, or
 * has no allowed character, is identified by eight digits of its SHA-256. The same id
 * always yields the same name. Entity names are compared case-insensitively.
 *
 * @param id - the id of the provider
 */
export function anchorEntityName(id: string): string {
  const readable = id.replace(/[^A-Za-z0-9_.-]+/g, '-').replace(/[^A-Za-z0-9]+$/, '');
  if (readable !== '' && PREFIX.length + readable.length <= MAX_NAME_LENGTH) {
    return PREFIX + readable;
  }
  const hash = createHash('sha256').update(id).digest('hex').slice(0, HASH_LENGTH);
  const room = MAX_NAME_LENGTH - PREFIX.length - HASH_LENGTH - 1;
  const start = readable.slice(0, room);
  return start === '' ? PREFIX + hash : `${PREFIX}${start}-${hash}`;
}
