/** Requests for repositories, projects, one repository by its address, and labels. */

import {
  LabelsLookup,
  ListingStep,
  Project,
  Repository,
  RepositoryAddress,
  RepositoryLookup,
} from '../model';
import { Answer } from './Answer';
import { hasException, provesRepositoryGone, unanswered } from './assessReply';
import { ReadPage, list, ListOptions, PAGE_LIMITS, readAll } from './pages';
import { PageQuery } from './restUrls';
import { RequestOptions, Session } from './Session';
import {
  LabeledId,
  LabelName,
  parse,
  ProjectRow,
  readRepository,
  RepositoryRow,
} from './wire';

/** Lists every repository the credentials may see, archived ones included. */
export function listRepositories(
  session: Session,
  options: ListOptions = {},
): AsyncGenerator<ListingStep<Repository>> {
  const url = (page: PageQuery) => session.urls.repositories(page);
  return list(session, { kind: 'repositories', url, read: readRepository }, options);
}

/** Lists every project the credentials may see. */
export function listProjects(
  session: Session,
  options: RequestOptions = {},
): AsyncGenerator<ListingStep<Project>> {
  const url = (page: PageQuery) => session.urls.projects(page);
  const read = (row: unknown) => parse(ProjectRow, row);
  return list(session, { kind: 'projects', url, read }, options);
}

/** Lists the repositories of one project, archived ones included. */
export function listProjectRepositories(
  session: Session,
  projectKey: string,
  options: ListOptions = {},
): AsyncGenerator<ListingStep<Repository>> {
  const url = (page: PageQuery) => session.urls.projectRepositories(projectKey, page);
  return list(
    session,
    { kind: 'project-repositories', url, read: readRepository },
    options,
  );
}

/** Reads one repository by its address; the result has its current address. */
export async function getRepository(
  session: Session,
  address: RepositoryAddress,
  options: RequestOptions = {},
): Promise<RepositoryLookup> {
  const url = session.urls.repository(address);
  const answer = await session.send({ kind: 'repository', url }, options);
  if (answer.kind === 'unknown') {
    return answer;
  }
  if (provesRepositoryGone(answer)) {
    const doubt = await session.doubtAbsence(answer, options);
    return doubt ? { kind: 'unknown', problem: doubt } : { kind: 'gone' };
  }
  const repository = answer.read(RepositoryRow);
  return repository ? { kind: 'found', repository } : unanswered(answer);
}

/**
 * Lists the ids of all repositories with a label that the credentials may see.
 *
 * @remarks Labels exist since 5.12. A 404 for anything but a missing label may come from a
 * server without labels, or from a proxy.
 * Source: `GET /labels/{labelName}/labeled`, Bitbucket Data Center 10.0 OpenAPI;
 * `NoSuchLabelException` as recorded by Sourcegraph.
 */
export function listLabeled(
  session: Session,
  label: string,
  options: RequestOptions = {},
): AsyncGenerator<ListingStep<number>> {
  const url = (page: PageQuery) => session.urls.labeled(label, page);
  const provesGone = (answer: Answer) =>
    answer.status === 404 && hasException(answer, 'NoSuchLabelException');
  const read = (row: unknown) => parse(LabeledId, row);
  return list(session, { kind: 'labels', url, read, provesGone }, options);
}

/**
 * Reads the labels of one repository.
 *
 * @remarks Bitbucket's OpenAPI document shows a single label here; the service behind it
 * returns a page, and so do real servers.
 * Source: `GET …/repos/{slug}/labels`, Bitbucket Data Center 10.0 OpenAPI;
 * `LabelService.findByLabelable`, javadoc 9.2; scripts that read `values` from it.
 */
export async function getLabels(
  session: Session,
  address: RepositoryAddress,
  options: RequestOptions = {},
): Promise<LabelsLookup> {
  const readPage: ReadPage = (page, { isTimeoutFinal }) => {
    const url = session.urls.labels(address, page);
    return session.send({ kind: 'labels', url, isTimeoutFinal }, options);
  };
  const read = await readAll(readPage, PAGE_LIMITS, row => parse(LabelName, row));
  return read.kind === 'all' ? { kind: 'found', labels: read.rows } : read.why;
}
