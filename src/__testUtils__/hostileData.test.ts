import fc from 'fast-check';
import { expectNoPollution, arbitraryMutation } from './hostileData';

const VALID = { values: [{ id: 1, project: { key: 'PAY' } }], isLastPage: true };

const drawn = fc.sample(arbitraryMutation(VALID), 500);
const places = (test: (value: object) => boolean) =>
  drawn.filter(value => typeof value === 'object' && value !== null && test(value))
    .length;

it('arbitraryMutation changes valid data at any place, and often keeps its shape', () => {
  const unchanged = JSON.stringify(VALID);
  expect(drawn.filter(value => value === undefined)).toEqual([]);
  expect(places(value => 'isLastPage' in value)).toBeGreaterThan(drawn.length / 2);
  expect(places(value => !('isLastPage' in value))).toBeGreaterThan(10);
  expect(places(value => Reflect.get(value, 'isLastPage') !== true)).toBeGreaterThan(10);
  expect(places(value => Object.hasOwn(value, '__proto__'))).toBeGreaterThan(0);
  expect(JSON.stringify(VALID)).toBe(unchanged);
});

it('expectNoPollution detects changes that careless code makes to the prototype of all objects', () => {
  expectNoPollution();
  Object.defineProperty(Object.prototype, 'polluted', {
    value: true,
    configurable: true,
  });
  try {
    expect(expectNoPollution).toThrow();
  } finally {
    Reflect.deleteProperty(Object.prototype, 'polluted');
  }
});
