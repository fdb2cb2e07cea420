/** Files that several providers would register. Pure. */

import { SharedFile } from '../../conflicts/sharedFiles';
import { formatPlural } from './format';
import { html, Html, linkTo } from './html';

/** Longer lists stay closed at first. */
const MAX_OPEN_LIST = 20;

/** A section of its own, where there are any. */
export function renderConflicts(conflicts: readonly SharedFile[]): Html | undefined {
  const [first] = conflicts;
  if (!first) {
    return undefined;
  }
  const open = conflicts.length <= MAX_OPEN_LIST ? Html.trusted('open') : undefined;
  const count = formatPlural(conflicts.length, 'file', 'files');
  return html`<section class="conflicts" aria-labelledby="conflicts-title">
    <h2 id="conflicts-title">Conflicts</h2>
    <p>
      ${count} would be registered by several providers. The catalog takes each from the
      provider that comes first. ${first.remedy}
    </p>
    <details class="targets" ${open}>
      <summary>${count}</summary>
      <ul>
        ${conflicts.map(one => html`<li>${linkTo(one.targetUrl, `${one.projectKey}/${one.repositorySlug} ${one.path}`)}: ${one.providerIds.join(', ')}</li> `)}
      </ul>
    </details>
  </section> `;
}
