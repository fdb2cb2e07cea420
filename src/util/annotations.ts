/** The annotations that say which repository an entity comes from; the published module has the same. */

export const ANNOTATION_PROJECT_KEY = 'bitbucket.org/project-key';
export const ANNOTATION_REPO_SLUG = 'bitbucket.org/repo-slug';
