/** JSON in one spelling per value, so that texts can be compared. Pure. */

/**
 * Writes a value as JSON, the properties of objects in alphabetical order.
 *
 * @returns the text; `undefined` for what JSON cannot hold, such as a function
 * @throws TypeError for a value that holds itself, or a bigint
 */
export function canonicalJson(value: unknown): string | undefined {
  // JSON.stringify is typed as if it always returned a text.
  const text: string | undefined = JSON.stringify(value, (_, inner: unknown) =>
    isPlainObject(inner)
      ? Object.fromEntries(
          Object.entries(inner).sort(([one], [other]) => (one < other ? -1 : 1)),
        )
      : inner,
  );
  return text;
}

function isPlainObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
