/**
 * Nearly valid data for fuzz tests: valid data with members that are missing, of another type,
 * of absurd size, or named so that careless code would change its prototype.
 * Must not be used outside tests.
 */

import fc from 'fast-check';

/**
 * The number of samples of each fuzz test; `PROPERTY_RUNS` overrides it for longer runs.
 * A test whose runs take more than a few milliseconds each divides it.
 */
export const FUZZ_RUNS = fc.readConfigureGlobal().numRuns ?? 200;

/** Names of members that every object inherits, or would inherit. */
export const PROTOTYPE_NAMES = ['__proto__', 'constructor', 'prototype', 'toString'];

const SCALARS: readonly unknown[] = [
  null,
  true,
  false,
  0,
  -1,
  1.5,
  2 ** 31,
  2 ** 53,
  -(2 ** 63),
  1e308,
  '',
  ' ',
  '0',
  '-1',
  'true',
  'null',
  '1e999',
  '..',
  '../../etc/passwd',
  '%2e%2e%2f',
  'javascript:alert(1)',
  '//evil.example.com',
  '\0',
  '\ud800',
  '\udc00\ud800',
  '\u001b[2J',
  '\u202e',
  '${env}',
  'a'.repeat(20_000),
  ...PROTOTYPE_NAMES,
];

/** Creates the object by parsing, so that `__proto__` is a member like any other. */
const POLLUTION = [
  '{"__proto__":{"polluted":true}}',
  '{"constructor":{"prototype":{"polluted":true}}}',
  '{"__proto__":null}',
  '{"toString":1,"valueOf":1,"hasOwnProperty":1,"length":-1}',
];

/** Deep enough for recursion to exhaust the stack. */
const DEEP = '['.repeat(20_000) + ']'.repeat(20_000);

/** Draws any JSON value, hostile ones more often than others. */
export const hostileValues: fc.Arbitrary<unknown> = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...SCALARS) },
  { weight: 2, arbitrary: fc.constantFrom(...POLLUTION).map(text => JSON.parse(text)) },
  { weight: 1, arbitrary: fc.constant(DEEP).map(text => JSON.parse(text)) },
  { weight: 1, arbitrary: fc.constantFrom([], {}, [[]], [null], [{}]) },
  { weight: 1, arbitrary: fc.double() },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 20 }) },
  { weight: 2, arbitrary: fc.jsonValue({ maxDepth: 3, noUnicodeString: false }) },
);

const hostileNames = fc.oneof(
  fc.constantFrom(...PROTOTYPE_NAMES, 'polluted', '', '0', 'length'),
  fc.string({ unit: 'binary', maxLength: 8 }),
);

/** One change, at the place where following `route` ends. */
const mutations = fc.record({
  route: fc.array(fc.nat(20), { minLength: 1, maxLength: 7 }),
  kind: fc.constantFrom('replace', 'replace', 'replace', 'remove', 'add', 'repeat'),
  name: hostileNames,
  value: hostileValues,
});

type Mutation = typeof mutations extends fc.Arbitrary<infer M> ? M : never;

/**
 * Draws a valid value with one to three changes anywhere within it.
 *
 * @param valid - a JSON value; not modified
 */
export function arbitraryMutation(valid: unknown): fc.Arbitrary<unknown> {
  const text = JSON.stringify(valid);
  return fc
    .array(mutations, { minLength: 1, maxLength: 3 })
    .map(all => all.reduce<unknown>(mutate, JSON.parse(text)));
}

function mutate(root: unknown, { route, kind, name, value }: Mutation): unknown {
  const [parent, key] = follow(root, route);
  if (parent === undefined) {
    return value;
  }
  switch (kind) {
    case 'remove':
      Reflect.deleteProperty(parent, key);
      return root;
    case 'add':
      define(parent, Array.isArray(parent) ? String(parent.length) : name, value);
      return root;
    case 'repeat':
      define(parent, key, Array(3).fill(Reflect.get(parent, key)));
      return root;
    default:
      define(parent, key, value);
      return root;
  }
}

/** Sets a member like `JSON.parse`: an assignment to `__proto__` would set the prototype. */
function define(parent: object, key: string, value: unknown): void {
  Object.defineProperty(parent, key, {
    value,
    configurable: true,
    enumerable: true,
    writable: true,
  });
}

/** Returns the end of a route: the innermost object or list it reaches, and one of its members. */
function follow(
  root: unknown,
  route: readonly number[],
): [parent: object | undefined, key: string] {
  let place: [object | undefined, string] = [undefined, ''];
  let value = root;
  for (const step of route) {
    if (!isNested(value)) {
      break;
    }
    const keys = Object.keys(value);
    const key = keys[step % Math.max(1, keys.length)];
    if (key === undefined) {
      break;
    }
    place = [value, key];
    value = Reflect.get(value, key);
  }
  return place;
}

function isNested(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

const MEMBERS = Reflect.ownKeys(Object.prototype).length;

/** Fails where the prototype of all objects has been changed. */
export function expectNoPollution(): void {
  expect(Reflect.get({}, 'polluted')).toBeUndefined();
  expect(Reflect.ownKeys(Object.prototype)).toHaveLength(MEMBERS);
}
