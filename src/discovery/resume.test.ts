/** Where a run starts, and what it leaves to the next one. */

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

describe('a run after one with an interrupted listing', () => {
  it('continues the same pass and lists from there', () => {
    expect(resumeOrStart(SCOPE, BEFORE, NOW, 7)).toBe(BEFORE);
  });

  it('lists from there even when the earlier results are too old to be used', () => {
    const nowMs = NOW + 24 * HOUR;
    expect(resumeOrStart(SCOPE, BEFORE, nowMs, 7)).toEqual({
      ...BEFORE,
      sinceMs: nowMs,
      sinceRevision: 7,
    });
  });

  it('starts again when its configuration has changed', () => {
    const other = scope({ paths: ['other.yaml'] });
    expect(resumeOrStart(other, BEFORE, NOW, 7)).not.toHaveProperty('listingFrom');
  });
});

describe('the next run', () => {
  const listing = { complete: false, problems: [], unreadable: 0 };
  const continuesAt = { start: 4_000 };
  const interruption = { kind: 'aborted', error: new Error('stop') } as const;

  it('continues where the listing stopped once everything listed was checked', () => {
    const result = { listing: { ...listing, continuesAt } };
    expect(originOfNext(result, BEFORE)).toEqual({ ...BEFORE, listingFrom: continuesAt });
  });

  it('lists the same part again when not everything in it was checked', () => {
    const result = { listing: { ...listing, continuesAt }, interruption };
    expect(originOfNext(result, BEFORE)).toBe(BEFORE);
  });

  it.each([true, false])(
    'starts from the beginning after a finished listing, complete: %s',
    complete => {
      expect(originOfNext({ listing: { ...listing, complete } }, BEFORE)).toBeUndefined();
    },
  );
});
