/** What the catalog's reads prove to be gone, told to discovery in the same process. */

import { createServiceFactory, createServiceRef } from '@backstage/backend-plugin-api';
import { RepositoryAddress } from '../model';

/** A file of which Bitbucket has said that it does not exist. */
export interface AbsentRead {
  /** Of the integration. */
  readonly host: string;
  readonly address: RepositoryAddress;
  /** As the catalog asked for it. */
  readonly url: string;
}

/** Passes on what reads find; forgets what nobody listens to: the next run looks anyway. */
export class AbsentReads {
  #listener: ((read: AbsentRead) => void) | undefined;

  /** @param listener - returns at once, and does not throw */
  listen(listener: (read: AbsentRead) => void): void {
    this.#listener = listener;
  }

  tell(read: AbsentRead): void {
    this.#listener?.(read);
  }
}

/** One for all that a plugin has: the reader of files and the discovery may both be installed. */
export const absentReadsServiceRef = createServiceRef<AbsentReads>({
  id: 'bitbucket-server.absent-reads',
  scope: 'plugin',
  defaultFactory: async service =>
    createServiceFactory({ service, deps: {}, factory: () => new AbsentReads() }),
});
