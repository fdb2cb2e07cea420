/** The annotations that name the repository of an entity; the published module uses the same. */

export const ANNOTATION_PROJECT_KEY = 'bitbucket.org/project-key';
export const ANNOTATION_DEFAULT_BRANCH = 'bitbucket.org/default-branch';
export const ANNOTATION_REPO_SLUG = 'bitbucket.org/repo-slug';

/**
 * The time at which discovery asked the catalog to process a Location as if it had changed;
 * specific to this module. The next complete run removes it.
 */
export const ANNOTATION_REPROCESS_REQUESTED_AT = 'bitbucket.org/reprocess-requested-at';
