/** What the next complete run would change in a live catalog. Pure. */

import { CatalogDifference, KNOWN_BY_ENTITIES } from '../previewDocument';
import { formatCount, formatPlural } from '../format';
import { foldedList, html, Html, linkTo } from './html';

/** The difference of one provider. */
export function renderDifference(difference: CatalogDifference): Html {
  const { url, added, removed, heldBack, heldBackReason, unchanged } = difference;
  return html`<section>
    <h3>Difference to the catalog</h3>
    <p>
      The next complete run would change these Locations in ${linkTo(url, url)};
      ${formatCount(unchanged)} would stay as they are.
    </p>
    ${difference.knownBy === 'entities' ? html`<p class="quiet">${KNOWN_BY_ENTITIES}</p> ` : undefined}${renderTargets('+', 'Added', 'added', added)}${renderTargets('−', 'Removed', 'removed', removed)}${renderTargets('=', 'Held back', 'held', heldBack)}${heldBackReason ? html`<p class="quiet">${heldBackReason}.</p> ` : undefined}
  </section> `;
}

function renderTargets(
  sign: string,
  title: string,
  name: string,
  targets: readonly string[],
): Html {
  const count = formatPlural(targets.length, 'Location');
  const heading = html`<span class="sign ${name}" aria-hidden="true">${sign}</span>
    <b>${title}</b> ${count}`;
  if (targets.length === 0) {
    return html`<p class="targets">${heading}</p> `;
  }
  return foldedList(
    heading,
    targets.map(target => linkTo(target, target)),
  );
}
