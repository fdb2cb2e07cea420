/** The tables of Backstage installations as Markdown. Pure. */

import {
  BackstageResult,
  BackstageSetting,
  getCompression,
  extrapolate,
  formatMinutes,
  hasKeptUp,
  MODEL_REPOSITORIES,
  REAL,
  toRealSeconds,
} from './backstages';
import { getHourlyRequests, ratio } from './criteria';
import { formatCount, SUBJECT_NAMES } from './describe';
import { FILE_EVERY } from './plan';
import { Column, renderTable } from './renderTable';

const SETTING_COLUMNS: readonly Column[] = [
  { heading: 'module and reader' },
  { heading: 'code search' },
  { heading: 'webhooks' },
  { heading: '`maxAge`', align: 'right' },
  { heading: 'a run every', align: 'right' },
];
const HOURLY_COLUMNS: readonly Column[] = [
  { heading: 'requests per hour', align: 'right' },
  { heading: 'of which reads', align: 'right' },
  { heading: 'share of the published one', align: 'right' },
];
const SEEN_COLUMNS: readonly Column[] = [
  { heading: 'duration of an hour', align: 'right' },
  { heading: 'hours', align: 'right' },
  { heading: 'runs', align: 'right' },
  { heading: 'requests' },
];

const count = (of: number, noun: string) => `${formatCount(of)} ${noun}`;
const REAL_FILES = REAL.repositories / FILE_EVERY;
const MODEL_FILES = MODEL_REPOSITORIES / FILE_EVERY;

const NOTES = `- A real backend with the real catalog, its processing and its scheduler, once everything is in the catalog; both modules check files (\`validateLocationsExist\`).
- Measured with ${count(MODEL_REPOSITORIES, 'repositories')}, of which ${MODEL_FILES} hold a file. All times of the configuration (\`processingInterval\` of 100 to 150 seconds, \`schedule\`, \`maxAge\`, \`recheck\`) are divided by the same number, so that an hour takes as long as the second table shows, with the requests that the server received.
- Extrapolated to ${count(REAL.repositories, 'repositories')} with ${formatCount(REAL_FILES)} files and to one hour: ${REAL.repositories / MODEL_REPOSITORIES} times the requests for single repositories; listings and searches are counted by their pages. Where only an hour was measured with code search, the daily checks of repositories without a file (\`recheck.absent\`) are calculated: ${formatCount((REAL.repositories - REAL_FILES) / 24)} an hour.
- Webhooks: ${REAL.pushesPerHour} pushes per hour to default branches, each in another repository, whose default branch is therefore requested each time; one in ${FILE_EVERY} goes to a repository with a file. The published module is measured without webhooks, with which it would send more requests.
- What does not scale: the catalog polls for due entities once a second, so it processes each at most every 2 to 3 seconds. With a \`maxAge\` of 24 hours that corresponds to every 30 to 45 minutes, which delays reads that are due. The scheduler is configured to poll twice a second. No rate limit is reached, so none has to be scaled.
- The rows in bold are the recommended settings, to which the criterion applies.`;

/** Renders the measured numbers, and those extrapolated to a real server. */
export function renderBackstages(results: readonly BackstageResult[]): string {
  return [
    renderTable(
      [...SETTING_COLUMNS, ...HOURLY_COLUMNS],
      results.map(result => [
        ...describeSetting(result.setting),
        ...describeHourly(result, results),
      ]),
    ),
    renderTable(
      [...SETTING_COLUMNS, ...SEEN_COLUMNS],
      results.map(result => [
        ...describeSetting(result.setting),
        ...describeSeen(result),
      ]),
    ),
    NOTES,
  ].join('\n\n');
}

function describeSetting(setting: BackstageSetting): string[] {
  const { hasSearch, hasWebhooks, isRecommended, maxAgeMinutes, subject } = setting;
  const name = subject === 'peer' ? 'published, built in' : SUBJECT_NAMES.ours;
  return [
    isRecommended ? `**${name}**` : name,
    hasSearch ? 'yes' : 'no',
    hasWebhooks ? 'yes' : 'no',
    maxAgeMinutes === undefined ? '-' : formatMinutes(maxAgeMinutes),
    formatMinutes(setting.runEveryMinutes),
  ];
}

function describeHourly(
  result: BackstageResult,
  results: readonly BackstageResult[],
): string[] {
  const { run, setting } = result;
  if (run.kind === 'failed') {
    return ['failed', '-', '-'];
  }
  const peer = getHourlyRequests(results.find(other => other.setting.subject === 'peer'));
  const { reads, total } = extrapolate(setting, run.counts);
  const isWhole = hasKeptUp(setting, run.counts);
  return [
    isWhole ? formatCount(total) : `${formatCount(total)}, runs missing`,
    `${formatCount(reads)} (${Math.round((100 * reads) / total)} %)`,
    isWhole ? ratio(total, peer?.total, 3) : '-',
  ];
}

function describeSeen({ run, setting }: BackstageResult): string[] {
  const compression = getCompression(setting);
  const seen =
    run.kind === 'failed'
      ? ['-', run.error]
      : [formatCount(run.counts.runs), describeCounts(run.counts)];
  return [`${toRealSeconds(1, compression)} s`, formatCount(compression.hours), ...seen];
}

/** Lists the requests by kind; `raw` without the reads, which are also listed. */
function describeCounts({
  byKind,
  reads,
}: Extract<BackstageResult['run'], { kind: 'finished' }>['counts']): string {
  const { raw = 0, ...others } = byKind;
  return Object.entries({ ...others, 'raw by discovery': raw - reads, reads })
    .filter(([, of]) => of > 0)
    .sort(([, a], [, b]) => b - a)
    .map(([kind, of]) => count(of, kind))
    .join(', ');
}
