/** What the errors of the catalog mean, by the words in which it tells them. Pure. */

/**
 * Whether the catalog could not read the file itself, whatever kept it from that.
 *
 * @remarks Source: `UrlReaderProcessor` of catalog-backend 4.0.5, which begins each such
 * message so.
 *
 * @param message - as the catalog shows it, after the name of the error
 */
export function isReadError(message: string): boolean {
  return /^\w+: Unable to read url\b/.test(message);
}
