/** Checks whether the catalog can read the discovered files, with the catalog's own credentials. */

import { getBitbucketServerFileFetchUrl } from '@backstage/integration';
import { unanswered } from '../bitbucket/assessReply';
import { Repository } from '../model';
import { createCatalogClients, findAccessProblem } from '../provider/createClient';
import { formatAddress } from '../util/text';
import { describeError } from './terminal';
import { Connection } from './connections';

/** A file that discovery would register. */
export interface FoundFile {
  readonly repository: Repository;
  readonly path: string;
}

/** The result of the check. */
interface CatalogAccessFinding {
  readonly status: 'ok' | 'failed';
  readonly text: string;
  readonly remedy?: string;
}

/**
 * Logs in and reads one file as the catalog does: with the integration that it picks by the
 * host of the target, and with the credentials of that integration.
 *
 * @param file - `undefined` if no file was found to try
 * @returns `undefined` if there was no file to try and no problem was found
 */
export async function checkCatalogAccess(
  { access, client, config }: Connection,
  file: FoundFile | undefined,
  signal: AbortSignal,
): Promise<CatalogAccessFinding | undefined> {
  const problem = await findAccessProblem(access, signal);
  if (problem !== undefined) {
    return { status: 'failed', text: problem };
  }
  if (!file) {
    return undefined;
  }
  const { repository, path } = file;
  const target = client.fileUrl(repository, path, config.branch);
  const url = getBitbucketServerFileFetchUrl(target, access.catalogIntegration);
  const name = `${path} of ${formatAddress(repository)}`;
  const place = `integrations.bitbucketServer, host ${config.host}`;
  try {
    const reader = createCatalogClients(access).create();
    const answer = await reader.send({ kind: 'file-content', url }, { signal });
    if (answer.kind === 'answer' && answer.status === 200) {
      return { status: 'ok', text: `It can read ${name} (${place})` };
    }
    const why = (answer.kind === 'answer' ? unanswered(answer) : answer).problem.detail;
    return {
      status: 'failed',
      text: `It cannot read ${name}, which discovery found (${place}): ${why}`,
      remedy: `Give the account of ${place}, read permission on the same repositories: the catalog uses no other.`,
    };
  } catch (error) {
    signal.throwIfAborted();
    return { status: 'failed', text: describeError(error) };
  }
}
