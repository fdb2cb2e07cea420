/** Previews to render, with counts computed from their repositories, as in the command. */

import { findSharedFiles } from '../../../conflicts/describeConflicts';
import { explainOutcome } from '../../../discovery/explanations';
import { RunSummary } from '../../../discovery/summarizeRun';
import { OutcomeKind } from '../../../model';
import {
  PreviewDocument,
  PreviewedRepository,
  ProviderPreview,
} from '../../previewDocument';

const BASE = 'https://bitbucket.example.com';

/** Builds a repository; its page, file, cause and remedy follow from the arguments. */
export function repository(
  name: string,
  outcome: OutcomeKind,
  reason?: string,
  rest: Partial<PreviewedRepository> = {},
): PreviewedRepository {
  const [projectKey = '', repositorySlug = ''] = name.split('/');
  const url = `${BASE}/projects/${projectKey}/repos/${repositorySlug}/browse`;
  const path = 'catalog-info.yaml';
  return {
    projectKey,
    repositorySlug,
    outcome,
    reason,
    cause: '',
    remedy: '',
    ...explainOutcome(outcome, reason),
    files: outcome === 'registered' ? [{ path, targetUrl: `${url}/${path}` }] : [],
    url,
    ...rest,
  };
}

export const REPOSITORIES = [
  repository('DATA/etl', 'unknown', 'server-error', {
    detail: 'GET /rest/api/1.0/projects/DATA/repos/etl/files was answered with 503',
  }),
  repository('DATA/lake', 'unknown', 'rate-limited', {
    detail: 'Answered with 429 six times in a row',
  }),
  repository('PAY/api', 'registered'),
  repository('PAY/archive', 'excluded', 'archived'),
  repository('PAY/fork-lift', 'registered', undefined, {
    files: ['catalog-info.yaml', 'services/a/catalog-info.yaml'].map(path => ({
      path,
      targetUrl: `${BASE}/projects/PAY/repos/fork-lift/browse/${path}?at=main`,
    })),
  }),
  repository('PAY/new', 'absent', 'empty-repository'),
  repository('PAY/web', 'absent', 'no-catalog-file'),
  repository('~ANNA/api', 'excluded', 'fork'),
];

function getSummary(repositories: readonly PreviewedRepository[]): RunSummary {
  const of = (kind: OutcomeKind) =>
    repositories.filter(repository => repository.outcome === kind);
  const reasons = (kind: OutcomeKind) => {
    const counts: Record<string, number> = {};
    for (const { reason } of of(kind)) {
      if (reason !== undefined) {
        counts[reason] = (counts[reason] ?? 0) + 1;
      }
    }
    return counts;
  };
  return {
    repositories: repositories.length,
    registered: of('registered').length,
    excluded: of('excluded').length,
    absent: of('absent').length,
    unknown: of('unknown').length,
    reasons: {
      registered: reasons('registered'),
      excluded: reasons('excluded'),
      absent: reasons('absent'),
      unknown: reasons('unknown'),
    },
    locations: repositories.flatMap(repository => repository.files).length,
    removed: 0,
    replaced: 0,
    carriedForward: 0,
    heldBack: 0,
  };
}

/** Builds the preview of a provider, by default with `REPOSITORIES`. */
export function provider(changes: Partial<ProviderPreview> = {}): ProviderPreview {
  const repositories = changes.repositories ?? REPOSITORIES;
  return {
    providerId: 'default',
    host: 'bitbucket.example.com',
    status: 'succeeded',
    startedAt: '2025-03-04T12:30:00.000Z',
    finishedAt: '2025-03-04T12:30:12.400Z',
    durationMs: 12_400,
    summary: getSummary(repositories),
    requests: {
      total: 24,
      retries: 5,
      rateLimited: 6,
      byKind: { repositories: 1, 'file-check': 22, 'rate-limit-settings': 1 },
      waitedMs: 3100,
      pacedMs: 2400,
      perSecond: [4, 5, 5, 2, 0, 1, 1, 2, 1, 1, 1, 0, 1],
    },
    budget: { kind: 'limited', capacity: 60, fillRatePerSecond: 5 },
    repositories,
    ...changes,
  };
}

export function preview(...providers: readonly ProviderPreview[]): PreviewDocument {
  const conflicts = findSharedFiles(providers);
  return { version: 1, createdAt: '2025-03-04T12:34:56.000Z', providers, conflicts };
}

const REASONS: readonly (readonly [OutcomeKind, string | undefined])[] = [
  ...Array<[OutcomeKind, undefined]>(14).fill(['registered', undefined]),
  ['excluded', 'archived'],
  ['excluded', 'fork'],
  ['absent', 'no-catalog-file'],
  ['absent', 'no-catalog-file'],
  ['absent', 'empty-repository'],
  ['unknown', 'not-permitted'],
];

/** Builds the given number of repositories, of all outcomes. */
export function manyRepositories(count: number): PreviewedRepository[] {
  return Array.from({ length: count }, (_, index) => {
    const [outcome = 'registered', reason] = REASONS[index % REASONS.length] ?? [];
    const number = String(index).padStart(5, '0');
    return repository(
      `TEAM${Math.floor(index / 100)}/service-${number}`,
      outcome,
      reason,
    );
  });
}

/** Names that an attacker could give a repository to inject code into the page. */
const HOSTILE = {
  script: '<script>window.__pwned = 1</script>',
  image: '"><img src=x onerror="window.__pwned = 1">',
  single: "' onmouseover='window.__pwned = 1",
  close: '</script></style></title><script>window.__pwned = 1</script>',
  bidi: 'safe\u202Eexe.lmx\u2066\u0000\u200B\uD800',
  address: 'javascript:window.__pwned=1',
} as const;

/** Builds a preview in which every text from Bitbucket is hostile. */
export function hostileProvider(): ProviderPreview {
  const { script, image, single, close, bidi, address } = HOSTILE;
  const rest = {
    detail: close,
    cause: image,
    remedy: script,
    url: address,
    files: [
      { path: image, targetUrl: ` ${address}` },
      { path: single, targetUrl: 'https://user:password@bitbucket.example.com/x' },
      { path: bidi, targetUrl: `data:text/html,${script}` },
      { path: 'fine', targetUrl: `${BASE}/browse/"onclick="x` },
    ],
  };
  const names = [script, image, single, close, bidi].map(text =>
    text.replace(/\//g, '∕'),
  );
  return provider({
    providerId: script,
    host: close,
    status: 'failed',
    error: image,
    startedAt: single,
    repositories: names.map(name =>
      repository(`${name}/${name}`, 'unknown', image, rest),
    ),
    requests: { ...provider().requests, byKind: { [script]: 1 } },
    against: {
      url: address,
      knownBy: 'entities',
      added: [image, address],
      removed: [script],
      heldBack: [close],
      heldBackReason: image,
      unchanged: 0,
    },
  });
}
