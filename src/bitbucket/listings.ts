/** What there is: repositories, projects, and one repository by its address. */

import {
  ListingStep,
  Project,
  Repository,
  RepositoryAddress,
  RepositoryLookup,
} from '../model';
import { provesRepositoryGone, unanswered } from './assessReply';
import { list } from './pages';
import { AskOptions, Session } from './Session';
import { parseProject, parseRepository } from './wire';

/** `page.max.repositories` is 1000 unless an administrator changed it. */
const COMMON = { limit: 1000, provesGone: provesRepositoryGone };

/** Every repository the credentials may see, archived ones included. */
export function listRepositories(
  session: Session,
  options: AskOptions,
): AsyncGenerator<ListingStep<Repository>> {
  return list(
    session,
    {
      ...COMMON,
      kind: 'repositories',
      url: page => session.urls.repositories(page),
      parse: parseRepository,
    },
    options,
  );
}

/** Every project the credentials may see. */
export function listProjects(
  session: Session,
  options: AskOptions,
): AsyncGenerator<ListingStep<Project>> {
  return list(
    session,
    {
      ...COMMON,
      kind: 'projects',
      url: page => session.urls.projects(page),
      parse: parseProject,
    },
    options,
  );
}

/** The repositories of one project, archived ones included. */
export function listProjectRepositories(
  session: Session,
  projectKey: string,
  options: AskOptions,
): AsyncGenerator<ListingStep<Repository>> {
  return list(
    session,
    {
      ...COMMON,
      kind: 'project-repositories',
      url: page => session.urls.projectRepositories(projectKey, page),
      parse: parseRepository,
    },
    options,
  );
}

/** One repository by its address; the answer tells where it is now. */
export async function getRepository(
  session: Session,
  address: RepositoryAddress,
  options: AskOptions,
): Promise<RepositoryLookup> {
  const url = session.urls.repository(address);
  const answer = await session.ask({ kind: 'repository', url }, options);
  if (answer.kind === 'unknown') {
    return answer;
  }
  if (provesRepositoryGone(answer)) {
    const doubt = await session.doubtAbsence(answer, options);
    return doubt ? { kind: 'unknown', problem: doubt } : { kind: 'gone' };
  }
  const repository = answer.read(parseRepository);
  return repository ? { kind: 'found', repository } : unanswered(answer);
}
