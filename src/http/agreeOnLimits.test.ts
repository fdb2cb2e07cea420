/** Which limits apply, with which warnings, if providers of a host ask for different ones. */

import { agreeOnLimits, PaceLimits, WantedLimits } from './agreeOnLimits';
import { RateLimitSetting } from './types';

const HOST = 'bitbucket.example.com';
const auto: RateLimitSetting = { kind: 'auto' };
const off: RateLimitSetting = { kind: 'off' };
const fixed = (requestsPerSecond: number, burst: number): RateLimitSetting => ({
  kind: 'fixed',
  requestsPerSecond,
  burst,
});

function wanted(providerId: string, limits: Partial<WantedLimits> = {}): WantedLimits {
  const defaults = { host: HOST, credentialKey: 'one', rateLimit: auto, concurrency: 8 };
  return { providerId, ...defaults, ...limits };
}

/** The agreed limits of two providers, in either order. */
function agree(first: Partial<WantedLimits>, second: Partial<WantedLimits>) {
  const both = [wanted('first', first), wanted('second', second)];
  const { agreed, warnings } = agreeOnLimits(both);
  const reversed = agreeOnLimits([...both].reverse()).agreed;
  expect(new Set(reversed)).toEqual(new Set(agreed));
  const { concurrency, pace } = agreed[0] ?? {};
  return { concurrency, pace, warnings };
}

describe('rates', () => {
  it.each<[RateLimitSetting, RateLimitSetting, PaceLimits, string]>([
    [
      fixed(5, 10),
      fixed(2, 50),
      { auto: false, fixed: { requestsPerSecond: 2, burst: 10 } },
      '2 per second, burst 10',
    ],
    [off, auto, { auto: true }, 'auto'],
    [
      fixed(2, 4),
      off,
      { auto: false, fixed: { requestsPerSecond: 2, burst: 4 } },
      '2 per second, burst 4',
    ],
    [
      auto,
      fixed(2, 4),
      { auto: true, fixed: { requestsPerSecond: 2, burst: 4 } },
      '2 per second, burst 4, or less where auto finds less',
    ],
  ])(
    'of %j and %j for one credential become the strictest',
    (one, other, pace, words) => {
      const agreed = agree({ rateLimit: one }, { rateLimit: other });
      expect(agreed.pace).toEqual(pace);
      expect(agreed.warnings).toHaveLength(1);
      expect(agreed.warnings.join()).toMatch(`the strictest applies to all, ${words}`);
    },
  );

  it('that differ cause one warning, with the host and the rate of each provider', () => {
    const { warnings } = agreeOnLimits([
      wanted('first', { rateLimit: fixed(5, 10) }),
      wanted('second', { rateLimit: off }),
      wanted('third', { rateLimit: off }),
    ]);
    expect(warnings).toEqual([
      'Providers that share the rate limit of bitbucket.example.com set rateLimit ' +
        'differently ("first" 5 per second, burst 10; "second" off; "third" off): ' +
        'the strictest applies to all, 5 per second, burst 10',
    ]);
  });

  it.each([auto, off, fixed(2, 4)])('cause no warning if all are %j', rateLimit => {
    expect(agree({ rateLimit }, { rateLimit: { ...rateLimit } }).warnings).toEqual([]);
  });

  it('of two credentials are separate: each has its own bucket at the server', () => {
    const { agreed, warnings } = agreeOnLimits([
      wanted('first', { rateLimit: fixed(5, 10) }),
      wanted('second', { rateLimit: off, credentialKey: 'two' }),
    ]);
    expect(agreed).toMatchObject([
      { credentialKey: 'one', pace: { fixed: { requestsPerSecond: 5, burst: 10 } } },
      { credentialKey: 'two', pace: { auto: false } },
    ]);
    expect(warnings).toEqual([]);
  });

  it('of two hosts are separate', () => {
    const { agreed, warnings } = agreeOnLimits([
      wanted('first', { rateLimit: fixed(5, 10), concurrency: 1 }),
      wanted('second', { host: `${HOST}:7990` }),
    ]);
    expect(agreed).toMatchObject([
      { host: HOST, concurrency: 1 },
      { host: `${HOST}:7990`, concurrency: 8, pace: { auto: true } },
    ]);
    expect(warnings).toEqual([]);
  });

  it('of one host in upper and lower case are combined', () => {
    const { warnings } = agree({ rateLimit: off }, { host: HOST.toUpperCase() });
    expect(warnings).toHaveLength(1);
  });
});

describe('concurrency', () => {
  it.each(['one', 'two'])(
    'is the lowest, since requests in flight are counted per host (credential %s)',
    credentialKey => {
      const agreed = agree({ concurrency: 8 }, { concurrency: 3, credentialKey });
      expect(agreed.concurrency).toBe(3);
      expect(agreed.warnings).toEqual([
        'Providers of bitbucket.example.com set concurrency differently ' +
          '("first" 8; "second" 3): the lowest applies to all, 3',
      ]);
    },
  );

  it('causes no warning if it is the same', () => {
    expect(agree({ concurrency: 4 }, { concurrency: 4 })).toMatchObject({
      concurrency: 4,
      warnings: [],
    });
  });
});

it('agreeOnLimits agrees on nothing without providers', () => {
  expect(agreeOnLimits([])).toEqual({ agreed: [], warnings: [] });
});
