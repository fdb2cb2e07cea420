/**
 * Explains each outcome and its remedy for users who ask why a repository is missing.
 * Pure. The command line, its HTML page, the HTTP report and the README show the same
 * texts.
 */

import { AbsenceReason, ExclusionReason, OutcomeKind, UnknownReason } from '../model';

/** Cause and remedy of an outcome, each in one or two sentences of plain text. */
export interface Explanation {
  readonly cause: string;
  readonly remedy: string;
}

/** The remedy if Bitbucket reports that a listed project does not exist. */
export const MISSING_PROJECT_REMEDY =
  'Take the key out of `filters.projectKey`, or correct it.';

const NO_ENTITY = 'None. If no entity shows up, `catalog` in the report says why';

/** The remedy for a registered repository where `--against` was already given. */
export const REGISTERED_REMEDY_WITH_CATALOG = `${NO_ENTITY}.`;

const REGISTERED: Explanation = {
  cause: 'The file exists, or is not checked.',
  remedy: `${NO_ENTITY}, and so does \`--against\`.`,
};

const NO_FILE = 'Bitbucket reports that the file does not exist';

/** For a repository that is registered only because its removal is held back. */
const HELD_BACK: Explanation = {
  cause:
    'Discovery found that it no longer belongs in the catalog, for instance because the repository was deleted. The removal is held back.',
  remedy:
    'Approve the removal, wait for `removals.holdFor`, or undo the change that caused it.',
};

const EXPLANATIONS: Readonly<
  Record<ExclusionReason | AbsenceReason | UnknownReason, Explanation>
> = {
  'project-key': {
    cause: 'The project key does not match `filters.projectKey`.',
    remedy: 'Change the pattern.',
  },
  'repo-slug': {
    cause: 'The slug does not match `filters.repoSlug`.',
    remedy: 'Change the pattern.',
  },
  'excluded-by-pattern': {
    cause: 'A pattern under `filters.exclude` matches.',
    remedy: 'Change the pattern; exclusion wins.',
  },
  archived: {
    cause: 'The repository is archived and `filters.skipArchivedRepos` is on.',
    remedy: 'Unarchive it, or switch the filter off.',
  },
  fork: {
    cause: 'It is a fork and `filters.skipForkedRepos` is on.',
    remedy: 'Switch the filter off.',
  },
  personal: {
    cause: 'It lives in a personal project.',
    remedy: 'Set `filters.personalRepos: true`.',
  },
  visibility: {
    cause: 'It does not have the visibility that `filters.visibility` requires.',
    remedy: 'Change the filter.',
  },
  label: {
    cause: 'It carries none of `filters.labels`, or one of `filters.exclude.labels`.',
    remedy: 'Change its labels in Bitbucket, or the filter; exclusion wins.',
  },
  'no-catalog-file': {
    cause: `${NO_FILE}, or a custom location parser returned no entity for it.`,
    remedy: 'Add it on the right branch, or change `catalogPath`.',
  },
  'empty-repository': {
    cause: 'Nothing was ever pushed.',
    remedy: 'Push something.',
  },
  'branch-not-found': {
    cause:
      'The default branch, or `branch`, does not exist there. Some servers report the same for a repository to which nothing was ever pushed.',
    remedy:
      'If the repository is empty, push something. Otherwise set its default branch in Bitbucket, or change `branch`.',
  },
  'rate-limited': {
    cause: "Bitbucket's rate limit refused the request repeatedly.",
    remedy: "Lower `rateLimit`, or raise the account's limit in Bitbucket.",
  },
  'server-error': {
    cause: 'Bitbucket failed, or could not be reached.',
    remedy: 'Check Bitbucket; the next run tries again.',
  },
  timeout: {
    cause: 'Bitbucket did not answer in time.',
    remedy:
      'Raise `requestTimeout`, or check Bitbucket. Plain paths in `catalogPath` need no list of all files.',
  },
  'not-permitted': {
    cause: 'The account may list the repository but not read it.',
    remedy: 'Give it repository read.',
  },
  'unexpected-answer': {
    cause:
      "The answer was not a complete answer of Bitbucket, but for example a login page, a proxy's error or a truncated document, or it exceeded the size limit.",
    remedy:
      'Check `apiBaseUrl` and what stands between Backstage and Bitbucket. Plain paths in `catalogPath` need no list of all files.',
  },
  'parser-failed': {
    cause: 'The custom location parser of this backend failed on it.',
    remedy: 'Read the detail, and fix the parser or the file that it read.',
  },
  'too-many-files': {
    cause: 'More files match `catalogPath` than `maxFilesPerRepository` allows.',
    remedy: 'Narrow `catalogPath`, or raise `maxFilesPerRepository`.',
  },
  'not-available': {
    cause: 'The repository is being created or imported, or is offline.',
    remedy: 'Wait, or check it in Bitbucket.',
  },
  'not-checked': {
    cause:
      'The run ended before it checked the repository, or before the listing reached it.',
    remedy:
      'None: the next run continues there. If runs keep ending like this, raise `schedule.timeout`.',
  },
};

const BY_CODE: ReadonlyMap<string, Explanation> = new Map(Object.entries(EXPLANATIONS));

/**
 * Explains an outcome.
 *
 * @param reason - the code; omitted for a registered repository
 * @param isHeld - whether the removals of all of its Locations are held back
 * @returns `undefined` for an unknown code
 */
export function explainOutcome(
  outcome: OutcomeKind,
  reason?: string,
  isHeld = false,
): Explanation | undefined {
  if (outcome === 'registered') {
    return isHeld ? HELD_BACK : REGISTERED;
  }
  return BY_CODE.get(reason ?? '');
}

/** Explains an outcome where no location parser is at work, as on the command line. */
export function explainWithoutParser(
  outcome: OutcomeKind,
  reason?: string,
): Explanation | undefined {
  const explanation = explainOutcome(outcome, reason);
  return explanation && reason === 'no-catalog-file'
    ? { ...explanation, cause: `${NO_FILE}.` }
    : explanation;
}
