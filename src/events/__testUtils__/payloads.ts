/** Minimal valid webhook payloads. For tests. */

/** A repository, by default on `https://git.example.com/ctx`. */
export function repositoryPayload(overrides: object = {}): object {
  const self = [{ href: 'https://git.example.com/ctx/projects/PAY/repos/api/browse' }];
  return { id: 7, slug: 'api', project: { key: 'PAY' }, links: { self }, ...overrides };
}

/** One item of `changes`. */
export function refChangePayload(overrides: object = {}): object {
  return {
    ref: { id: 'refs/heads/main', displayId: 'main', type: 'BRANCH' },
    refId: 'refs/heads/main',
    fromHash: 'a'.repeat(40),
    toHash: 'b'.repeat(40),
    type: 'UPDATE',
    ...overrides,
  };
}

/** A push to `main`. */
export function pushPayload(overrides: object = {}): object {
  return {
    eventKey: 'repo:refs_changed',
    repository: repositoryPayload(),
    changes: [refChangePayload()],
    ...overrides,
  };
}

/** Values that do not have the shape of any expected payload. */
export const HOSTILE_VALUES: readonly (readonly [string, unknown])[] = [
  ['undefined', undefined],
  ['null', null],
  ['a boolean', true],
  ['a number', 1e308],
  ['an empty text', ''],
  ['a text', 'repo:refs_changed'],
  ['an empty list', []],
  ['a list of lists', [[[]]]],
  ['an empty object', {}],
  ['an object that would change its prototype', JSON.parse('{"__proto__":{"slug":"x"}}')],
  ['an object with a constructor', { constructor: { prototype: { slug: 'x' } } }],
  ['a link with a script', { self: [{ href: 'javascript:alert(1)' }] }],
];
