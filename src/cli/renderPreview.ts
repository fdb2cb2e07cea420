/** Renders a preview as text for a terminal. Pure. */

import { RunSummary } from '../discovery/summarizeRun';
import { OUTCOME_KINDS, OutcomeKind } from '../model';
import { SharedFile } from '../conflicts/describeConflicts';
import { explainWithoutParser } from '../discovery/explanations';
import { groupBy } from '../util/groupBy';
import { formatAddress, formatPlural, listExamples, quote } from '../util/text';
import { describeBudget, formatDuration, indent, renderColumns } from './format';
import {
  CatalogDifference,
  KNOWN_BY_ENTITIES,
  PreviewDocument,
  PreviewedRepository,
  ProviderPreview,
} from './previewDocument';

/** The number of repositories shown per outcome; `--json` and `--html` have all of them. */
const MAX_EXAMPLES = 5;

/** Renders the whole document. */
export function renderPreview(document: PreviewDocument): string {
  const parts = document.providers.map(renderProvider);
  const conflicts = renderConflicts(document.conflicts);
  const end = 'This was a preview: nothing was changed anywhere.';
  return `${[...parts, ...conflicts, end].join('\n\n')}\n`;
}

function renderProvider(preview: ProviderPreview): string {
  return [
    `Provider ${preview.providerId} on ${preview.host}`,
    preview.error && indent(`FAILED: ${preview.error}`),
    indent(renderCounts(preview)),
    ...groupRepositories(preview).map(group => indent(renderGroup(group))),
    indent(renderCost(preview)),
    preview.against && indent(renderDifference(preview.against, preview.summary)),
    indent(renderErrors(preview.repositories)),
  ]
    .filter(Boolean)
    .join('\n\n');
}

/** Repositories with the same outcome and reason. */
interface Group {
  readonly outcome: OutcomeKind;
  readonly reason?: string;
  readonly repositories: readonly PreviewedRepository[];
}

/** Groups repositories in the order of the outcomes, the largest group of each first. */
function groupRepositories({ repositories }: ProviderPreview): Group[] {
  return OUTCOME_KINDS.flatMap(outcome => {
    const members = repositories.filter(repository => repository.outcome === outcome);
    return [...groupBy(members, repository => repository.reason)]
      .map(([reason, alike]) => ({ outcome, reason, repositories: alike }))
      .sort((a, b) => b.repositories.length - a.repositories.length);
  });
}

function renderCounts(preview: ProviderPreview): string {
  const rows = groupRepositories(preview).map(({ outcome, reason, repositories }) => [
    outcome,
    reason ?? '',
    String(repositories.length),
  ]);
  const head = ['Outcome', 'Reason', 'Repositories'];
  const sum = ['', 'all', String(preview.summary.repositories)];
  const table = renderColumns([head, ...rows, sum], [2]);
  const locations = formatPlural(preview.summary.locations, 'Location');
  const verdict =
    preview.status === 'succeeded'
      ? `${locations} would be in the catalog.`
      : `${locations} found before the failure. A failed run adds what it has found and removes nothing.`;
  return `${table}\n\n${verdict}`;
}

function renderGroup({ outcome, reason, repositories }: Group): string {
  const explanation = explainWithoutParser(outcome, reason);
  const title = reason === undefined ? outcome : `${outcome}: ${reason}`;
  const remedy = explanation?.remedy;
  return [
    `${title} (${repositories.length})`,
    explanation && indent(explanation.cause),
    // A registered repository needs no action.
    outcome !== 'registered' && remedy && indent(`What to do: ${remedy}`),
    ...listFirst(repositories, renderExample).map(line => indent(line, '    ')),
  ]
    .filter(Boolean)
    .join('\n');
}

function renderExample(repository: PreviewedRepository): string {
  const { detail, files } = repository;
  const name = formatName(repository);
  const text = detail ?? files.map(file => file.path).join(', ');
  return text === '' ? name : `${name}  ${text}`;
}

function renderCost({ requests, durationMs, budget }: ProviderPreview): string {
  const kinds = Object.entries(requests.byKind)
    .sort(([, a], [, b]) => b - a)
    .map(([kind, count]) => `${count} ${kind}`);
  const took = formatDuration(durationMs);
  // Without a limit, requests wait only for each other, which is of no interest.
  const isPaced = budget?.kind === 'limited' || requests.rateLimited > 0;
  const paced = `; requests waited for their turn during ${formatDuration(requests.pacedMs)} of the ${took}`;
  return [
    `${formatPlural(requests.total, 'request')} in ${took}${kinds.length > 0 ? `: ${kinds.join(', ')}` : ''}`,
    `${formatPlural(requests.retries, 'retry', 'retries')}, ${requests.rateLimited} refused by the rate limit`,
    `Rate limit: ${describeBudget(budget)}${isPaced ? paced : ''}`,
  ].join('\n');
}

function renderDifference(
  difference: CatalogDifference,
  { replaced }: RunSummary,
): string {
  const { url, added, removed, heldBack, heldBackReason, unchanged } = difference;
  const isSame = [added, removed, heldBack].every(targets => targets.length === 0);
  return [
    `Compared with the catalog at ${url}`,
    indent(
      isSame
        ? `No difference: ${formatPlural(unchanged, 'Location')} as before.`
        : `${added.length} would be added, ${removed.length} removed${replaced > 0 ? ` (${replaced} replaced by the same file under another URL)` : ''}, ${heldBack.length} held back, ${unchanged} unchanged.`,
    ),
    difference.knownBy === 'entities' && indent(KNOWN_BY_ENTITIES),
    ...added.map(target => indent(`+ ${target}`)),
    ...removed.map(target => indent(`- ${target}`)),
    heldBackReason && indent(`Held back: ${heldBackReason}.`),
    ...heldBack.map(target => indent(`= ${target}`)),
  ]
    .filter(Boolean)
    .join('\n');
}

/** Lists the files that the live catalog could not process; empty if there are none. */
function renderErrors(repositories: readonly PreviewedRepository[]): string {
  const failing = repositories.filter(({ catalog }) => catalog?.errors.length);
  const shown = listFirst(failing, repository =>
    [formatName(repository), indent(renderColumns(inCatalogRows(repository)))].join('\n'),
  );
  return failing.length === 0
    ? ''
    : [
        `Errors in the catalog: ${formatPlural(failing.length, 'repository', 'repositories')}`,
        ...shown.map(text => indent(text)),
      ].join('\n');
}

/** Renders the first few items, and how many more there are. */
function listFirst<T>(items: readonly T[], render: (item: T) => string): string[] {
  const left = items.length - MAX_EXAMPLES;
  return [
    ...items.slice(0, MAX_EXAMPLES).map(render),
    ...(left > 0 ? [`and ${left} more`] : []),
  ];
}

function formatName({ projectKey, repositorySlug }: PreviewedRepository): string {
  return formatAddress({ projectKey, slug: repositorySlug });
}

/** The entities and errors of the files in the live catalog, if known. */
function inCatalogRows({ catalog, outcome }: PreviewedRepository): string[][] {
  if (!catalog) {
    return [];
  }
  const { entities, errors } = catalog;
  const isExplained = errors.length > 0 || outcome !== 'registered';
  const nothing = isExplained
    ? 'nothing'
    : 'nothing: the catalog has not processed the files yet, or they are empty';
  return [
    ['In the catalog', entities.length > 0 ? listExamples(entities, String) : nothing],
    ...errors.slice(0, MAX_EXAMPLES).flatMap(({ entityRef, message, remedy }) => [
      ['Error', `${entityRef}: ${quote(message)}`],
      ['What to do', remedy],
    ]),
    ...(errors.length > MAX_EXAMPLES
      ? [['', `and ${errors.length - MAX_EXAMPLES} more errors`]]
      : []),
  ];
}

/** Explains why entities are still in the catalog although their file is gone. */
function heldRows({ heldRemovals = [] }: PreviewedRepository): string[][] {
  return heldRemovals
    .filter(({ approved }) => !approved)
    .slice(0, MAX_EXAMPLES)
    .map(({ targetUrl, since }) => [
      'Held back',
      `the removal of ${targetUrl}, since ${since}: it stays until all runs within removals.holdFor have confirmed the removal, or someone approves it`,
    ]);
}

/** When the backend last checked the repository and when it checks again, if known. */
function checkRows({ checkedAt, dueAt }: PreviewedRepository): string[][] {
  return checkedAt === undefined
    ? []
    : [
        ['Last check', checkedAt],
        ['Next check', dueAt === undefined ? 'with the next run' : `from ${dueAt} on`],
      ];
}

/** Lists the files that several providers would register; empty if there are none. */
export function renderConflicts(conflicts: readonly SharedFile[]): string[] {
  const [first] = conflicts;
  if (!first) {
    return [];
  }
  const shown = listFirst(conflicts, ({ explanation }) => explanation);
  const lines = [
    `Conflicts: ${formatPlural(conflicts.length, 'file')} of several providers`,
    indent(`What to do: ${first.remedy}`),
    ...shown.map(text => indent(text, '    ')),
  ];
  return [lines.join('\n')];
}

/** Renders all details of one repository. */
export function renderRepository(repository: PreviewedRepository): string {
  const { catalog, outcome, reason, cause, detail, remedy, files, url } = repository;
  // The errors in the catalog have their own remedies, and "None" would contradict them.
  const isRemedied = outcome === 'registered' && (catalog?.errors ?? []).length > 0;
  const rows = [
    ['Outcome', reason === undefined ? outcome : `${outcome}: ${reason}`],
    ['Cause', cause],
    ...(detail === undefined ? [] : [['Detail', detail]]),
    ...(isRemedied ? [] : [['What to do', remedy]]),
    ...files.map(file => ['File', `${file.path} -> ${file.targetUrl}`]),
    ...(url === undefined ? [] : [['Page', url]]),
    ...inCatalogRows(repository),
    ...heldRows(repository),
    ...checkRows(repository),
  ];
  return `${formatName(repository)}\n${indent(renderColumns(rows))}`;
}
