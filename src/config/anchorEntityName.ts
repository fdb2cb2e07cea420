/**
 * Names the anchor: the Location entity that stands for a provider in the catalog and
 * is the handle for starting a run by hand. The provider layer emits it, the
 * configuration reader makes sure that no two providers share one.
 */

import { createHash } from 'node:crypto';

const PREFIX = 'bitbucket-server-';

/** Backstage takes no longer entity name (catalog-model, `isValidObjectName`). */
const MAX_NAME_LENGTH = 63;
const HASH_LENGTH = 8;

/**
 * Makes the anchor's entity name: `bitbucket-server-<id>`.
 *
 * @remarks Characters that no entity name may hold become `-`. An id that is too long, or
 * holds none that may stay, is told apart by eight digits of its SHA-256. The same id
 * always yields the same name. Entity names are compared without regard to case.
 *
 * @param id - the provider's
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
