/** What the catalog keeps with each entity to tell whose it is. Pure. */

const URL_KEY = /^url:(.+)$/s;

/** The URL in the location key of what was read from one. */
export function urlOfLocationKey(locationKey: string): string | undefined {
  return URL_KEY.exec(locationKey)?.[1];
}
