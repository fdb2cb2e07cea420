import {
  BackstageCounts,
  BACKSTAGES,
  BackstageSetting,
  getCompression,
  describeBackstage,
  extrapolate,
  hasKeptUp,
  pushesPerHour,
  toBackstageConfig,
  toRealSeconds,
} from './backstages';

const PUBLISHED: BackstageSetting = {
  subject: 'peer',
  hasSearch: false,
  hasWebhooks: false,
  runEveryMinutes: 30,
};
const AS_IT_COMES: BackstageSetting = {
  ...PUBLISHED,
  subject: 'ours',
  maxAgeMinutes: 15,
};
const RECOMMENDED: BackstageSetting = {
  ...AS_IT_COMES,
  hasSearch: true,
  hasWebhooks: true,
  maxAgeMinutes: 1440,
};
const INTEGRATION = { host: 'bitbucket.test' };

const counts = (
  byKind: Record<string, number>,
  rest: Partial<BackstageCounts> = {},
): BackstageCounts => ({ byKind, reads: 0, runs: 2, ...rest });

describe('the Backstages that are compared', () => {
  it('differ from each other, the published one first', () => {
    expect(new Set(BACKSTAGES.map(describeBackstage)).size).toBe(BACKSTAGES.length);
    expect(BACKSTAGES[0]?.subject).toBe('peer');
  });

  it('are measured for as many hours as every run and every maxAge needs', () => {
    for (const setting of BACKSTAGES) {
      const minutes = getCompression(setting).hours * 60;
      expect(minutes % setting.runEveryMinutes).toBe(0);
      expect(minutes % (setting.maxAgeMinutes ?? minutes)).toBe(0);
    }
  });

  it('take less than two minutes each, as estimated', () => {
    for (const setting of BACKSTAGES) {
      const compression = getCompression(setting);
      const hours = compression.hours + compression.warmUpHours;
      expect(toRealSeconds(hours, compression)).toBeLessThan(120);
    }
  });
});

describe('toBackstageConfig', () => {
  it.each([
    [AS_IT_COMES, 36, 18, 432, 1728],
    [RECOMMENDED, 2, 96, 24, 96],
  ])(
    'divides every duration by the same factor: %j',
    (setting, run, maxAge, found, absent) => {
      expect(toBackstageConfig(setting, INTEGRATION)).toMatchObject({
        catalog: {
          processingInterval: { seconds: 2 },
          providers: {
            bitbucketServer: {
              host: 'bitbucket.test',
              schedule: { frequency: { seconds: run } },
              recheck: { found: { seconds: found }, absent: { seconds: absent } },
            },
          },
        },
        backend: { reading: { bitbucketServer: { maxAge: { seconds: maxAge } } } },
      });
    },
  );

  it('passes the published module only keys that it supports', () => {
    const config = toBackstageConfig(PUBLISHED, INTEGRATION);
    expect(config).not.toHaveProperty('backend');
    expect(config).not.toHaveProperty('catalog.providers.bitbucketServer.recheck');
  });
});

describe('pushesPerHour', () => {
  it('is as many per repository as in the real installation, and none without webhooks', () => {
    expect([RECOMMENDED, AS_IT_COMES].map(pushesPerHour)).toEqual([5, 0]);
  });
});

describe('extrapolate', () => {
  it('multiplies requests for single repositories, and counts listings by their pages', () => {
    const seen = { 'file-check': 400, repositories: 2, raw: 220 };
    expect(extrapolate(AS_IT_COMES, counts(seen, { reads: 220 }))).toEqual({
      total: 620 * 40 + 2 * 5,
      reads: 220 * 40,
      calculated: 0,
    });
  });

  it('returns the requests of one hour when a day was measured', () => {
    const seen = { 'file-check': 240, repositories: 48, search: 48 };
    expect(extrapolate(RECOMMENDED, counts(seen))).toEqual({
      total: (240 * 40 + 48 * 5 + 48 * 2) / 24,
      reads: 0,
      calculated: 0,
    });
  });

  it('adds the daily requests when only an hour was measured', () => {
    const hourly = extrapolate({ ...AS_IT_COMES, hasSearch: true }, counts({}));
    expect(hourly).toEqual({ total: 4000 / 24, reads: 0, calculated: 4000 / 24 });
  });
});

describe('hasKeptUp', () => {
  it.each([
    [AS_IT_COMES, 2, true],
    [AS_IT_COMES, 1, false],
    [RECOMMENDED, 44, true],
    [RECOMMENDED, 43, false],
  ])('is decided by the number of runs: %#', (setting, runs, expected) => {
    expect(hasKeptUp(setting, counts({}, { runs }))).toBe(expected);
  });
});
