import { pushPayload } from './__testUtils__/payloads';
import { DeliveryMemory } from './DeliveryMemory';

const PUSH = 'repo:refs_changed';

function delivery(requestId: string | undefined, overrides: object = {}) {
  const metadata = requestId === undefined ? undefined : { 'X-Request-Id': requestId };
  return { eventKey: PUSH, metadata, payload: pushPayload(), ...overrides };
}

function setUp(options: { capacity?: number; keepForMs?: number } = {}) {
  const clock = { time: 0, now: () => clock.time };
  return { clock, memory: new DeliveryMemory({ clock, ...options }) };
}

it('knows a delivery again by its request id, whatever the case of the header', () => {
  const { memory } = setUp();
  expect(memory.add(delivery('a'))).toBe(true);
  expect(memory.add(delivery('a'))).toBe(false);
  expect(memory.add(delivery(undefined, { metadata: { 'x-request-id': ['a'] } }))).toBe(
    false,
  );
});

it('tells deliveries with other ids or keys apart', () => {
  const { memory } = setUp();
  const deliveries = [delivery('a'), delivery('b'), delivery('a', { eventKey: 'x' })];
  expect(deliveries.map(one => memory.add(one))).toEqual([true, true, true]);
});

it.each([undefined, '', 'two words', 'x'.repeat(201)])(
  'knows a delivery without a usable id (%p) by its content',
  requestId => {
    const { memory } = setUp();
    expect(memory.add(delivery(requestId))).toBe(true);
    expect(memory.add(delivery(requestId))).toBe(false);
    const other = delivery(requestId, { payload: pushPayload({ date: 'later' }) });
    expect(memory.add(other)).toBe(true);
  },
);

it('forgets after a while', () => {
  const { clock, memory } = setUp({ keepForMs: 1000 });
  memory.add(delivery('a'));
  clock.time = 999;
  expect(memory.add(delivery('a'))).toBe(false);
  clock.time = 1000;
  expect(memory.add(delivery('a'))).toBe(true);
});

it('keeps the newest where there is no room for all', () => {
  const { memory } = setUp({ capacity: 2 });
  ['a', 'b', 'c'].forEach(id => memory.add(delivery(id)));
  expect(memory.add(delivery('c'))).toBe(false);
  expect(memory.add(delivery('b'))).toBe(false);
  expect(memory.add(delivery('a'))).toBe(true);
});

it('works with room for one, and with a clock that was set back', () => {
  const { clock, memory } = setUp({ capacity: 1 });
  expect(memory.add(delivery('a'))).toBe(true);
  clock.time = -1e9;
  expect(memory.add(delivery('a'))).toBe(false);
  expect(memory.add(delivery('b'))).toBe(true);
  expect(memory.add(delivery('a'))).toBe(true);
});

it('lets through what has no identity rather than lose it', () => {
  const { memory } = setUp();
  const depth = 200_000;
  const payload: unknown = JSON.parse(`${'['.repeat(depth)}${']'.repeat(depth)}`);
  expect(memory.add(delivery(undefined, { payload }))).toBe(true);
  expect(memory.add(delivery(undefined, { payload }))).toBe(true);
  expect(memory.add(delivery(undefined, { payload: undefined }))).toBe(true);
});
