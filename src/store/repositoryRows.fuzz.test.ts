import fc from 'fast-check';
import {
  expectNoPollution,
  FUZZ_RUNS,
  hostileValues,
  arbitraryMutation,
} from '../__testUtils__/hostileData';
import { KnownRepository } from '../discovery/types';
import { storableText } from '../util/text';
import { readHeldRow, readProviderRow, toStoredDiscovery } from './ProviderTable';
import {
  foreignAddresses,
  readRepositoryRow,
  salvageRow,
  toRepositoryRow,
} from './repositoryRows';

const TARGET = 'https://git.example.com/projects/PAY/repos/api/browse/catalog-info.yaml';
const FILE = {
  path: 'catalog-info.yaml',
  targetUrl: TARGET,
  presence: 'required',
} as const;

const PARSED_FILE = { ...FILE, entity: { key: 'component:default/a', json: '{}' } };
const REGISTERED = { kind: 'registered', files: [FILE] } as const;
const PROBLEM = { reason: 'timeout', detail: 'It took too long' } as const;

const KNOWN: KnownRepository[] = [
  { files: [FILE], conclusive: REGISTERED },
  { files: [FILE, PARSED_FILE], conclusive: REGISTERED },
  {
    files: [],
    conclusive: { kind: 'absent' as const, reason: 'no-catalog-file' as const },
  },
  { files: [PARSED_FILE], problem: PROBLEM },
  { files: [FILE], conclusive: REGISTERED, problem: PROBLEM },
].map(overrides => ({
  repositoryId: 7,
  projectKey: 'PAY',
  slug: 'api',
  checkedAtMs: 1_000,
  revision: 3,
  ...overrides,
}));

/** Columns hold scalars; the JSON in them is damaged or truncated separately. */
function rowsLike(row: Record<string, unknown>): fc.Arbitrary<Record<string, unknown>> {
  const columns = Object.entries(row).map(([name, value]) => {
    const damaged: fc.Arbitrary<unknown>[] = [
      fc.constantFrom(null, '', '0', -1, 2 ** 60, 'NaN', '\0', true, '9'.repeat(400)),
      fc.constantFrom('registered', 'absent', 'unknown', '__proto__', undefined),
      hostileValues.filter(hostile => typeof hostile !== 'object'),
    ];
    if (typeof value === 'string' && /^[[{]/.test(value)) {
      damaged.push(arbitraryMutation(JSON.parse(value)).map(toText));
      damaged.push(fc.nat(value.length).map(end => value.slice(0, end)));
    }
    return (
      fc
        .oneof(
          { weight: 5, arbitrary: fc.constant(value) },
          { weight: 1, arbitrary: fc.oneof(...damaged) },
        )
        // No database returns characters that none accepts.
        .map(
          stored =>
            [name, typeof stored === 'string' ? storableText(stored) : stored] as const,
        )
    );
  });
  return fc.tuple(...columns).map(all => Object.fromEntries(all));
}

function toText(value: unknown): string {
  try {
    return JSON.stringify(value);
  } catch {
    return '['.repeat(50_000);
  }
}

const repositoryRows = fc.oneof(
  ...KNOWN.map(known => rowsLike(toRepositoryRow('default', known))),
);

it('the store reads a repository from any row, or keeps its legible part', () => {
  let readable = 0;
  let salvaged = 0;
  fc.assert(
    fc.property(repositoryRows, row => {
      const known = readRepositoryRow(row);
      const rest = salvageRow(row);
      expectNoPollution();
      if (known) {
        readable += 1;
        expect(Number.isSafeInteger(known.repositoryId)).toBe(true);
        expect([...known.files, ...foreignAddresses(known)]).toEqual(expect.any(Array));
        // A row that was read can be written, and reads the same afterwards.
        const again = readRepositoryRow(toRepositoryRow('default', known));
        expect(again).toEqual(known);
        return;
      }
      salvaged += rest.repository ? 1 : 0;
      expect(rest.name).not.toBe('');
      expect(rest.repository?.problem?.reason ?? 'not-checked').toBe('not-checked');
      if (rest.hasFiles) {
        // These must be legible: otherwise the catalog's entities would belong to no repository.
        expect(rest.repository?.files).toHaveLength(JSON.parse(String(row.files)).length);
      }
    }),
    { numRuns: 2 * FUZZ_RUNS },
  );
  expect(readable).toBeGreaterThan(FUZZ_RUNS / 10);
  expect(salvaged).toBeGreaterThan(FUZZ_RUNS / 10);
});

const reasons = { registered: {}, excluded: { fork: 1 }, absent: {}, unknown: {} };
const counts = { repositories: 9, registered: 8, excluded: 1, absent: 0, unknown: 0 };
const changes = { locations: 8, removed: 0, replaced: 0, carriedForward: 0, heldBack: 0 };
const REPORT = {
  startedAtMs: 1,
  finishedAtMs: 2,
  status: 'succeeded',
  summary: { ...counts, ...changes, reasons },
  requests: 3,
  authenticated: true,
  settings: { values: { branch: 'main', filters: { labels: ['a'] } }, sinceMs: 1 },
};

const PROVIDER_ROW = {
  provider_id: 'default',
  adopted: 1,
  run_revision: '3',
  pass_since_ms: 1,
  pass_since_revision: 2,
  pass_scope: 'scope',
  pass_listing: JSON.stringify({ projectKey: 'PAY', start: 25 }),
  checked_revision: 3,
  checked_at_ms: '1000',
  confirmed_at_ms: 1_000,
  server_urls: JSON.stringify(['https://git.example.com']),
  configuration: 'hash',
  host: 'git.example.com',
  running: 0,
  started_at_ms: 1,
  run_trigger: 'schedule',
  failed_at_ms: null,
  failure: null,
  report: JSON.stringify(REPORT),
  recheck: null,
  last_success_at_ms: 2,
};

it('the store reads the legible columns of a provider and keeps its id', () => {
  let withReport = 0;
  fc.assert(
    fc.property(rowsLike(PROVIDER_ROW), row => {
      const read = readProviderRow(row);
      expectNoPollution();
      if (typeof row.provider_id !== 'string') {
        expect(read).toBeUndefined();
        return;
      }
      expect(read?.provider_id).toBe(row.provider_id);
      const discovery = read && toStoredDiscovery(read);
      expect(discovery?.providerId).toBe(row.provider_id);
      withReport += discovery?.lastRun ? 1 : 0;
    }),
    { numRuns: 2 * FUZZ_RUNS },
  );
  expect(withReport).toBeGreaterThan(FUZZ_RUNS / 4);
  expect(withReport).toBeLessThan(2 * FUZZ_RUNS);
});

it('the store reads a held removal as it was written, or not at all', () => {
  const row = {
    target_url: TARGET,
    repository_id: 7,
    since_ms: '1000',
    confirmed_ms: 5,
    approved: 0,
  };
  expect(readHeldRow(row)).toBeDefined();
  fc.assert(
    fc.property(rowsLike(row), damaged => {
      const held = readHeldRow(damaged);
      expectNoPollution();
      if (held) {
        expect(held.entryKey).toBe(damaged.target_url);
        expect(Number.isSafeInteger(held.repositoryId)).toBe(true);
        expect(Number.isSafeInteger(held.sinceMs)).toBe(true);
      }
    }),
    { numRuns: FUZZ_RUNS },
  );
});

it('the store treats a report that is nested too deeply as missing', () => {
  const deep = '['.repeat(20_000) + ']'.repeat(20_000);
  const report = JSON.stringify(REPORT).replace('"main"', deep);
  const read = readProviderRow({ ...PROVIDER_ROW, report });
  expect(read).toMatchObject({ provider_id: 'default', pass_scope: 'scope' });
});
