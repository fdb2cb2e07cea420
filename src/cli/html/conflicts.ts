/** Files that several providers would register. Pure. */

import { SharedFile } from '../../conflicts/sharedFiles';
import { formatPlural } from '../format';
import { foldedList, html, Html, linkTo } from './html';

/** A section of its own, where there are any. */
export function renderConflicts(conflicts: readonly SharedFile[]): Html | undefined {
  const [first] = conflicts;
  if (!first) {
    return undefined;
  }
  const count = formatPlural(conflicts.length, 'file');
  return html`<section class="conflicts" aria-labelledby="conflicts-title">
    <h2 id="conflicts-title">Conflicts</h2>
    <p>
      ${count} would be registered by several providers. The catalog takes each from the
      provider that comes first. ${first.remedy}
    </p>
    ${foldedList(count, conflicts.map(renderConflict))}
  </section> `;
}

function renderConflict(conflict: SharedFile): Html {
  const { projectKey, repositorySlug, path, targetUrl, providerIds } = conflict;
  const name = `${projectKey}/${repositorySlug} ${path}`;
  return html`${linkTo(targetUrl, name)}: ${providerIds.join(', ')}`;
}
