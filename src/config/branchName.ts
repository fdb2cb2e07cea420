/** Reads the key `branch`. Pure. */

const BRANCH_PREFIX = 'refs/heads/';

/** What git forbids anywhere in a branch name (`git check-ref-format`). */
const FORBIDDEN: readonly (readonly [RegExp, string])[] = [
  // eslint-disable-next-line no-control-regex
  [/[\u0000-\u0020\u007f~^:?*[\\]/, 'a space, a control character or one of ~^:?*[\\'],
  [/\.\./, '".."'],
  [/@\{|^@$/, '"@{", or is just "@"'],
  [/^\/|\/$|\/\//, 'an empty part between slashes'],
  [/(^|\/)\./, 'a part that starts with "."'],
  [/\.$|\.lock(\/|$)/, 'a part that ends in "." or ".lock"'],
  [/^-/, 'a leading "-"'],
];

/**
 * Normalises a branch to its short name.
 *
 * @remarks The short one, because a glob with a full ref cannot be read by Backstage's
 * URL reader (`@backstage/backend-defaults` 0.18.0, `BitbucketServerUrlReader`).
 *
 * @param text - `main` or `refs/heads/main`
 * @throws Error with one sentence naming the fault and the remedy, without the text itself
 */
export function parseBranch(text: string): string {
  const name = text.startsWith(BRANCH_PREFIX) ? text.slice(BRANCH_PREFIX.length) : text;
  if (name === '') {
    throw new Error('it names no branch; write its short name, such as main');
  }
  if (name.startsWith('refs/')) {
    throw new Error('it is a ref but no branch; only branches can be set, such as main');
  }
  if (name === 'HEAD') {
    throw new Error(
      'HEAD is no branch; leave the key out to look on the default branch of each repository',
    );
  }
  const fault = FORBIDDEN.find(([pattern]) => pattern.test(name));
  if (fault !== undefined) {
    throw new Error(`git allows no branch name with ${fault[1]}; write its exact name`);
  }
  return name;
}
