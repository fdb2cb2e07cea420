/** Small helpers for configuration values of any type. Pure. */

import { JsonObject, JsonValue } from '@backstage/types';

const MAX_SHOWN_LENGTH = 80;

/** Tells an object from everything else JSON knows, lists included. */
export function isJsonObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Says what kind of value there is, where the value itself may be a misplaced secret. */
export function describeKind(value: JsonValue | undefined): string {
  return typeof value === 'string' ? 'a text' : describeValue(value);
}

/**
 * Shows a bad value in an error message: scalars as they are, cut at 80 characters,
 * without the credentials a URL may carry; lists and objects by their kind only.
 */
export function describeValue(value: JsonValue | undefined): string {
  if (value === undefined || value === null) {
    return 'not set';
  }
  if (Array.isArray(value)) {
    return value.length === 0 ? 'an empty list' : 'a list';
  }
  if (typeof value === 'object') {
    return 'an object';
  }
  if (typeof value !== 'string') {
    return String(value);
  }
  const text = value.replace(/(\/\/|^[^/@:]*:)[^/]*@/g, '$1***@');
  return JSON.stringify(
    text.length > MAX_SHOWN_LENGTH ? `${text.slice(0, MAX_SHOWN_LENGTH)}…` : text,
  );
}
