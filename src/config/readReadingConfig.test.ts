import { ConfigReader } from '@backstage/config';
import { JsonValue } from '@backstage/types';
import { getRefusal } from './__testUtils__/readOneProvider';
import { readReadingConfig } from './readReadingConfig';

const read = (bitbucketServer: JsonValue) =>
  readReadingConfig(new ConfigReader({ backend: { reading: { bitbucketServer } } }));

describe('the configuration of the URL reader', () => {
  it("has defaults, with and without Backstage's own settings beside it", () => {
    const defaults = {
      maxAgeMs: 900_000,
      maxWaitMs: 10_000,
      staleIfUnavailableMs: 86_400_000,
    };
    expect(readReadingConfig(new ConfigReader({}))).toEqual(defaults);
    const allow = [{ host: 'example.com' }];
    expect(
      readReadingConfig(new ConfigReader({ backend: { reading: { allow } } })),
    ).toEqual(defaults);
  });

  it('accepts durations in each form, and 0', () => {
    expect(
      read({ maxAge: '4 hours', maxWait: 'PT5S', staleIfUnavailable: { days: 2 } }),
    ).toEqual({
      maxAgeMs: 14_400_000,
      maxWaitMs: 5_000,
      staleIfUnavailableMs: 172_800_000,
    });
    expect(read({ maxAge: '0 seconds', staleIfUnavailable: '0 seconds' })).toMatchObject({
      maxAgeMs: 0,
      staleIfUnavailableMs: 0,
    });
  });

  it.each<[JsonValue, string]>([
    [
      { maxAg: '1 hour' },
      'bitbucketServer.maxAg is not a known key; did you mean maxAge?',
    ],
    [{ maxAge: -1 }, 'bitbucketServer.maxAge must be a duration of 0 or more'],
    [
      { maxWait: '0 seconds' },
      'maxWait must be a duration of more than 0 and at most 5 minutes',
    ],
    [
      { maxWait: '6 minutes' },
      'maxWait must be a duration of more than 0 and at most 5 minutes',
    ],
    [{ staleIfUnavailable: 'long' }, 'staleIfUnavailable must be a duration'],
    [
      '15 minutes',
      'backend.reading.bitbucketServer must be an object with the keys maxAge',
    ],
  ])('is refused where it is invalid: %j', (value, message) => {
    expect(getRefusal(() => read(value))).toContain(message);
  });
});
