/** Reads the keys of a provider out of the files that document them. */

import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { loadConfigSchema } from '@backstage/config-loader';
import { JsonObject, JsonValue } from '@backstage/types';
import { isFields } from '../../util/fields';

/** The root of the package. */
const PACKAGE_ROOT = resolve(__dirname, '../../..');

/** A documented key with what is written about it. */
export interface DocumentedKey {
  readonly key: string;
  readonly text: string;
}

/** Reads a file of the package. */
export function readPackageFile(name: string): string {
  return readFileSync(resolve(PACKAGE_ROOT, name), 'utf8');
}

/** The schema that Backstage derives from `config.d.ts` alone; takes seconds. */
export function loadOwnSchema() {
  return loadConfigSchema({
    dependencies: [],
    packagePaths: [resolve(PACKAGE_ROOT, 'package.json')],
    excludePackageDependencies: true,
  });
}

function property(
  value: JsonValue | undefined,
  ...path: string[]
): JsonValue | undefined {
  return path.reduce<JsonValue | undefined>(
    (parent, key) => (isFields(parent) ? parent[key] : undefined),
    value,
  );
}

/** The two forms of `catalog.providers.bitbucketServer` within a schema. */
export function providerSchemas(serialized: JsonObject): {
  single: JsonValue | undefined;
  inMap: JsonValue | undefined;
} {
  const [own] = Array.isArray(serialized.schemas) ? serialized.schemas : [];
  const forms = property(
    own,
    ...['value', 'properties', 'catalog', 'properties', 'providers', 'properties'],
    ...['bitbucketServer', 'anyOf'],
  );
  const [single, map] = Array.isArray(forms) ? forms : [];
  return { single, inMap: property(map, 'additionalProperties') };
}

/** The leaves of a provider's schema; what has alternatives counts as one. */
export function keysOfSchema(
  schema: JsonValue | undefined,
  prefix = '',
): DocumentedKey[] {
  const properties = property(schema, 'properties');
  return Object.entries(isFields(properties) ? properties : {}).flatMap(
    ([name, child]) => {
      const key = prefix + name;
      const isSection = property(child, 'properties') !== undefined && key !== 'schedule';
      return isSection
        ? keysOfSchema(child, `${key}.`)
        : [{ key, text: String(property(child, 'description')) }];
    },
  );
}

/** The lines of an example in `app-config.example.yaml`, taken out of their comment. */
export function commentedExamples(yaml: string): string[] {
  const blocks = yaml.matchAll(/^# Example: [^]*?\n#\n([^]*?)^#\n# End of example\.$/gm);
  return [...blocks].map(([, lines = '']) => lines.replace(/^# ?/gm, ''));
}

/**
 * Uncomments a YAML text: lines whose comment begins with one of these keys, or with another
 * comment.
 */
export function uncommented(yaml: string, keys: readonly string[]): string {
  const line = new RegExp(`^( *)# ( *(?:# |(?:${keys.join('|')}):(?: |$)))`, 'gm');
  return yaml
    .replace(/^# Example: [^]*?^# End of example\.$/gm, '')
    .replace(line, '$1$2');
}

/** Every key of a YAML text by its path, with the comment right above it. */
export function keysOfYaml(yaml: string): DocumentedKey[] {
  const parents: { indent: number; name: string }[] = [];
  const keys: DocumentedKey[] = [];
  let comment: string[] = [];
  for (const line of yaml.split('\n')) {
    const [, spaces = '', name] = /^( *)(?:- )?(\w+):/.exec(line) ?? [];
    const remark = /^ *# (.*)$/.exec(line)?.[1];
    if (remark !== undefined) {
      comment.push(remark);
    } else if (name === undefined) {
      comment = [];
    } else {
      while ((parents.at(-1)?.indent ?? -1) >= spaces.length) {
        parents.pop();
      }
      parents.push({ indent: spaces.length, name });
      keys.push({
        key: parents.map(part => part.name).join('.'),
        text: comment.join(' '),
      });
      comment = [];
    }
  }
  return keys;
}
