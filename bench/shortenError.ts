/** Errors for a cell of a table. Pure. */

const LONGEST = 140;

/** One line without addresses, cut where it gets too long. */
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
