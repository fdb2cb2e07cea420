/** Shortens errors for a table cell. Pure. */

const LONGEST = 140;

/** Returns one line without addresses, cut at the maximum length. */
export function shortenError(error: string): string {
  const line = error
    .replace(/^\S+ refresh failed, /, '')
    .replace(/https?:\/\/[^/\s"')]+/g, '')
    .replace(/\b(?:127\.0\.0\.1|localhost)(?::\d+)?/g, 'the server')
    .replace(/\s+/g, ' ')
    .replaceAll('|', '/')
    .trim();
  return line.length > LONGEST ? `${line.slice(0, LONGEST - 1)}…` : line;
}
