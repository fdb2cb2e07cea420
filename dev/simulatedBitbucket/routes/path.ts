/** A path in Bitbucket's JSON. Used by directory listings and changes. */

/** Source: recorded directory listings; schema `RestPath` of the 10.0 OpenAPI document. */
export interface PathJson {
  readonly components: readonly string[];
  readonly parent: string;
  readonly name: string;
  readonly extension?: string;
  readonly toString: string;
}

/** Splits a path into its parts. */
export function toPath(path: string): PathJson {
  const components = path === '' ? [] : path.split('/');
  const name = components.at(-1) ?? '';
  const dot = name.lastIndexOf('.');
  return {
    components,
    parent: components.slice(0, -1).join('/'),
    name,
    extension: dot >= 0 ? name.slice(dot + 1) : undefined,
    toString: path,
  };
}
