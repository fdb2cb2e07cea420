/**
 * What each outcome means and what to do about it, in words for whoever asks why a
 * repository is missing. Pure. The command line, its page, the HTTP report and the README
 * say the same.
 */

import { AbsenceReason, ExclusionReason, OutcomeKind, UnknownReason } from '../model';

/** Cause and remedy of an outcome, each one or two sentences of plain text. */
export interface Explanation {
  readonly cause: string;
  readonly remedy: string;
}

/** What to do where Bitbucket says that a listed project does not exist. */
export const MISSING_PROJECT_REMEDY =
  'Take the key out of `filters.projectKey`, or correct it.';

const REGISTERED: Explanation = {
  cause: 'The file exists, or is not checked.',
  remedy:
    'None. If no entity shows up, `catalog` in the report says why, and so does `--against`.',
};

/** What is registered only because its removal is held back. */
const HELD_BACK: Explanation = {
  cause:
    'Discovery found that it does not belong into the catalog any more, for instance since the repository was deleted. The removal is held back.',
  remedy: 'Approve the removal, wait for `removals.holdFor`, or have it come back.',
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
    cause: 'It is not as `filters.visibility` asks.',
    remedy: 'Change the filter.',
  },
  label: {
    cause: 'It carries none of `filters.labels`, or one of `filters.exclude.labels`.',
    remedy: 'Change its labels in Bitbucket, or the filter; exclusion wins.',
  },
  'no-catalog-file': {
    cause:
      'Bitbucket says that the file is not there, or a custom location parser made nothing of it.',
    remedy: 'Add it on the right branch, or change `catalogPath`.',
  },
  'empty-repository': {
    cause: 'Nothing was ever pushed.',
    remedy: 'Push something.',
  },
  'branch-not-found': {
    cause:
      'The default branch, or `branch`, does not exist there. Some servers say the same of a repository to which nothing was ever pushed.',
    remedy:
      'If the repository is empty, push something. Otherwise set its default branch in Bitbucket, or change `branch`.',
  },
  'rate-limited': {
    cause: "Bitbucket's rate limit refused the request again and again.",
    remedy: "Lower `rateLimit`, or raise the account's limit in Bitbucket.",
  },
  'server-error': {
    cause: 'Bitbucket failed, or could not be reached.',
    remedy: 'Look at Bitbucket; the next run tries again.',
  },
  timeout: {
    cause: 'Bitbucket did not answer in time.',
    remedy:
      'Raise `requestTimeout`, or look at Bitbucket. Plain paths in `catalogPath` do without a list of all files.',
  },
  'not-permitted': {
    cause: 'The account may list the repository but not read it.',
    remedy: 'Give it repository read.',
  },
  'unexpected-answer': {
    cause:
      "The answer was not Bitbucket's: a login page, a proxy's error, half a document. Or it was larger than is read.",
    remedy:
      'Check `apiBaseUrl` and what stands between Backstage and Bitbucket. Plain paths in `catalogPath` do without a list of all files.',
  },
  'parser-failed': {
    cause: 'The custom location parser of this backend failed on it.',
    remedy: 'Read the detail, and mend the parser or what it read.',
  },
  'too-many-files': {
    cause: 'More files match `catalogPath` than `maxFilesPerRepository` allows.',
    remedy: 'Narrow `catalogPath`, or raise `maxFilesPerRepository`.',
  },
  'not-available': {
    cause: 'The repository is being created or imported, or is offline.',
    remedy: 'Wait, or look at it in Bitbucket.',
  },
  'not-checked': {
    cause: 'The run ended before its turn, or before the listing got to it.',
    remedy:
      'None: the next run goes on there. If runs end like this again and again, raise `schedule.timeout`.',
  },
};

const BY_CODE: ReadonlyMap<string, Explanation> = new Map(Object.entries(EXPLANATIONS));

/**
 * Explains an outcome.
 *
 * @param reason - its code; left out for what is registered
 * @param isHeld - whether all that the catalog has of it is due for removal and held back
 * @returns `undefined` for a code that there is not
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
