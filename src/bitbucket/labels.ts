/**
 * Questions about labels: which repositories carry one, and which one repository carries.
 *
 * Labels exist since 5.12; a name is 3 to 50 characters of `a-z`, `0-9` and `-`.
 * Source: Bitbucket Data Center 10.0 OpenAPI; javadoc of `LabelService`.
 */

import { LabelsLookup, ListingStep } from '../model';
import { HttpReply } from '../http/types';
import { names, problemOf } from './assessReply';
import { readPages } from './pages';
import { PageQuery } from './restUrls';
import { AskOptions, Session } from './Session';
import { parseLabeledId, parseLabelName } from './wire';

type PageUrl = (page: PageQuery) => string;

/** `page.max.repositories` unless an administrator changed it. */
const LABELED_LIMIT = 1000;

/** Far more than a repository has. */
const LABELS_LIMIT = 1000;

/**
 * The ids of all repositories with a label, as far as the credentials may see them.
 *
 * @remarks Like any listing it is shorter for a stranger, so who asks is made sure of.
 * Source: `GET /labels/{labelName}/labeled`, Bitbucket Data Center 10.0 OpenAPI;
 * `NoSuchLabelException` as recorded by Sourcegraph.
 */
export async function* listLabeled(
  session: Session,
  urlOf: PageUrl,
  options: AskOptions,
): AsyncGenerator<ListingStep<number>> {
  const ask = (page: PageQuery) =>
    session.askForListing({ kind: 'labels', url: urlOf(page) }, options);
  for await (const step of readPages(ask, LABELED_LIMIT)) {
    if (step.kind === 'failed') {
      const { reply } = step;
      const isGone = reply !== undefined && provesNoSuchLabel(reply);
      const doubt = isGone && (await session.doubtAbsence(reply, options));
      const problem = doubt || step.problem;
      yield { kind: 'failed', problem, notServed: false, gone: isGone && !doubt };
      return;
    }
    const { values } = step.page;
    const items = values.flatMap(value => parseLabeledId(value) ?? []);
    yield { kind: 'items', items, unreadable: values.length - items.length };
  }
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
  urlOf: PageUrl,
  options: AskOptions,
): Promise<LabelsLookup> {
  const ask = (page: PageQuery) =>
    session.ask({ kind: 'labels', url: urlOf(page) }, options);
  const labels: string[] = [];
  for await (const step of readPages(ask, LABELS_LIMIT)) {
    if (step.kind === 'failed') {
      return { kind: 'unknown', problem: step.problem };
    }
    const read = step.page.values.flatMap(value => parseLabelName(value) ?? []);
    if (read.length < step.page.values.length) {
      return { kind: 'unknown', problem: problemOf(step.reply) };
    }
    labels.push(...read);
  }
  return { kind: 'found', labels };
}

/** A 404 of anything else may come from a server without labels, or from a proxy. */
function provesNoSuchLabel(reply: HttpReply): boolean {
  return reply.status === 404 && names(reply, 'NoSuchLabelException');
}
