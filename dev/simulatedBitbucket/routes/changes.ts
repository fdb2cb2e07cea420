/** The differences between two trees. Pure. Used by `compare/changes`. */
import type { Tree } from '../git';
import { toContentId } from './content';
import { type PathJson, toPath } from './path';

/** Source: Bitbucket Data Center 10.0 OpenAPI, `RestChange`. */
export interface ChangeJson {
  readonly contentId: string;
  readonly fromContentId: string;
  readonly path: PathJson;
  /** The path before; only of a `MOVE`. */
  readonly srcPath?: PathJson;
  readonly executable: boolean;
  readonly percentUnchanged: number;
  readonly type: 'ADD' | 'MODIFY' | 'DELETE' | 'MOVE';
  readonly nodeType: 'FILE';
}

/** Content id of "no file". */
const NO_CONTENT = '0'.repeat(40);

/**
 * Returns the changes from one tree to another, by path. A removed and an added file with the
 * same content are one `MOVE`.
 */
export function listChanges(before: Tree, after: Tree): ChangeJson[] {
  const removed = [...before].filter(([path]) => !after.has(path));
  const changes: ChangeJson[] = [];
  for (const [path, content] of after) {
    const old = before.get(path);
    if (old === content) {
      continue;
    }
    if (old !== undefined) {
      changes.push(toChange('MODIFY', path, old, content));
      continue;
    }
    const source = removed.findIndex(([, text]) => text === content);
    const [sourcePath] = source < 0 ? [] : (removed.splice(source, 1)[0] ?? []);
    changes.push(
      sourcePath === undefined
        ? toChange('ADD', path, undefined, content)
        : {
            ...toChange('MOVE', path, content, content),
            srcPath: toPath(sourcePath),
            percentUnchanged: 100,
          },
    );
  }
  changes.push(
    ...removed.map(([path, content]) => toChange('DELETE', path, content, undefined)),
  );
  return changes.sort((a, b) => (a.path.toString < b.path.toString ? -1 : 1));
}

function toChange(
  type: ChangeJson['type'],
  path: string,
  before: string | undefined,
  after: string | undefined,
): ChangeJson {
  return {
    contentId: after === undefined ? NO_CONTENT : toContentId(after),
    fromContentId: before === undefined ? NO_CONTENT : toContentId(before),
    path: toPath(path),
    executable: false,
    percentUnchanged: -1,
    type,
    nodeType: 'FILE',
  };
}
