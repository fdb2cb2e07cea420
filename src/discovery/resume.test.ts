/** Where a run begins, and what it leaves to the next. */

import { HOUR, NOW, scope } from '../__testUtils__/discoveryData';
import { originOfNext, resumeOrStart, scopeFingerprint } from './resume';
import { RunOrigin } from './types';

const SCOPE = scope();
const BEFORE: RunOrigin = {
  sinceMs: NOW - HOUR,
  sinceRevision: 3,
  scope: scopeFingerprint(SCOPE),
  listingFrom: { start: 2_000 },
};

describe('a run after one whose listing was cut short', () => {
  it('is the same as that one, and lists from there', () => {
    expect(resumeOrStart(SCOPE, BEFORE, NOW, 7)).toBe(BEFORE);
  });

  it('lists from there also where it is too late to believe what that one has seen', () => {
    const nowMs = NOW + 24 * HOUR;
    expect(resumeOrStart(SCOPE, BEFORE, nowMs, 7)).toEqual({
      ...BEFORE,
      sinceMs: nowMs,
      sinceRevision: 7,
    });
  });

  it('begins anew where it looks for something else', () => {
    const other = scope({ paths: ['other.yaml'] });
    expect(resumeOrStart(other, BEFORE, NOW, 7)).not.toHaveProperty('listingFrom');
  });
});

describe('the next run', () => {
  const listing = { complete: false, problems: [], unreadable: 0 };
  const continuesAt = { start: 4_000 };
  const interruption = { kind: 'aborted', error: new Error('stop') } as const;

  it('goes on where the listing was cut short, once everything shown was looked at', () => {
    const result = { listing: { ...listing, continuesAt } };
    expect(originOfNext(result, BEFORE)).toEqual({ ...BEFORE, listingFrom: continuesAt });
  });

  it('lists the same part again where not everything in it was looked at', () => {
    const result = { listing: { ...listing, continuesAt }, interruption };
    expect(originOfNext(result, BEFORE)).toBe(BEFORE);
  });

  it.each([true, false])('begins by itself after a listing to its end: %s', complete => {
    expect(originOfNext({ listing: { ...listing, complete } }, BEFORE)).toBeUndefined();
  });
});
