/** The requests of a preview: how many in each second, by kind, and the budget. Pure. */

import { describeBudget } from '../budget';
import { PreviewedBudget, PreviewedRequests } from '../previewDocument';
import { formatCount, formatDuration, formatPlural, formatRate } from '../format';
import { html, Html } from './html';

const MAX_COLUMNS = 96;
/** A short run does not fill the width: its columns would be as wide as a door. */
const MIN_SECONDS = 10;
const HEIGHT = 150;
/** A budget far above what was sent would flatten the chart: it is told in words only. */
const MAX_BUDGET_RATIO = 3;

/** One column of the chart: the mean of some seconds. */
export interface Column {
  readonly perSecond: number;
  /** Width as a number of seconds; the last column may be shorter. */
  readonly seconds: number;
}

/** Few enough columns to be told apart: a long run has several seconds in each. */
export function toColumns(perSecond: readonly number[]): Column[] {
  const size = Math.max(1, Math.ceil(perSecond.length / MAX_COLUMNS));
  const columns: Column[] = [];
  for (let start = 0; start < perSecond.length; start += size) {
    const seconds = perSecond.slice(start, start + size);
    columns.push({ perSecond: sum(seconds) / seconds.length, seconds: seconds.length });
  }
  return columns;
}

/** The requests of one provider. */
export function renderRequests(
  requests: PreviewedRequests,
  budget: PreviewedBudget | undefined,
): Html {
  return html`<section>
    <h3>Requests</h3>
    <div class="beside">
      ${renderChart(requests, budget)}
      <div>
        <dl class="facts narrow">
          <div>
            <dt>Sent</dt>
            <dd>${formatCount(requests.total)}</dd>
          </div>
          <div>
            <dt>Of these repeated after a failure</dt>
            <dd>${formatCount(requests.retries)}</dd>
          </div>
          <div>
            <dt>Told to slow down</dt>
            <dd>${formatPlural(requests.rateLimited, 'time')}</dd>
          </div>
          <div>
            <dt>Waited for their turn, all together</dt>
            <dd>${formatDuration(requests.waitedMs)}</dd>
          </div>
          <div>
            <dt>Budget of the account</dt>
            <dd>${describeBudget(budget)}</dd>
          </div>
        </dl>
        ${renderKinds(requests)}
      </div>
    </div>
  </section> `;
}

function renderKinds({ byKind }: PreviewedRequests): Html | undefined {
  const kinds = Object.entries(byKind).sort(([, a], [, b]) => b - a);
  return kinds.length === 0
    ? undefined
    : html`<table class="kinds">
        <caption>
          Requests by kind
        </caption>
        <thead>
          <tr>
            <th scope="col">Kind</th>
            <th scope="col">Requests</th>
          </tr>
        </thead>
        <tbody>
          ${kinds.map(
            ([kind, count]) =>
              html`<tr>
                <th scope="row">${kind}</th>
                <td>${formatCount(count)}</td>
              </tr> `,
          )}
        </tbody>
      </table> `;
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
  const highest = Math.max(...columns.map(one => one.perSecond));
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
      ${inWords}${line === undefined ? undefined : ' The dashed line is the budget.'}
    </figcaption>
  </figure>`;
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
    // A little narrower than its seconds: columns are told apart without lines.
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

function round(value: number): number {
  return Number(value.toFixed(2));
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
