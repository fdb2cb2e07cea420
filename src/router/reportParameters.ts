/** Validates the parameters of the HTTP report. Pure. */

import { InputError } from '@backstage/errors';
import { z } from 'zod';
import { RepositoryReport } from '../discovery/report';
import { OUTCOME_KINDS, RepositoryAddress } from '../model';
import { RepositoryPage, RepositoryQuery } from '../store/DiscoveryReport';
import { isStorable } from '../util/text';

/** Repositories per page without the parameter `limit`. */
const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 1_000;

/** Reads no parameters. */
export const NO_PARAMETERS = z.strictObject({});

const onlyTrue = z
  .literal('true')
  .transform(() => true as const)
  .optional()
  .describe('true');

/** Reads which repositories to return. Each description completes an error message. */
export const REPOSITORY_PARAMETERS = z.strictObject({
  outcome: z
    .enum(OUTCOME_KINDS)
    .optional()
    .describe(`one of ${OUTCOME_KINDS.join(', ')}`),
  project: z.string().min(1).refine(isStorable).optional().describe('a project key'),
  /** Only repositories with conflicts. */
  conflicts: onlyTrue,
  /** Only repositories with files that the catalog could not use. */
  errors: onlyTrue,
  limit: wholeNumber(1, MAX_LIMIT, DEFAULT_LIMIT),
  offset: wholeNumber(0, Number.MAX_SAFE_INTEGER, 0),
});

/** The repositories that a request selects. */
export type ReportQuery = z.infer<typeof REPOSITORY_PARAMETERS>;

/** Filters repositories and returns the requested page of them. */
export function selectPage(
  repositories: readonly RepositoryReport[],
  { limit, offset, outcome, project }: RepositoryQuery,
): RepositoryPage {
  const matching = repositories.filter(
    repository =>
      (outcome === undefined || repository.outcome === outcome) &&
      (project === undefined ||
        repository.projectKey.toLowerCase() === project.toLowerCase()),
  );
  return { items: matching.slice(offset, offset + limit), totalItems: matching.length };
}

/**
 * Reads the query of a request, as Express parsed it.
 *
 * @throws InputError that names the parameter
 */
export function readQuery<P extends z.ZodObject<Readonly<Record<string, z.ZodType>>>>(
  parameters: P,
  query: unknown,
): z.infer<P> {
  const { data, error } = parameters.safeParse(query);
  if (!error) {
    return data;
  }
  const { shape } = parameters;
  for (const issue of error.issues) {
    if (issue.code === 'unrecognized_keys') {
      const names = Object.keys(shape).join(', ');
      const instead = names === '' ? 'there are none here' : `there are ${names}`;
      const [unknown] = issue.keys;
      throw new InputError(`Unknown parameter ${JSON.stringify(unknown)}: ${instead}`);
    }
  }
  const name = String(error.issues[0]?.path[0]);
  throw new InputError(
    `Bad parameter "${name}": it has to be ${shape[name]?.description}, given once`,
  );
}

/**
 * Reads the address of the requested repository.
 *
 * @param path - the segments of the path, decoded
 * @throws InputError that names the segment
 */
export function readAddress(path: { key: string; slug: string }): RepositoryAddress {
  const { key, slug } = path;
  for (const [name, segment] of Object.entries({
    'project key': key,
    'repository slug': slug,
  })) {
    if (!isStorable(segment)) {
      throw new InputError(
        `Bad "${name}" in the path: it contains characters that databases refuse`,
      );
    }
  }
  return { projectKey: key, slug };
}

function wholeNumber(min: number, max: number, otherwise: number) {
  return z
    .string()
    .regex(/^\d+$/)
    .transform(Number)
    .refine(value => value >= min && value <= max)
    .default(otherwise)
    .describe(`a whole number from ${min} to ${max}`);
}
