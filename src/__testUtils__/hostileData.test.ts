import fc from 'fast-check';
import { expectNoPollution, mutationsOf } from './hostileData';

const VALID = { values: [{ id: 1, project: { key: 'PAY' } }], isLastPage: true };

const drawn = fc.sample(mutationsOf(VALID), 500);
const places = (test: (value: object) => boolean) =>
  drawn.filter(one => typeof one === 'object' && one !== null && test(one)).length;

it('changes what is valid everywhere, and often not beyond recognition', () => {
  const unchanged = JSON.stringify(VALID);
  expect(drawn.filter(one => one === undefined)).toEqual([]);
  expect(places(one => 'isLastPage' in one)).toBeGreaterThan(drawn.length / 2);
  expect(places(one => !('isLastPage' in one))).toBeGreaterThan(10);
  expect(places(one => Reflect.get(one, 'isLastPage') !== true)).toBeGreaterThan(10);
  expect(places(one => Object.hasOwn(one, '__proto__'))).toBeGreaterThan(0);
  expect(JSON.stringify(VALID)).toBe(unchanged);
});

it('sees what careless code does to the prototype of all objects', () => {
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
