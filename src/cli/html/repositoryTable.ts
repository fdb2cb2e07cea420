/**
 * Renders the table of all repositories with outcome, reason and remedy, and its filters. Rows
 * are plain HTML, so that the page can be read without its script. Pure.
 */

import { OUTCOME_KINDS } from '../../model';
import { groupBy } from '../../util/groupBy';
import { formatCount, formatPlural, quote } from '../../util/text';
import { PreviewedFile, PreviewedRepository } from '../previewDocument';
import { html, Html, HtmlValue, linkTo, table, withCode } from './html';
import { OUTCOME_LABELS } from './charts';

/** The number of entities, and of errors, shown per repository. */
const MAX_EXAMPLES = 5;

const HIDDEN = Html.trusted('hidden');

/**
 * Renders the table of one provider.
 *
 * @param id - the prefix of the ids within the provider's section
 * @param providerId - names the table in its caption
 */
export function renderRepositories(
  id: string,
  providerId: string,
  repositories: readonly PreviewedRepository[],
): Html {
  return html`<section class="list" id="${id}-repositories" tabindex="-1">
    <h3 id="${id}-table">Repositories</h3>
    ${
      repositories.length === 0
        ? html`<p>No repository was found.</p> `
        : [
            renderFilters(id, repositories),
            table(
              'repositories',
              `Every repository of ${providerId}, by project key and slug; large groups with the same outcome and cause are at the end`,
              ['Repository', 'Outcome', 'Cause', 'Remedy', 'Files'],
              renderBodies(repositories),
            ),
          ]
    }
  </section> `;
}

/** Larger groups of similar repositories are collapsed, which only the script does. */
const MAX_ALIKE = 5;

/** Puts repositories outside of large groups first: they need attention most. */
function renderBodies(repositories: readonly PreviewedRepository[]): readonly Html[] {
  // Errors in the catalog differ, so repositories with errors are in no group.
  const alike = repositories.filter(({ catalog }) => !catalog?.errors.length);
  const groups = [
    ...groupBy(alike, ({ outcome, reason, cause, remedy }) =>
      JSON.stringify([outcome, reason, cause, remedy]),
    ).values(),
  ].filter(group => group.length > MAX_ALIKE);
  const grouped = new Set(groups.flat());
  const alone = repositories.filter(repository => !grouped.has(repository));
  return [
    html`<tbody>
      ${alone.map(renderRow)}
    </tbody> `,
    ...groups.sort((a, b) => b.length - a.length).map(renderGroup),
  ];
}

function renderGroup(group: readonly PreviewedRepository[]): Html {
  const [first] = group;
  const count = formatPlural(group.length, 'repository', 'repositories');
  return html`<tbody class="alike">
    ${
      first &&
      html`<tr class="group" data-kind="${first.outcome}">
        <th scope="rowgroup" colspan="5">
          <b>${OUTCOME_LABELS[first.outcome].title}</b
          >${first.reason && html` <code>${first.reason}</code>`}: ${count}
          <button type="button" ${HIDDEN}>Show them</button>
          <p>
            ${withCode(first.cause)}
            ${first.outcome === 'registered' ? undefined : withCode(first.remedy)}
          </p>
        </th>
      </tr> `
    }${group.map(renderRow)}
  </tbody> `;
}

/** Renders the filters, hidden until the script shows them, which they need. */
function renderFilters(id: string, repositories: readonly PreviewedRepository[]): Html {
  const choices = OUTCOME_KINDS.map(kind => {
    const count = repositories.filter(({ outcome }) => outcome === kind).length;
    return renderChoice(id, kind, OUTCOME_LABELS[kind].title, count);
  });
  const total = formatPlural(repositories.length, 'repository', 'repositories');
  return html`<noscript
      ><p class="quiet">
        Searching here needs JavaScript. The list below is complete; you can search it
        with your browser.
      </p></noscript
    >
    <div
      class="filters"
      role="search"
      aria-labelledby="${id}-title ${id}-table"
      ${HIDDEN}
    >
      <p class="search">
        <label for="${id}-search">Project, slug or reason</label>
        <input
          type="search"
          id="${id}-search"
          autocomplete="off"
          autocapitalize="off"
          spellcheck="false"
        />
      </p>
      <fieldset>
        <legend>Outcome</legend>
        <div class="choices">
          ${renderChoice(id, '', 'All', repositories.length)}${choices}
        </div>
      </fieldset>
    </div>
    <p class="shown" role="status">${total}</p>
    <p class="none" ${HIDDEN}>
      Nothing matches. <button type="button">Show all again</button>
    </p> `;
}

function renderChoice(id: string, value: string, title: string, count: number): Html {
  const checked = value === '' ? Html.trusted('checked') : undefined;
  return html`<label
    ><input type="radio" name="${id}-outcome" value="${value}" ${checked} /> ${title}
    <span class="quiet">${formatCount(count)}</span></label
  > `;
}

/** Renders one row, with little markup: there may be 10,000 rows. */
function renderRow(repository: PreviewedRepository): Html {
  const { projectKey, repositorySlug, outcome, reason, detail } = repository;
  // The report of the backend has them all.
  const errors = repository.catalog?.errors.slice(0, MAX_EXAMPLES) ?? [];
  const entities = repository.catalog?.entities.slice(0, MAX_EXAMPLES) ?? [];
  const name = html`${projectKey}/<wbr />${repositorySlug}`;
  return html`<tr data-outcome="${outcome}">
    <th scope="row">${linkTo(repository.url, name)}</th>
    <td>
      <b>${OUTCOME_LABELS[outcome].title}</b>${reason && html` <code>${reason}</code>`}
    </td>
    <td>
      ${withCode(repository.cause)}${detail && html`<p>${detail}</p>`}${errors.map(({ message }) => html`<p>${quote(message)}</p>`)}
    </td>
    <td>
      ${errors.length === 0 ? withCode(repository.remedy) : errors.map(({ remedy }) => html`<p>${withCode(remedy)}</p>`)}
    </td>
    <td>
      ${renderFiles(repository.files)}${entities.map(ref => html`<p class="quiet">${ref}</p>`)}
    </td>
  </tr> `;
}

function renderFiles(files: readonly PreviewedFile[]): HtmlValue {
  if (files.length === 0) {
    return html`<span class="quiet none-at-all">none</span>`;
  }
  const [first, ...others] = files.map(file => linkTo(file.targetUrl, file.path));
  return others.length === 0
    ? first
    : html`<ul>
        ${[first, ...others].map(file => html`<li>${file}</li>`)}
      </ul>`;
}
