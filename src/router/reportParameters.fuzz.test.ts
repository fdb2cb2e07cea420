import express from 'express';
import fc from 'fast-check';
import {
  expectNoPollution,
  FUZZ_RUNS,
  PROTOTYPE_NAMES,
} from '../__testUtils__/hostileData';
import { OUTCOME_KINDS } from '../model';
import {
  NO_PARAMETERS,
  readAddress,
  readQuery,
  REPOSITORY_PARAMETERS,
} from './reportParameters';

/** As Express reads the query of a request. */
const parseQuery: (text: string) => unknown = express().get('query parser fn');

const NAMES = ['outcome', 'project', 'conflicts', 'errors', 'limit', 'offset'];
const VALUES = [
  ...OUTCOME_KINDS,
  ...['true', 'false', '0', '1', '100', '1000', '1001', '-1', '1e3', '0x10', ' 1', 'NaN'],
  ...['9'.repeat(400), '%00', '%ud800', '%F0%9F', '%', '\ud800', '\u0661', '', 'PAY'],
];

const names = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom(...NAMES) },
  { weight: 1, arbitrary: fc.constantFrom(...PROTOTYPE_NAMES) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary' }) },
);
/** Express makes lists and objects of these. */
const brackets = fc.constantFrom('', '', '', '', '[]', '[0]', '[a]', '[__proto__][x]');
const values = fc.oneof(fc.constantFrom(...VALUES), fc.string({ unit: 'binary' }));
const parameter = fc
  .tuple(names, brackets, values)
  .map(([name, inner, value]) => `${name}${inner}=${value}`);
const queries = fc.array(parameter, { maxLength: 4 }).map(all => all.join('&'));

/** What is read, or the message of the one documented error. */
function attempt<T>(read: () => T): T | string {
  try {
    return read();
  } catch (error) {
    if (error instanceof Error && error.name === 'InputError') {
      return error.message;
    }
    throw error;
  }
}

it('the report reads any query, or refuses it with the name of the wrong parameter', () => {
  let accepted = 0;
  fc.assert(
    fc.property(queries, text => {
      const query = attempt(() => readQuery(REPOSITORY_PARAMETERS, parseQuery(text)));
      expectNoPollution();
      if (typeof query === 'string') {
        expect(query).toMatch(/^(Bad parameter "[a-z]+"|Unknown parameter ".*"): /s);
        return;
      }
      accepted += 1;
      const { limit, offset, outcome, conflicts, errors, project } = query;
      expect(limit >= 1 && limit <= 1000 && Number.isSafeInteger(limit)).toBe(true);
      expect(offset >= 0 && Number.isSafeInteger(offset)).toBe(true);
      expect([undefined, ...OUTCOME_KINDS]).toContain(outcome);
      expect([undefined, true]).toContain(conflicts);
      expect([undefined, true]).toContain(errors);
      // PostgreSQL takes neither.
      expect(project ?? 'PAY').toMatch(/^[^\0\ud800-\udfff]+$/u);
    }),
    { numRuns: 4 * FUZZ_RUNS },
  );
  expect(accepted).toBeGreaterThan(FUZZ_RUNS / 10);
});

it('the report refuses every parameter if none are allowed', () => {
  fc.assert(
    fc.property(queries, text => {
      const query = parseQuery(text);
      const refused = attempt(() => readQuery(NO_PARAMETERS, query));
      expect(typeof refused).toBe(
        Object.keys(Object(query)).length === 0 ? 'object' : 'string',
      );
    }),
    { numRuns: FUZZ_RUNS },
  );
});

it('the report accepts paths with characters that a database accepts, and refuses others', () => {
  const segments = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom('..', '~user', '\0', '\ud800', ...PROTOTYPE_NAMES),
  );
  fc.assert(
    fc.property(segments, segments, (key, slug) => {
      const address = attempt(() => readAddress({ key, slug }));
      const isStorable = !/[\0\ud800-\udfff]/u.test(key + '/' + slug);
      expect(address).toEqual(
        isStorable ? { projectKey: key, slug } : expect.stringMatching(/^Bad "/),
      );
    }),
    { numRuns: FUZZ_RUNS },
  );
});
