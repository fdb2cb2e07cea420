/** Passes files that the catalog's reads found missing to discovery in the same process. */

import { createServiceFactory, createServiceRef } from '@backstage/backend-plugin-api';
import { RepositoryAddress } from '../model';

/** A file that does not exist according to Bitbucket. */
export interface AbsentRead {
  /** The host of the integration. */
  readonly host: string;
  readonly address: RepositoryAddress;
  /** The URL that the catalog requested. */
  readonly url: string;
}

/** Passes reads on; drops them while there is no listener, since the next run checks anyway. */
export class AbsentReads {
  #listener: ((read: AbsentRead) => void) | undefined;

  /** @param listener - must return immediately and not throw */
  listen(listener: (read: AbsentRead) => void): void {
    this.#listener = listener;
  }

  tell(read: AbsentRead): void {
    this.#listener?.(read);
  }
}

/** One instance per plugin, which may contain both the reader of files and the discovery. */
export const absentReadsServiceRef = createServiceRef<AbsentReads>({
  id: 'bitbucket-server.absent-reads',
  scope: 'plugin',
  defaultFactory: async service =>
    createServiceFactory({ service, deps: {}, factory: () => new AbsentReads() }),
});
