/** Outcomes at a glance: a bar in four parts, and beneath it the counts and the reasons. Pure. */

import { OUTCOME_KINDS, OutcomeKind } from '../../model';
import { RunSummary } from '../../discovery/summarizeRun';
import { formatCount, formatShare } from '../format';
import { html, Html } from './html';
import { OUTCOME_LABELS } from './outcomes';

/** What is there at all can be seen: one repository in 10,000 too, in percent of the bar. */
const NARROWEST_PART = 0.8;

/** A part of the bar, in percent of its width. */
export interface BarPart {
  readonly kind: OutcomeKind;
  readonly start: number;
  readonly width: number;
}

/** Divides the bar; what would be too narrow to see is drawn wider at the cost of the rest. */
export function divideBar(summary: Readonly<Record<OutcomeKind, number>>): BarPart[] {
  const kinds = OUTCOME_KINDS.filter(kind => summary[kind] > 0);
  const counted = kinds.reduce((sum, kind) => sum + summary[kind], 0);
  const shares = kinds.map(kind =>
    Math.max((summary[kind] / counted) * 100, NARROWEST_PART),
  );
  const whole = shares.reduce((sum, share) => sum + share, 0);
  let start = 0;
  return kinds.map((kind, index) => {
    const width = ((shares[index] ?? 0) / whole) * 100;
    const part = { kind, start, width };
    start += width;
    return part;
  });
}

/**
 * The chart of one provider.
 *
 * @param id - begins the ids within the provider's section
 */
export function renderOutcomes(id: string, summary: RunSummary): Html {
  return html`<section>
    <h3>Outcomes</h3>
    ${summary.repositories === 0 ? undefined : renderBar(id, summary)}
    <ul class="outcomes">
      ${OUTCOME_KINDS.map(kind => renderOutcome(id, kind, summary))}
    </ul>
  </section> `;
}

function renderBar(id: string, summary: RunSummary): Html {
  const inWords = OUTCOME_KINDS.map(kind => `${formatCount(summary[kind])} ${kind}`).join(
    ', ',
  );
  return html`<svg
    class="bar"
    role="img"
    aria-label="Repositories by outcome: ${inWords}."
    width="100%"
    height="28"
  >
    <defs>
      <pattern
        id="${id}-hatch"
        width="7"
        height="7"
        patternUnits="userSpaceOnUse"
        patternTransform="rotate(45)"
      >
        <rect class="veil" width="2" height="7" />
      </pattern>
      <pattern id="${id}-dots" width="7" height="7" patternUnits="userSpaceOnUse">
        <circle class="veil" cx="3.5" cy="3.5" r="1.4" />
      </pattern>
    </defs>
    ${divideBar(summary).map(part => renderPart(id, part, summary))}
  </svg> `;
}

/** A texture besides the colour, for who does not tell the colours apart. */
const TEXTURES: Readonly<Partial<Record<OutcomeKind, string>>> = {
  absent: 'dots',
  unknown: 'hatch',
};

function renderPart(id: string, part: BarPart, summary: RunSummary): Html {
  const { kind } = part;
  const place = html`x="${percent(part.start)}" width="${percent(part.width)}" height="28"`;
  const texture = TEXTURES[kind];
  const count = formatCount(summary[kind]);
  const share = formatShare(summary[kind], summary.repositories);
  return html`<g
    ><title>${OUTCOME_LABELS[kind].title}: ${count} (${share})</title
    ><rect
      class="part fill-${kind}"
      ${place}
    />${texture && html`<rect fill="url(#${id}-${texture})" ${place} />`}</g
  > `;
}

function percent(value: number): string {
  return `${Number(value.toFixed(3))}%`;
}

function renderOutcome(id: string, kind: OutcomeKind, summary: RunSummary): Html {
  const { title, meaning, sign } = OUTCOME_LABELS[kind];
  const share = formatShare(summary[kind], summary.repositories);
  const reasons = Object.entries(summary.reasons[kind])
    .filter(([, count]) => count > 0)
    .sort(([one, a], [other, b]) => b - a || (one < other ? -1 : 1));
  return html`<li class="outcome line-${kind}">
    <p class="what">
      <span class="sign fill-${kind}" aria-hidden="true">${sign}</span> <b>${title}</b>
      <span class="quiet">${meaning}</span>
    </p>
    <p class="number">
      ${formatCount(summary[kind])} <span class="quiet">${share}</span>
    </p>
    ${
      reasons.length > 0
        ? html`<ul class="reasons">
            ${reasons.map(one => renderReason(id, one))}
          </ul> `
        : undefined
    }
  </li> `;
}

/** Leads to the table; the script also searches there for the reason. */
function renderReason(id: string, [reason, count]: [string, number]): Html {
  return html`<li>
    <a href="#${id}-repositories" data-search="${reason}">${reason}</a>
    <span>${formatCount(count)}</span>
  </li>`;
}
