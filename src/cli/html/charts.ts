/**
 * Renders two charts: the outcomes as a bar with four parts, with counts and reasons below,
 * and the requests per second, next to their kinds and the budget. Pure.
 */

import { OUTCOME_KINDS, OutcomeKind } from '../../model';
import { RunSummary } from '../../discovery/summarizeRun';
import { describeBudget, formatDuration, formatRate, formatShare } from '../format';
import { PreviewedBudget, PreviewedRequests } from '../previewDocument';
import { formatCount, formatPlural } from '../../util/text';
import { factList, html, Html, table } from './html';

interface OutcomeLabel {
  readonly title: string;
  /** A short explanation for readers who do not know the outcomes. */
  readonly meaning: string;
  readonly sign: string;
}

/** The titles of the four outcomes, each with a sign, so that colour is not needed. */
export const OUTCOME_LABELS: Readonly<Record<OutcomeKind, OutcomeLabel>> = {
  registered: { title: 'Registered', meaning: 'goes into the catalog', sign: '✓' },
  excluded: { title: 'Excluded', meaning: 'excluded by a filter', sign: '–' },
  absent: { title: 'Absent', meaning: 'has no catalog file', sign: '○' },
  unknown: { title: 'Unknown', meaning: 'could not be checked', sign: '?' },
};

/** The minimum width, in percent of the bar: even one repository in 10,000 is visible. */
const MIN_PART_PERCENT = 0.8;

/** A part of the bar, in percent of its width. */
interface BarPart {
  readonly kind: OutcomeKind;
  readonly start: number;
  readonly width: number;
}

/** Divides the bar; parts that are too narrow to see are widened at the cost of the others. */
export function divideBar(summary: Readonly<Record<OutcomeKind, number>>): BarPart[] {
  const kinds = OUTCOME_KINDS.filter(kind => summary[kind] > 0);
  const counted = sum(kinds.map(kind => summary[kind]));
  const widths = kinds.map(kind =>
    Math.max((summary[kind] / counted) * 100, MIN_PART_PERCENT),
  );
  const scale = 100 / sum(widths);
  return kinds.map((kind, index) => ({
    kind,
    start: sum(widths.slice(0, index)) * scale,
    width: (widths[index] ?? 0) * scale,
  }));
}

/**
 * Renders the outcomes of one provider.
 *
 * @param id - the prefix of the ids within the provider's section
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

/** Textures besides the colours, for readers who cannot distinguish the colours. */
const TEXTURES: Readonly<Partial<Record<OutcomeKind, string>>> = {
  absent: 'dots',
  unknown: 'hatch',
};

function renderPart(id: string, part: BarPart, summary: RunSummary): Html {
  const { kind } = part;
  const place = html`x="${round(part.start, 3)}%" width="${round(part.width, 3)}%"
  height="28"`;
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

function renderOutcome(id: string, kind: OutcomeKind, summary: RunSummary): Html {
  const { title, meaning, sign } = OUTCOME_LABELS[kind];
  const share = formatShare(summary[kind], summary.repositories);
  const reasons = Object.entries(summary.reasons[kind])
    .filter(([, count]) => count > 0)
    .sort(([reason, a], [other, b]) => b - a || (reason < other ? -1 : 1));
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
            ${reasons.map(reason => renderReason(id, reason))}
          </ul> `
        : undefined
    }
  </li> `;
}

/** Renders a link to the table; the script also searches for the reason there. */
function renderReason(id: string, [reason, count]: [string, number]): Html {
  return html`<li>
    <a href="#${id}-repositories" data-search="${reason}">${reason}</a>
    <span>${formatCount(count)}</span>
  </li>`;
}

const MAX_COLUMNS = 96;
/** A shorter run does not fill the width: its columns would be too wide. */
const MIN_SECONDS = 10;
const HEIGHT = 150;
/** A budget far above the requests sent would flatten the chart: it is shown as text only. */
const MAX_BUDGET_RATIO = 3;

/** One column of the chart: the mean of one or several seconds. */
export interface Column {
  readonly perSecond: number;
  /** The width as a number of seconds; the last column may be narrower. */
  readonly seconds: number;
}

/** Limits the number of columns: in a long run, each one covers several seconds. */
export function toColumns(perSecond: readonly number[]): Column[] {
  const size = Math.max(1, Math.ceil(perSecond.length / MAX_COLUMNS));
  const columns: Column[] = [];
  for (let start = 0; start < perSecond.length; start += size) {
    const seconds = perSecond.slice(start, start + size);
    columns.push({ perSecond: sum(seconds) / seconds.length, seconds: seconds.length });
  }
  return columns;
}

/** Renders the requests of one provider. */
export function renderRequests(
  requests: PreviewedRequests,
  budget: PreviewedBudget | undefined,
): Html {
  return html`<section>
    <h3>Requests</h3>
    <div class="beside">
      ${renderChart(requests, budget)}
      <div>
        ${factList(
          [
            ['Sent', formatCount(requests.total)],
            ['Of these, retries', formatCount(requests.retries)],
            ['Refused by the rate limit', formatPlural(requests.rateLimited, 'time')],
            [
              'Time in which requests waited for their turn',
              formatDuration(requests.pacedMs),
            ],
            ['Budget of the account', describeBudget(budget)],
          ],
          'facts narrow',
        )}
        ${renderKinds(requests)}
      </div>
    </div>
  </section> `;
}

function renderKinds({ byKind }: PreviewedRequests): Html | undefined {
  const kinds = Object.entries(byKind).sort(([, a], [, b]) => b - a);
  return kinds.length === 0
    ? undefined
    : table(
        'kinds',
        'Requests by kind',
        ['Kind', 'Requests'],
        [
          html`<tbody>
            ${kinds.map(
              ([kind, count]) =>
                html`<tr>
                  <th scope="row">${kind}</th>
                  <td>${formatCount(count)}</td>
                </tr> `,
            )}
          </tbody> `,
        ],
      );
}

function renderChart(
  { perSecond }: PreviewedRequests,
  budget: PreviewedBudget | undefined,
): Html {
  const sent = sum(perSecond);
  if (sent === 0) {
    return html`<p>No request was sent.</p>`;
  }
  const columns = toColumns(perSecond);
  const highest = Math.max(...columns.map(column => column.perSecond));
  const line =
    budget?.kind === 'limited' && budget.fillRatePerSecond <= highest * MAX_BUDGET_RATIO
      ? budget.fillRatePerSecond
      : undefined;
  const top = Math.max(highest, line ?? 0) * 1.08;
  const inWords = describeCourse(perSecond);
  const span = Math.max(perSecond.length, MIN_SECONDS);
  return html`<figure>
    <svg
      class="course"
      role="img"
      aria-label="Requests per second. ${inWords}"
      width="100%"
      height="${HEIGHT + 24}"
    >
      <text x="0" y="11">${formatRate(highest)} per second</text>
      <svg y="18" width="100%" height="${HEIGHT}" overflow="visible">
        ${renderColumns(columns, span, top)}${line === undefined ? undefined : renderLine(line, top)}
        <line class="axis" x1="0" x2="100%" y1="${HEIGHT}" y2="${HEIGHT}" />
      </svg>
    </svg>
    <p class="ends" aria-hidden="true">
      <span>0 s</span><span>${formatDuration(span * 1000)}</span>
    </p>
    <figcaption>
      ${inWords}${line === undefined ? undefined : describeLine(line, highest, budget)}
    </figcaption>
  </figure>`;
}

/** Describes the line of the budget, and why a column above it is not a fault. */
function describeLine(
  line: number,
  highest: number,
  budget: PreviewedBudget | undefined,
): string {
  const refill = ` The dashed line shows how many requests the account regains each second, ${formatRate(line)}.`;
  return budget?.kind === 'limited' && highest > line
    ? `${refill} Columns above it do not exceed the limit: they use what was saved before, up to ${formatPlural(budget.capacity, 'request')}.`
    : refill;
}

function describeCourse(perSecond: readonly number[]): string {
  const mean = formatRate(sum(perSecond) / perSecond.length);
  const most = perSecond.reduce((a, b) => Math.max(a, b), 0);
  const length = formatDuration(perSecond.length * 1000);
  return `On average ${mean} per second over ${length}, at most ${formatCount(most)} in one second.`;
}

function renderColumns(columns: readonly Column[], seconds: number, top: number): Html[] {
  let start = 0;
  return columns.map(column => {
    const height = (column.perSecond / top) * HEIGHT;
    const x = (start / seconds) * 100;
    // Slightly narrower than its seconds, which leaves a gap between columns.
    const width = (column.seconds / seconds) * 100 * 0.86;
    const from = start;
    start += column.seconds;
    return html`<rect
      class="column"
      x="${round(x)}%"
      y="${round(HEIGHT - height)}"
      width="${round(width)}%"
      height="${round(height)}"
      ><title>
        ${describeSeconds(from, start)}: ${formatRate(column.perSecond)} per second
      </title></rect
    > `;
  });
}

function describeSeconds(from: number, to: number): string {
  return to - from === 1 ? `second ${to}` : `seconds ${from + 1} to ${to}`;
}

function renderLine(perSecond: number, top: number): Html {
  const y = round(HEIGHT - (perSecond / top) * HEIGHT);
  return html`<line class="budget" x1="0" x2="100%" y1="${y}" y2="${y}" /> `;
}

function round(value: number, digits = 2): number {
  return Number(value.toFixed(digits));
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
