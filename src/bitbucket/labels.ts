/**
 * Questions about labels: which repositories carry one, and which one repository carries.
 *
 * Labels exist since 5.12; a name is 3 to 50 characters of `a-z`, `0-9` and `-`.
 * Source: Bitbucket Data Center 10.0 OpenAPI; javadoc of `LabelService`.
 */

import { LabelsLookup, ListingStep, RepositoryAddress } from '../model';
import { names, unanswered } from './assessReply';
import { list, readPages } from './pages';
import { PageQuery } from './restUrls';
import { AskOptions, Session } from './Session';
import { parseLabeledId, parseLabelName } from './wire';

/** `page.max.repositories` unless an administrator changed it; far more labels than a repository has. */
const LABELS_LIMIT = 1000;

/**
 * The ids of all repositories with a label, as far as the credentials may see them.
 *
 * @remarks A 404 of anything but a missing label may come from a server without labels, or
 * from a proxy.
 * Source: `GET /labels/{labelName}/labeled`, Bitbucket Data Center 10.0 OpenAPI;
 * `NoSuchLabelException` as recorded by Sourcegraph.
 */
export function listLabeled(
  session: Session,
  label: string,
  options: AskOptions,
): AsyncGenerator<ListingStep<number>> {
  return list(
    session,
    {
      kind: 'labels',
      url: page => session.urls.labeled(label, page),
      limit: LABELS_LIMIT,
      parse: parseLabeledId,
      provesGone: answer =>
        answer.status === 404 && names(answer, 'NoSuchLabelException'),
    },
    options,
  );
}

/**
 * The labels of one repository.
 *
 * @remarks Bitbucket's OpenAPI document shows a single label here; the service behind it
 * answers a page, and so do servers.
 * Source: `GET …/repos/{slug}/labels`, Bitbucket Data Center 10.0 OpenAPI;
 * `LabelService.findByLabelable`, javadoc 9.2; scripts that read `values` from it.
 */
export async function getLabels(
  session: Session,
  address: RepositoryAddress,
  options: AskOptions,
): Promise<LabelsLookup> {
  const ask = (page: PageQuery) => {
    const url = session.urls.labels(address, page);
    return session.ask({ kind: 'labels', url }, options);
  };
  const labels: string[][] = [];
  for await (const step of readPages(ask, LABELS_LIMIT)) {
    if (step.kind === 'failed') {
      return step.why;
    }
    const read = step.page.values.flatMap(value => parseLabelName(value) ?? []);
    if (read.length < step.page.values.length) {
      return unanswered(step.answer);
    }
    labels.push(read);
  }
  return { kind: 'found', labels: labels.flat() };
}
