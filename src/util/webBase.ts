/**
 * Which server a web page belongs to: its base URL, context path included. Pure; used to
 * tell our own server's events from those of others.
 */

/** `/projects/KEY`, `/users/name` and the pages of repositories below them. */
const PAGE = /\/(?:projects|users)\/[^/]+(?:\/repos\/[^/]+(?:\/browse)?)?\/?$/;

/**
 * The base URL in a self link of a repository or project, such as
 * `https://host:7990/bitbucket`, without a slash at the end.
 *
 * @remarks Compared as a whole, not as a prefix: `https://host` and `https://host/stash` can
 * be two servers.
 *
 * @returns `undefined` for what is no such link, and for one with credentials in it
 */
export function webBaseOf(selfUrl: string): string | undefined {
  const url = parseUrl(selfUrl);
  const page = url && PAGE.exec(url.pathname);
  return page ? `${url.origin}${url.pathname.slice(0, page.index)}` : undefined;
}

/** The base URLs in some self links, each once. */
export function webBasesOf(selfUrls: readonly string[]): string[] {
  return [...new Set(selfUrls.flatMap(url => webBaseOf(url) ?? []))];
}

/** A base URL in the form that `webBaseOf` gives; `undefined` for what is no URL. */
export function toWebBase(baseUrl: string): string | undefined {
  const url = parseUrl(baseUrl);
  return url && `${url.origin}${url.pathname.replace(/\/+$/, '')}`;
}

function parseUrl(text: string): URL | undefined {
  try {
    const url = new URL(text);
    const web = url.protocol === 'https:' || url.protocol === 'http:';
    return web && url.username === '' && url.password === '' ? url : undefined;
  } catch {
    return undefined;
  }
}
