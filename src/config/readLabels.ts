/** Reads a list of repository labels. */

import { JsonValue } from '@backstage/types';
import { ConfigSection } from './ConfigSection';
import { describeValue } from './jsonValues';

/**
 * What a label of Bitbucket is made of; anything else could never match.
 * Source: `POST …/repos/{slug}/labels`, Bitbucket Data Center 10.0 OpenAPI. That a label
 * has 3 to 50 characters is left to Bitbucket: one that does not exist is no fault.
 */
const LABEL = /^[a-z0-9-]+$/;

/**
 * Reads a list of labels, in lower case as Bitbucket has them; faults are added to the
 * section's problems.
 *
 * @returns `undefined` where the key is not set
 */
export function readLabels(section: ConfigSection, key: string): string[] | undefined {
  const value = section.value(key) ?? undefined;
  if (value === undefined) {
    return undefined;
  }
  if (!Array.isArray(value)) {
    section.addProblem(
      key,
      `must be a list of labels, such as [service, library], but is ${describeValue(value)}`,
    );
    return undefined;
  }
  if (value.length === 0) {
    section.addProblem(
      key,
      'is an empty list; name a label, or leave the key out so that labels do not matter',
    );
  }
  const labels = new Set<string>();
  for (const [index, entry] of value.entries()) {
    const label = typeof entry === 'string' ? entry.trim().toLowerCase() : '';
    const fault = faultOf(entry, label);
    if (fault !== undefined) {
      section.addProblem(`${key}[${index}]`, `${fault}, but is ${describeValue(entry)}`);
    } else if (labels.has(label)) {
      section.addProblem(`${key}[${index}]`, `names "${label}" twice; remove one`);
    } else {
      labels.add(label);
    }
  }
  return [...labels];
}

function faultOf(entry: JsonValue, label: string): string | undefined {
  if (label === '') {
    return typeof entry === 'string'
      ? 'must be a label that is not empty'
      : 'must be a label, in quotes where YAML would read something else';
  }
  return LABEL.test(label)
    ? undefined
    : 'must be one label of letters a to z, digits and "-", as Bitbucket allows them';
}
