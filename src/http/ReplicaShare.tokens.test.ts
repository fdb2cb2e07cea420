/** What one replica does with each answer of the shared bucket. */

import { FakeClock } from '../__testUtils__/FakeClock';
import { ReplicaShare, SharedBuckets } from './ReplicaShare';
import { TokenGrant, TokenRequest } from './sharedBucket';

const SHAPE = {
  all: { capacity: 60, refillPerSecond: 10 },
  discovery: { capacity: 30, refillPerSecond: 8 },
};

const granted = (grant: Partial<TokenGrant>): TokenGrant => ({
  tokens: 1,
  waitMs: 0,
  pausedMs: 0,
  left: 0,
  replicas: 1,
  ...grant,
});

/** A replica, and a shared bucket that answers with these in turn, the last one forever. */
function setUp(...answers: readonly (TokenGrant | Error | undefined)[]) {
  const clock = new FakeClock({ startMs: 0 });
  clock.random = () => 0.25;
  const requests: TokenRequest[] = [];
  const pauses: unknown[] = [];
  const onTake = jest.fn();
  const buckets: SharedBuckets = {
    take: async (_key, request) => {
      const answer = answers[Math.min(requests.length, answers.length - 1)];
      requests.push(request);
      onTake();
      if (answer instanceof Error) throw answer;
      return answer;
    },
    pause: async (key, { shape, ms }) => {
      pauses.push([key, shape, ms]);
      throw new Error('no connection');
    },
  };
  const outage = { failed: jest.fn(), succeeded: jest.fn() };
  const options = { buckets, key: () => 'key', replicaId: 'one', clock, outage };
  const share = new ReplicaShare(options);
  const read = () => share.obtain('read', SHAPE, 4);
  return { clock, onTake, outage, pauses, read, requests, share };
}

it('uses the tokens that it holds before it asks for more', async () => {
  const { read, requests } = setUp(granted({ tokens: 3, left: 7 }));
  expect(await read()).toEqual({ kind: 'token', left: 10 });
  expect(await read()).toEqual({ kind: 'token' });
  expect(await read()).toEqual({ kind: 'token' });
  expect(requests).toHaveLength(1);
  expect(await read()).toEqual({ kind: 'token', left: 10 });
  expect(requests).toHaveLength(2);
});

it.each([
  [999, 1],
  [1_000, 2],
])(
  'holds tokens for less than a second: %d ms later it has asked %d times',
  async (ms, times) => {
    const { clock, read, requests } = setUp(granted({ tokens: 2 }));
    await read();
    await clock.advance(ms);
    await read();
    expect(requests).toHaveLength(times);
  },
);

it('keeps the tokens of one class for this class', async () => {
  const { read, requests, share } = setUp(granted({ tokens: 2 }));
  await read();
  await share.obtain('discovery', SHAPE, 4);
  expect(requests.map(({ requestClass }) => requestClass)).toEqual(['read', 'discovery']);
});

it('waits no longer than a token that it holds can be used', async () => {
  const { clock, read, share } = setUp(granted({ tokens: 2, waitMs: 3_000 }));
  await read();
  expect(share.waitMs('read')).toBe(0);
  expect(share.waitMs('discovery')).toBe(0);
  await clock.advance(999);
  expect(share.waitMs('read')).toBe(0);
  await clock.advance(1);
  expect(share.waitMs('read')).toBe(2_000);
  await clock.advance(5_000);
  expect(share.waitMs('read')).toBe(0);
});

it.each([
  ['alone, with a token', { replicas: 1, tokens: 1 }, 1_000],
  ['alone, without one', { replicas: 1, tokens: 0 }, 1_000],
  // Of the random fifth a quarter is used here.
  ['one of two, without a token', { replicas: 2, tokens: 0 }, 1_050],
  ['one of two, with a token', { replicas: 2, tokens: 1 }, 1_250],
])('asks again when the next token is due, or later: %s', async (...row) => {
  const [, grant, waitMs] = row;
  const { read, share } = setUp(granted({ ...grant, waitMs: 1_000 }));
  await read();
  expect(share.waitMs('read')).toBe(waitMs);
});

it('is told how long all replicas pause', async () => {
  const { read } = setUp(granted({ tokens: 0, pausedMs: 700 }));
  expect(await read()).toEqual({ kind: 'wait', pausedMs: 700 });
});

it('uses a token later that it has given back', async () => {
  const { read, requests, share } = setUp(granted({ tokens: 1 }));
  await read();
  share.giveBack('read');
  expect(await read()).toEqual({ kind: 'token' });
  expect(requests).toHaveLength(1);
});

it('reports each request that it sent without a token once', async () => {
  const { onTake, read, requests, share } = setUp(granted({ tokens: 1 }));
  share.countSent({ read: 2, discovery: 3 });
  share.countSent({ read: 1, discovery: 1 });
  onTake.mockImplementationOnce(() => share.countSent({ read: 5, discovery: 6 }));
  for (let times = 0; times < 3; times += 1) await read();
  expect(requests.map(({ sent }) => sent)).toEqual([
    { read: 3, discovery: 4 },
    // Sent while the first answer was awaited.
    { read: 5, discovery: 6 },
    { read: 0, discovery: 0 },
  ]);
});

it('is on its own for five seconds after an error, and reports what it sent later', async () => {
  const error = new Error('no connection');
  const first = granted({ tokens: 9, replicas: 3 });
  const { clock, outage, read, requests, share } = setUp(first, error, first);
  await read();
  expect(share.parts).toBe(1);
  share.countSent({ read: 2, discovery: 0 });

  expect(await share.obtain('discovery', SHAPE, 1)).toEqual({ kind: 'alone' });

  expect(outage.failed).toHaveBeenCalledWith(error);
  await clock.advance(4_999);
  expect(await read()).toEqual({ kind: 'alone' });
  expect(share.parts).toBe(3);
  expect(requests).toHaveLength(2);
  await clock.advance(1);
  expect(share.parts).toBe(1);
  expect(await read()).toMatchObject({ kind: 'token' });
  expect(requests.at(-1)?.sent).toEqual({ read: 2, discovery: 0 });
  expect(outage.succeeded).toHaveBeenCalledTimes(2);
});

it('discards its tokens after an error', async () => {
  const { read, share } = setUp(granted({ tokens: 9 }), new Error('no connection'));
  await read();
  await share.obtain('discovery', SHAPE, 1);
  expect(await read()).toEqual({ kind: 'alone' });
});

it('asks a store that cannot be shared by replicas only once', async () => {
  const { outage, pauses, read, requests, share } = setUp(undefined);
  expect(await read()).toEqual({ kind: 'alone' });
  expect(await read()).toEqual({ kind: 'alone' });
  expect(requests).toHaveLength(1);
  expect(share.parts).toBe(1);
  share.pause(SHAPE, 4_000);
  expect(pauses).toEqual([]);
  expect(outage.failed).not.toHaveBeenCalled();
});

it('makes the other replicas pause, and never fails', async () => {
  const { clock, pauses, share } = setUp(granted({}));
  share.pause(SHAPE, 4_000);
  await clock.settle();
  expect(pauses).toEqual([['key', SHAPE, 4_000]]);
});
