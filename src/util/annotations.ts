/** The annotations that say which repository an entity comes from; the published module has the same. */

export const ANNOTATION_PROJECT_KEY = 'bitbucket.org/project-key';
export const ANNOTATION_DEFAULT_BRANCH = 'bitbucket.org/default-branch';
export const ANNOTATION_REPO_SLUG = 'bitbucket.org/repo-slug';

/**
 * When discovery asked the catalog to process a Location as if it had changed; of our own.
 * The next complete run takes it away again.
 */
export const ANNOTATION_REPROCESS_REQUESTED_AT = 'bitbucket.org/reprocess-requested-at';
