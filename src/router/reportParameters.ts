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

const Query = z.record(z.string(), z.unknown());

/** The schema of a parameter, and its description in error messages. */
interface Parameter<T> {
  readonly schema: z.ZodType<T>;
  readonly expected: string;
}

const REPOSITORY_PARAMETERS = {
  outcome: {
    schema: z.enum(OUTCOME_KINDS),
    expected: `one of ${OUTCOME_KINDS.join(', ')}`,
  },
  project: { schema: z.string().min(1).refine(isStorable), expected: 'a project key' },
  conflicts: onlyTrue(),
  errors: onlyTrue(),
  limit: wholeNumber(1, MAX_LIMIT),
  offset: wholeNumber(0, Number.MAX_SAFE_INTEGER),
};

/** The repositories that a request selects. */
export interface ReportQuery extends RepositoryQuery {
  /** Only repositories with conflicts. */
  readonly conflicts?: true;
  /** Only repositories with files that the catalog could not use. */
  readonly errors?: true;
}

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
 * Reads the query for repositories.
 *
 * @param query - the query of the request, as Express parsed it
 * @throws InputError that names the parameter
 */
export function readRepositoryQuery(query: unknown): ReportQuery {
  const parameters = refuseUnknown(query, Object.keys(REPOSITORY_PARAMETERS));
  const { outcome, project, conflicts, errors, limit, offset } = REPOSITORY_PARAMETERS;
  return {
    outcome: read('outcome', parameters.outcome, outcome),
    project: read('project', parameters.project, project),
    conflicts: read('conflicts', parameters.conflicts, conflicts),
    errors: read('errors', parameters.errors, errors),
    limit: read('limit', parameters.limit, limit) ?? DEFAULT_LIMIT,
    offset: read('offset', parameters.offset, offset) ?? 0,
  };
}

/**
 * Reads the address of the requested repository.
 *
 * @param path - the segments of the path, decoded
 * @throws InputError that names the segment
 */
export function readAddress({
  key,
  slug,
}: {
  key: string;
  slug: string;
}): RepositoryAddress {
  for (const [name, segment] of [
    ['project key', key],
    ['repository slug', slug],
  ] as const) {
    if (!isStorable(segment)) {
      throw new InputError(
        `Bad "${name}" in the path: it contains characters that databases refuse`,
      );
    }
  }
  return { projectKey: key, slug };
}

/**
 * Refuses all parameters, for routes that have none.
 *
 * @throws InputError that names the first parameter
 */
export function readNoParameters(query: unknown): void {
  refuseUnknown(query, []);
}

function refuseUnknown(
  query: unknown,
  known: readonly string[],
): Readonly<Record<string, unknown>> {
  const parameters = Query.parse(query);
  const unknown = Object.keys(parameters).find(name => !known.includes(name));
  if (unknown !== undefined) {
    const instead =
      known.length === 0 ? 'there are none here' : `there are ${known.join(', ')}`;
    throw new InputError(`Unknown parameter ${JSON.stringify(unknown)}: ${instead}`);
  }
  return parameters;
}

/** @param value - a string; a list or an object if the parameter was given more than once */
function read<T>(name: string, value: unknown, parameter: Parameter<T>): T | undefined {
  if (value === undefined) {
    return undefined;
  }
  const parsed = parameter.schema.safeParse(value);
  if (!parsed.success) {
    throw new InputError(
      `Bad parameter "${name}": it has to be ${parameter.expected}, given once`,
    );
  }
  return parsed.data;
}

function onlyTrue(): Parameter<true> {
  return {
    schema: z.literal('true').transform(() => true as const),
    expected: 'true',
  };
}

function wholeNumber(smallest: number, largest: number): Parameter<number> {
  return {
    schema: z
      .string()
      .regex(/^\d+$/)
      .transform(Number)
      .refine(value => value >= smallest && value <= largest),
    expected: `a whole number from ${smallest} to ${largest}`,
  };
}
