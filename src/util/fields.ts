/**
 * Reads values by hand where there may be a hundred thousand of them: a schema takes many
 * times as much time and memory. Pure.
 */

/** The fields of an object from outside. */
export type Fields = Readonly<Record<string, unknown>>;

/** Whether a value is an object, and no list. */
export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Returns the fields of a value; none if it is not an object. */
export function getFields(value: unknown): Fields {
  return isFields(value) ? value : {};
}

/** Whether a value is a text. */
export function isText(value: unknown): value is string {
  return typeof value === 'string';
}
