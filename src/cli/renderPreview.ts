/** A preview as people read it at a terminal. Pure. */

import { RunSummary } from '../discovery/summarizeRun';
import { OUTCOME_KINDS, OutcomeKind } from '../model';
import { SharedFile } from '../conflicts/describeConflicts';
import { explainWithoutParser } from '../discovery/explanations';
import { listExamples, quote } from '../util/text';
import {
  describeBudget,
  formatDuration,
  formatPlural,
  indent,
  renderColumns,
} from './format';
import {
  CatalogDifference,
  KNOWN_BY_ENTITIES,
  PreviewDocument,
  PreviewedRepository,
  ProviderPreview,
} from './previewDocument';

/** Named of each outcome; all of them are in `--json` and `--html`. */
const MAX_EXAMPLES = 5;

/** The whole document. */
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

/** Repositories that ended alike. */
interface Group {
  readonly outcome: OutcomeKind;
  readonly reason?: string;
  readonly repositories: readonly PreviewedRepository[];
}

/** In the order of the outcomes, then the largest first. */
function groupRepositories({ repositories }: ProviderPreview): Group[] {
  return OUTCOME_KINDS.flatMap(outcome => {
    const byReason = new Map<string | undefined, PreviewedRepository[]>();
    for (const one of repositories.filter(each => each.outcome === outcome)) {
      const members = byReason.get(one.reason) ?? [];
      members.push(one);
      byReason.set(one.reason, members);
    }
    return [...byReason]
      .map(([reason, members]) => ({ outcome, reason, repositories: members }))
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
      : `${locations} found until then. A run that fails adds what it has found and removes nothing.`;
  return `${table}\n\n${verdict}`;
}

function renderGroup({ outcome, reason, repositories }: Group): string {
  const explanation = explainWithoutParser(outcome, reason);
  const title = reason === undefined ? outcome : `${outcome}: ${reason}`;
  const remedy = explanation?.remedy;
  const shown = repositories.slice(0, MAX_EXAMPLES).map(renderExample);
  const left = repositories.length - shown.length;
  return [
    `${title} (${repositories.length})`,
    explanation && indent(explanation.cause),
    // Of what is in the catalog there is nothing to be done.
    outcome !== 'registered' && remedy && indent(`What to do: ${remedy}`),
    ...shown.map(line => indent(line, '    ')),
    left > 0 && indent(`and ${left} more`, '    '),
  ]
    .filter(Boolean)
    .join('\n');
}

function renderExample(one: PreviewedRepository): string {
  const name = formatName(one);
  const more = one.detail ?? one.files.map(file => file.path).join(', ');
  return more === '' ? name : `${name}  ${more}`;
}

function renderCost({ requests, durationMs, budget }: ProviderPreview): string {
  const kinds = Object.entries(requests.byKind)
    .sort(([, a], [, b]) => b - a)
    .map(([kind, count]) => `${count} ${kind}`);
  const took = formatDuration(durationMs);
  // Without a limit they wait for each other, which is nobody's concern.
  const isPaced = budget?.kind === 'limited' || requests.rateLimited > 0;
  const paced = `; during ${formatDuration(requests.pacedMs)} of the ${took} requests waited for their turn`;
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
  const isSame = [added, removed, heldBack].every(one => one.length === 0);
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

/** Which files the live catalog could not use; nothing where it could. */
function renderErrors(repositories: readonly PreviewedRepository[]): string {
  const failing = repositories.filter(one => one.catalog?.errors.length);
  const left = failing.length - MAX_EXAMPLES;
  return failing.length === 0
    ? ''
    : [
        `Errors in the catalog: ${formatPlural(failing.length, 'repository', 'repositories')}`,
        ...failing
          .slice(0, MAX_EXAMPLES)
          .map(one => indent([formatName(one), indent(renderInCatalog(one))].join('\n'))),
        ...(left > 0 ? [indent(`and ${left} more`)] : []),
      ].join('\n');
}

function formatName({ projectKey, repositorySlug }: PreviewedRepository): string {
  return `${projectKey}/${repositorySlug}`;
}

function renderInCatalog(one: PreviewedRepository): string {
  return renderColumns(inCatalogRows(one));
}

/** What became of its files in the live catalog, where that is known. */
function inCatalogRows({ catalog }: PreviewedRepository): string[][] {
  if (!catalog) {
    return [];
  }
  const { entities, errors } = catalog;
  const nothing =
    errors.length > 0
      ? 'nothing'
      : 'nothing: the catalog has not come to the files yet, or they are empty';
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

/** Why entities are still in the catalog although their file is gone. */
function heldRows({ heldRemovals = [] }: PreviewedRepository): string[][] {
  return heldRemovals
    .filter(one => !one.approved)
    .slice(0, MAX_EXAMPLES)
    .map(({ targetUrl, since }) => [
      'Held back',
      `the removal of ${targetUrl}, since ${since}: it stays until every run for removals.holdFor has confirmed that, or somebody approves it`,
    ]);
}

/** When the backend looked, and looks again, where that is known. */
function lookRows({ checkedAt, dueAt }: PreviewedRepository): string[][] {
  return checkedAt === undefined
    ? []
    : [
        ['Last look', checkedAt],
        ['Next look', dueAt === undefined ? 'with the next run' : `from ${dueAt} on`],
      ];
}

/** Which files several providers would register; nothing where there are none. */
export function renderConflicts(conflicts: readonly SharedFile[]): string[] {
  const [first] = conflicts;
  if (!first) {
    return [];
  }
  const left = conflicts.length - MAX_EXAMPLES;
  const lines = [
    `Conflicts: ${formatPlural(conflicts.length, 'file')} of several providers`,
    indent(`What to do: ${first.remedy}`),
    ...conflicts.slice(0, MAX_EXAMPLES).map(one => indent(one.explanation, '    ')),
    ...(left > 0 ? [indent(`and ${left} more`, '    ')] : []),
  ];
  return [lines.join('\n')];
}

/** One repository, everything that is known about it. */
export function renderRepository(one: PreviewedRepository): string {
  const outcome =
    one.reason === undefined ? one.outcome : `${one.outcome}: ${one.reason}`;
  const rows = [
    ['Outcome', outcome],
    ['Cause', one.cause],
    ...(one.detail === undefined ? [] : [['Detail', one.detail]]),
    ['What to do', one.remedy],
    ...one.files.map(file => ['File', `${file.path} -> ${file.targetUrl}`]),
    ...(one.url === undefined ? [] : [['Page', one.url]]),
    ...inCatalogRows(one),
    ...heldRows(one),
    ...lookRows(one),
  ];
  return `${formatName(one)}\n${indent(renderColumns(rows))}`;
}
