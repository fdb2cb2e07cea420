/**
 * The styles and the script of the page. System fonts only; rows are laid out when they come into view
 * (`content-visibility`), so that a page with 10,000 rows stays fast.
 * The script filters the table by hiding rows: without it, all rows are visible. It builds no
 * markup, so no text that it reads can become markup.
 */

/**
 * Each colour in light and in dark mode. Text on its background has a contrast of at least
 * 4.5:1, fills 3:1; a test computes it.
 */
export const COLORS = {
  ground: ['#fbfbf9', '#15181c'],
  raised: ['#ffffff', '#1c2025'],
  text: ['#1f2328', '#e6e8eb'],
  quiet: ['#59616b', '#a3abb6'],
  line: ['#dcdfe3', '#33393f'],
  field: ['#868e98', '#78818c'],
  link: ['#0b5394', '#8ab8ee'],
  registered: ['#2a7a57', '#5bb88c'],
  excluded: ['#6a737e', '#8d96a2'],
  absent: ['#9a6408', '#d6a045'],
  unknown: ['#b23a34', '#e8827b'],
  sign: ['#ffffff', '#14171a'],
  column: ['#3f73ad', '#6f9fd6'],
  failure: ['#fbeeed', '#2d1f20'],
} as const;

function variables(mode: 0 | 1): string {
  return Object.entries(COLORS)
    .map(([name, color]) => `--${name}:${color[mode]}`)
    .join(';');
}

const BASICS = `
:root { color-scheme: light dark; ${variables(0)} }
@media screen and (prefers-color-scheme: dark) { :root { ${variables(1)} } }
* { box-sizing: border-box; }
[hidden] { display: none !important; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body {
  margin: 0 auto; padding: 2rem 1rem 3rem; max-width: 78rem;
  background: var(--ground); color: var(--text);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif;
  overflow-wrap: anywhere;
}
h1, h2, h3 { line-height: 1.2; text-wrap: balance; margin: 0; }
h1 { font-size: 1.75rem; letter-spacing: -0.015em; }
h2 { font-size: 1.375rem; letter-spacing: -0.01em; }
h3 { font-size: 1.0625rem; margin-bottom: 0.75rem; }
p { margin: 0 0 0.75rem; max-width: 70ch; }
ul { margin: 0; padding: 0; list-style: none; }
code { font: 0.9em/1.4 ui-monospace, "SF Mono", Menlo, Consolas, monospace; }
a { color: var(--link); text-underline-offset: 0.15em; text-decoration-thickness: 1px; }
:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; border-radius: 2px; }
section:focus { outline: none; }
.quiet { color: var(--quiet); }
header p, footer { color: var(--quiet); }
header h1 { margin-bottom: 0.5rem; }
nav { margin: 1rem 0; }
nav li { padding: 0.25rem 0; }
footer { margin-top: 3rem; padding-top: 1rem; border-top: 1px solid var(--line); font-size: 0.875rem; }
.provider, .conflicts { margin-top: 2rem; padding-top: 2rem; border-top: 1px solid var(--line); }
.provider > section { margin-top: 2.5rem; }
.lead { font-size: 1.125rem; margin: 0.5rem 0 1rem; }
.failure { margin: 1rem 0; padding: 0.75rem 1rem; background: var(--failure); border-left: 4px solid var(--unknown); }
.failure p:last-child { margin: 0; }
.facts { margin: 0; display: flex; flex-wrap: wrap; gap: 0.5rem 2rem; }
.facts dt { color: var(--quiet); font-size: 0.8125rem; }
time { white-space: nowrap; }
.facts dd { margin: 0; font-variant-numeric: tabular-nums; }
.facts.narrow { display: block; font-size: 0.9375rem; }
.facts.narrow div { display: flex; gap: 1rem; justify-content: space-between; align-items: baseline; padding: 0.3rem 0; border-bottom: 1px solid var(--line); }
.facts.narrow dt { font-size: inherit; }
.facts.narrow dd { text-align: right; }
`;

const CHARTS = `
.fill-registered { background: var(--registered); fill: var(--registered); }
.fill-excluded { background: var(--excluded); fill: var(--excluded); }
.fill-absent { background: var(--absent); fill: var(--absent); }
.fill-unknown { background: var(--unknown); fill: var(--unknown); }
.line-registered { border-color: var(--registered); }
.line-excluded { border-color: var(--excluded); }
.line-absent { border-color: var(--absent); }
.line-unknown { border-color: var(--unknown); }
svg { display: block; }
.bar { border-radius: 4px; margin-bottom: 1rem; }
.part { stroke: var(--ground); stroke-width: 2px; }
.veil { fill: var(--ground); fill-opacity: 0.45; }
.sign {
  display: inline-block; width: 1.25rem; border-radius: 3px; color: var(--sign);
  font-size: 0.8125rem; line-height: 1.25rem; font-weight: 700; text-align: center;
}
.sign.added { background: var(--registered); }
.sign.removed { background: var(--unknown); }
.sign.held { background: var(--absent); }
.outcomes { display: grid; gap: 1.5rem; grid-template-columns: repeat(auto-fit, minmax(min(100%, 15rem), 1fr)); }
.outcome { border-top-width: 3px; border-top-style: solid; padding-top: 0.5rem; }
.outcome .number { font-size: 1.625rem; line-height: 1.3; margin: 0.125rem 0 0.25rem; font-variant-numeric: tabular-nums; }
.outcome .number .quiet { font-size: 0.9375rem; }
.outcome .what { margin: 0; }
.outcome .what .quiet { font-size: 0.875rem; white-space: nowrap; }
.reasons li, .ends { display: flex; justify-content: space-between; gap: 1rem; }
.reasons li { padding: 0.2rem 0; border-top: 1px solid var(--line); font-size: 0.9375rem; font-variant-numeric: tabular-nums; }
.beside { display: grid; gap: 1.5rem 3rem; }
@media (min-width: 60rem), print { .beside { grid-template-columns: minmax(0, 3fr) minmax(0, 2fr); } }
figure { margin: 0; }
figcaption { color: var(--quiet); font-size: 0.9375rem; margin-top: 0.5rem; }
.course text { fill: var(--quiet); font-size: 12px; }
.ends { color: var(--quiet); font-size: 0.75rem; margin: 0.25rem 0 0; max-width: none; }
.column { fill: var(--column); }
.axis { stroke: var(--field); }
.budget { stroke: var(--text); stroke-width: 1.5px; stroke-dasharray: 5 4; }
.targets { margin: 0 0 0.75rem; }
.targets summary { cursor: pointer; padding: 0.25rem 0; }
.targets ul { margin: 0.25rem 0 0 1.6rem; font-size: 0.9375rem; }
.targets li { padding: 0.2rem 0; content-visibility: auto; contain-intrinsic-size: auto 2rem; }
`;

const TABLES = `
table { border-collapse: collapse; }
th { text-align: left; font-weight: inherit; }
caption { text-align: left; color: var(--quiet); font-size: 0.875rem; padding: 0.5rem 0; }
thead th { color: var(--quiet); font-size: 0.8125rem; }
.kinds { width: 100%; margin-top: 0.75rem; font-size: 0.9375rem; }
.kinds th, .kinds td { padding: 0.3rem 0; border-bottom: 1px solid var(--line); }
.kinds td, .kinds th:last-child { text-align: right; font-variant-numeric: tabular-nums; }
.kinds tbody th { text-align: left; }
.filters { display: grid; gap: 1rem 2rem; margin-bottom: 1rem; }
@media (min-width: 60rem) { .filters { grid-template-columns: minmax(16rem, 24rem) auto; justify-content: start; } }
.filters p { margin: 0; }
.filters label, legend { font-size: 0.875rem; }
.search label { display: block; margin-bottom: 0.25rem; color: var(--quiet); }
.search input {
  width: 100%; padding: 0.5rem 0.75rem; font: inherit; color: inherit;
  background: var(--raised); border: 1px solid var(--field); border-radius: 6px;
}
fieldset { border: 0; margin: 0; padding: 0; min-width: 0; }
legend { padding: 0; margin-bottom: 0.25rem; color: var(--quiet); }
.choices { display: flex; flex-wrap: wrap; gap: 0.5rem; }
.choices label { display: flex; gap: 0.375rem; align-items: center; padding: 0 0.75rem; min-height: 2.625rem; background: var(--raised); border: 1px solid var(--field); border-radius: 6px; cursor: pointer; }
.choices label:has(:checked) { border-color: var(--link); box-shadow: inset 0 0 0 1px var(--link); }
.choices input { margin: 0; accent-color: var(--link); }
button { font: inherit; padding: 0.375rem 0.75rem; color: var(--link); background: var(--raised); border: 1px solid var(--field); border-radius: 6px; cursor: pointer; }
.shown { font-weight: 600; margin: 0; font-variant-numeric: tabular-nums; }
.none { margin-top: 0.75rem; }
.repositories, .repositories caption, .repositories thead, .repositories tbody { display: block; }
.repositories tr { display: grid; padding: 0.75rem 0; border-bottom: 1px solid var(--line); }
.repositories tbody tr { content-visibility: auto; contain-intrinsic-size: auto 11rem; }
.repositories tbody { font-size: 0.9375rem; line-height: 1.45; }
.repositories th, .repositories td { padding: 0; min-width: 0; unicode-bidi: isolate; }
.repositories tbody th { font-weight: 600; }
.repositories tbody th a { color: inherit; text-decoration-color: var(--field); }
.repositories td p { margin: 0.25rem 0 0; color: var(--quiet); }
.repositories b { font-weight: inherit; }
.repositories b::before {
  display: inline-block; width: 1.25rem; margin-right: 0.375rem; border-radius: 3px; color: var(--sign);
  font-size: 0.8125rem; line-height: 1.25rem; font-weight: 700; text-align: center;
}
.repositories code { color: var(--quiet); }
.repositories tbody .group { content-visibility: visible; }
.repositories .group th { grid-column: 1 / -1; }
.repositories .group p { margin: 0.25rem 0 0; color: var(--quiet); font-weight: 400; }
.repositories .group button { margin-left: 0.75rem; padding: 0.125rem 0.625rem; font-weight: 400; }
.repositories .group b + code { display: inline; }
.repositories b + code { display: block; }
[data-outcome=registered] b::before, [data-kind=registered] b::before { content: "✓"; content: "✓" / ""; background: var(--registered); }
[data-outcome=excluded] b::before, [data-kind=excluded] b::before { content: "–"; content: "–" / ""; background: var(--excluded); }
[data-outcome=absent] b::before, [data-kind=absent] b::before { content: "○"; content: "○" / ""; background: var(--absent); }
[data-outcome=unknown] b::before, [data-kind=unknown] b::before { content: "?"; content: "?" / ""; background: var(--unknown); }
[data-outcome=registered] td:nth-child(3), [data-outcome=registered] td:nth-child(4) { color: var(--quiet); }
`;

/** Each row is a card on a phone, and a row on a tablet, on larger screens and on paper. */
const WIDE = `
.repositories tr { grid-template-columns: 1.5fr 1.15fr 1.7fr 1.7fr 1.3fr; gap: 1.5rem; }
.repositories tbody tr { contain-intrinsic-size: auto 4.5rem; padding: 0.625rem 0; }
`;
const NARROW = `
.repositories thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.repositories td { margin-top: 0.375rem; }
.repositories b + code { display: inline; }
.repositories td::before { display: block; color: var(--quiet); font-size: 0.8125rem; }
.repositories td:nth-child(3)::before { content: "Cause"; }
.repositories td:nth-child(4)::before { content: "Remedy"; }
.repositories td:nth-child(5)::before { content: "Files"; }
.repositories td:has(> .none-at-all) { display: none; }
`;
const PRINT = `
@page { margin: 15mm; }
:root { color-scheme: light; }
body { padding: 0; max-width: none; font-size: 10pt; background: #fff; }
.filters, noscript, .none { display: none; }
.sign, .repositories b::before { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
.repositories tbody { font-size: 8.5pt; }
.repositories tr { gap: 0.75rem; }
.repositories tbody tr, .targets li { content-visibility: visible; break-inside: avoid; }
h2, h3, caption { break-after: avoid; }
.outcome, figure, .kinds { break-inside: avoid; }
a { color: inherit; }
`;

export const STYLES = `${BASICS}${CHARTS}${TABLES}
@media (min-width: 60rem), print {${WIDE}}
@media screen and (max-width: 59.99rem) {${NARROW}}
@media print {${PRINT}}
`;

export const SCRIPT = `
'use strict';
(() => {
  const count = number => number.toLocaleString('en-US');

  /** Some browsers drop the roles of a table that is laid out as a grid, so set them. */
  const setRoles = table => {
    const roles = [
      ['thead, tbody', 'rowgroup'],
      ['tr', 'row'],
      ['td', 'cell'],
      ['th[scope=col]', 'columnheader'],
      ['th[scope=row], th[scope=rowgroup]', 'rowheader'],
    ];
    table.setAttribute('role', 'table');
    for (const [selector, role] of roles) {
      for (const element of table.querySelectorAll(selector)) {
        element.setAttribute('role', role);
      }
    }
  };

  const read = group => row => {
    const code = row.cells[1].querySelector('code');
    const reason = code ? code.textContent.toLowerCase() : '';
    const text = row.cells[0].textContent.toLowerCase() + ' ' + reason;
    return { row, group, outcome: row.dataset.outcome, reason, text };
  };

  /** Matches a word in the name or the reason; reason:fork matches exactly that reason. */
  const contains = (entry, word) =>
    word.startsWith('reason:')
      ? entry.reason === word.slice(7)
      : entry.text.includes(word);

  const setUp = section => {
    const table = section.querySelector('table.repositories');
    if (!table) {
      return;
    }
    setRoles(table);
    const filters = section.querySelector('.filters');
    const search = filters.querySelector('input[type=search]');
    const choices = Array.from(filters.querySelectorAll('input[type=radio]'));
    const shown = section.querySelector('.shown');
    const none = section.querySelector('.none');
    const groups = [];
    const rows = Array.from(table.tBodies).flatMap(body => {
      const head = body.querySelector('tr.group');
      const group = head && { head, button: head.querySelector('button'), open: false };
      if (group) {
        groups.push(group);
      }
      return Array.from(body.querySelectorAll('tr[data-outcome]'), read(group));
    });
    const all = shown.textContent;

    const apply = () => {
      const words = search.value.toLowerCase().split(/\\s+/).filter(word => word !== '');
      const outcome = choices.find(choice => choice.checked).value;
      let matching = 0;
      for (const group of groups) {
        group.head.hidden = true;
        const isOpen = group.open || words.length > 0;
        group.button.textContent = isOpen ? 'Hide them' : 'Show them';
        group.button.setAttribute('aria-expanded', String(isOpen));
        group.button.hidden = words.length > 0;
      }
      for (const entry of rows) {
        const { row, group } = entry;
        const matches =
          (outcome === '' || entry.outcome === outcome) &&
          words.every(word => contains(entry, word));
        const isFolded = group && !group.open && words.length === 0;
        row.hidden = !matches || Boolean(isFolded);
        if (group && matches) {
          group.head.hidden = false;
        }
        matching += matches ? 1 : 0;
      }
      const narrowed = words.length > 0 || outcome !== '';
      shown.textContent = narrowed ? count(matching) + ' of ' + all + ' shown' : all;
      none.hidden = matching > 0;
      table.hidden = matching === 0;
    };

    const show = text => {
      search.value = text;
      choices[0].checked = true;
      apply();
      section.querySelector('.list').scrollIntoView();
      search.focus({ preventScroll: true });
    };

    for (const group of groups) {
      group.button.addEventListener('click', () => {
        group.open = !group.open;
        apply();
      });
    }
    // Groups cannot be opened on paper.
    addEventListener('beforeprint', () => {
      groups.forEach(group => { group.open = true; });
      apply();
    });
    search.addEventListener('input', apply);
    filters.addEventListener('change', apply);
    none.querySelector('button').addEventListener('click', () => show(''));
    for (const link of section.querySelectorAll('[data-search]')) {
      link.addEventListener('click', event => {
        event.preventDefault();
        show('reason:' + link.dataset.search);
      });
    }
    filters.hidden = false;
    // Some browsers restore the search text when the page is reloaded.
    apply();
  };

  document.querySelectorAll('section.provider').forEach(setUp);

  // Lists cannot be opened on paper.
  addEventListener('beforeprint', () => {
    document.querySelectorAll('details').forEach(element => { element.open = true; });
  });
})();
`;
