/**
 * Finds out whether this module and the catalog plugin load different copies of the
 * package that the service for SCM events comes in.
 */

import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { z } from 'zod';

const SHARED_PACKAGE = '@backstage/plugin-catalog-node';
const LOADED_CATALOG =
  /^(.*[\\/]@backstage[\\/]plugin-catalog-backend)[\\/](?!.*[\\/]node_modules[\\/])/;
const PACKAGE_JSON = z.object({ version: z.string() });

interface Copy {
  readonly folder: string;
  readonly version: string;
}

function resolveCopy(from: NodeJS.Require): Copy {
  const file = from.resolve(`${SHARED_PACKAGE}/package.json`);
  const content: unknown = from(file);
  return { folder: dirname(file), version: PACKAGE_JSON.parse(content).version };
}

/**
 * Compares by the modules that are loaded: so whatever installed them is asked, and the
 * catalog plugin that the backend really uses. Each copy has a service of its own for SCM
 * events, made by its own default factory, and nobody listens to the second one.
 *
 * @param own - loads what this module loads
 * @returns a warning, or nothing where both load the same copy or it cannot be told, as in
 * a bundle
 */
export function findSecondCatalogNode(
  own: NodeJS.Require = createRequire(__filename),
): string | undefined {
  try {
    const ours = resolveCopy(own);
    const roots = Object.keys(own.cache).flatMap(
      file => LOADED_CATALOG.exec(file)?.[1] ?? [],
    );
    const theirs = [...new Set(roots)].map(root =>
      resolveCopy(createRequire(`${root}/package.json`)),
    );
    const [second] = theirs;
    if (!second || theirs.some(copy => copy.folder === ours.folder)) {
      return undefined;
    }
    return (
      `${SHARED_PACKAGE} is installed twice: the catalog plugin loads ${second.version} ` +
      `(${second.folder}), this module ${ours.version} (${ours.folder}). SCM events of ` +
      'Bitbucket, which catalog.scmEvents acts on, reach nobody. Run "npm dedupe" or ' +
      `"yarn dedupe". Where the older one stays, "npm ls ${SHARED_PACKAGE}" or ` +
      `"yarn why ${SHARED_PACKAGE}" tells what still asks for it and has to be updated`
    );
  } catch {
    // Nothing depends on the answer.
    return undefined;
  }
}
