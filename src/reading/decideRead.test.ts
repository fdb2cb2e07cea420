/** When a read of the catalog needs a request, and what the catalog gets, as tables. */

import fc from 'fast-check';
import { Problem } from '../model';
import { assessRead, decideRead, doubtContent, ReadQuestion } from './decideRead';
import { formatEtag, NO_STAMP, parseEtag } from '../store/readEtag';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const MAX_AGE = 15 * MINUTE;
const STALE = 24 * HOUR;
const NOW = Date.UTC(2026, 0, 1);
const URL_HASH = 'a1b2c3d4e5f60718'.repeat(4);
const OTHER_HASH = 'ffffffffffffffff'.repeat(4);
const CONTENT = '0123456789abcdef';
const PROBLEM: Problem = { reason: 'timeout', detail: 'no answer' };

const createEtag = (options: Partial<ReturnType<typeof parts>> = {}) =>
  formatEtag({ ...parts(), ...options });
const parts = () => ({
  urlHash: URL_HASH.slice(0, 16),
  stamp: 'stamp-1',
  readAtMs: NOW - MINUTE,
  content: CONTENT,
});
const ask = (etag: string | undefined, nowMs = NOW): ReadQuestion => ({
  etag,
  urlHash: URL_HASH,
  nowMs,
});

describe('an etag', () => {
  it('is parsed to the values that it was formatted from', () => {
    for (const content of [CONTENT, 'absent']) {
      const etag = { ...parts(), content };
      expect(parseEtag(formatEtag(etag))).toEqual(etag);
    }
  });

  it.each([
    undefined,
    '',
    '0123456789ab',
    'W/"5f2"',
    'bitbucket-server/2:a1b2c3d4e5f60718:stamp-1:1:0123456789abcdef',
    'bitbucket-server/1:a1b2c3d4e5f60718:stamp 1:1:0123456789abcdef',
    'bitbucket-server/1:a1b2c3d4e5f60718:stamp-1:later:0123456789abcdef',
    ' bitbucket-server/1:a1b2c3d4e5f60718:stamp-1:1:0123456789abcdef',
  ])('of another reader is not accepted: %s', etag => {
    expect(parseEtag(etag)).toBeUndefined();
  });
});

describe('a read of the catalog', () => {
  it('needs no request while the stamp is the same and the etag recent', () => {
    expect(decideRead(ask(createEtag()), 'stamp-1', MAX_AGE)).toEqual({
      kind: 'not-modified',
    });
  });

  it('needs no request after a proven absence either', () => {
    const etag = createEtag({ content: 'absent' });
    expect(decideRead(ask(etag), 'stamp-1', MAX_AGE).kind).toBe('not-modified');
  });

  it.each<[string, string | undefined, string | undefined, number, string]>([
    ['without an etag', undefined, 'stamp-1', NOW, 'nothing-cached'],
    ['with an empty one', '', 'stamp-1', NOW, 'nothing-cached'],
    ['with the built-in reader’s', '0123456789ab', 'stamp-1', NOW, 'other-etag'],
    [
      'with that of another URL',
      createEtag({ urlHash: OTHER_HASH.slice(0, 16) }),
      'stamp-1',
      NOW,
      'other-etag',
    ],
    ['after a change', createEtag(), 'stamp-2', NOW, 'changed'],
    ['while the stamp cannot be read', createEtag(), undefined, NOW, 'no-stamp'],
    [
      'with an etag from when it could not be read',
      createEtag({ stamp: NO_STAMP }),
      NO_STAMP,
      NOW,
      'no-stamp',
    ],
    ['after maxAge', createEtag(), 'stamp-1', NOW - MINUTE + MAX_AGE, 'too-old'],
    [
      'read in the far future',
      createEtag({ readAtMs: NOW + HOUR }),
      'stamp-1',
      NOW,
      'too-old',
    ],
  ])('needs a request %s', (_, etag, stamp, nowMs, reason) => {
    expect(decideRead(ask(etag, nowMs), stamp, MAX_AGE)).toEqual({
      kind: 'read',
      reason,
    });
  });

  it('tolerates the clock of another replica that is slightly ahead', () => {
    const etag = createEtag({ readAtMs: NOW + 5_000 });
    expect(decideRead(ask(etag), 'stamp-1', MAX_AGE).kind).toBe('not-modified');
  });

  it('needs a request within the last fifth of maxAge, each URL at its own age', () => {
    const readAgainAfter = (urlHash: string) => {
      const etag = createEtag({ urlHash, readAtMs: NOW });
      let ageMs = 0;
      while (
        decideRead({ etag, urlHash, nowMs: NOW + ageMs }, 'stamp-1', MAX_AGE).kind ===
        'not-modified'
      ) {
        ageMs += 1_000;
      }
      return ageMs;
    };
    const hashes = ['0', '3', '7', 'b', 'f'].map(digit => digit.repeat(16));
    const ages = hashes.map(readAgainAfter);
    expect(new Set(ages).size).toBe(hashes.length);
    expect(Math.max(...ages)).toBe(MAX_AGE);
    expect(Math.min(...ages)).toBe(0.8 * MAX_AGE);
  });

  it('needs a request at every later time once it needs one, until a file is read', () => {
    fc.assert(
      fc.property(
        fc.record({
          readAgo: fc.integer({ min: 0, max: 2 * HOUR }),
          later: fc.integer({ min: 0, max: 48 * HOUR }),
          stamp: fc.constantFrom('stamp-1', 'stamp-2', undefined),
          stampLater: fc.constantFrom('stamp-2', 'stamp-3', undefined),
        }),
        ({ readAgo, later, stamp, stampLater }) => {
          const etag = createEtag({ readAtMs: NOW - readAgo });
          const first = decideRead(ask(etag), stamp, MAX_AGE);
          // A stamp never returns to an earlier value.
          const next = stamp === 'stamp-1' ? stamp : stampLater;
          const second = decideRead(ask(etag, NOW + later), next, MAX_AGE);
          return first.kind === 'not-modified' || second.kind === 'read';
        },
      ),
    );
  });
});

describe('the result of a request', () => {
  const found = { kind: 'found', value: { contentHash: CONTENT } } as const;
  const absent = { kind: 'absent', reason: 'no-catalog-file' } as const;
  const unknown = { kind: 'unknown', problem: PROBLEM } as const;

  it('is the file, changed or not, with an etag that saves the next request', () => {
    const old = createEtag({ readAtMs: NOW - HOUR });
    const verdict = assessRead(ask(old), 'stamp-1', found, STALE);
    expect(verdict).toEqual({ kind: 'answered', etag: createEtag({ readAtMs: NOW }) });
    const etag = verdict.kind === 'answered' ? verdict.etag : '';
    expect(decideRead(ask(etag), 'stamp-1', MAX_AGE).kind).toBe('not-modified');
  });

  it('has an etag also for a proven absence, since the catalog would keep the old one', () => {
    const verdict = assessRead(ask(createEtag()), 'stamp-1', absent, STALE);
    const etag = createEtag({ readAtMs: NOW, content: 'absent' });
    expect(verdict).toEqual({ kind: 'answered', etag });
  });

  it('leads to another request if the stamp changed during the first', () => {
    const verdict = assessRead(ask(undefined), 'stamp-1', found, STALE);
    const etag = verdict.kind === 'answered' ? verdict.etag : '';
    expect(decideRead(ask(etag), 'stamp-2', MAX_AGE)).toEqual({
      kind: 'read',
      reason: 'changed',
    });
  });

  it('leads to another request if there was no stamp', () => {
    const verdict = assessRead(ask(undefined), undefined, found, STALE);
    const etag = verdict.kind === 'answered' ? verdict.etag : '';
    expect(decideRead(ask(etag), 'stamp-1', MAX_AGE).kind).toBe('read');
  });

  it.each<[string, string | undefined, number, 'stale' | 'failed']>([
    ['was read a minute ago', createEtag(), NOW, 'stale'],
    ['was read before the last change', createEtag({ stamp: 'stamp-0' }), NOW, 'stale'],
    ['was proven absent', createEtag({ content: 'absent' }), NOW, 'stale'],
    ['is as old as may be', createEtag(), NOW - MINUTE + STALE - 1, 'stale'],
    ['is older', createEtag(), NOW - MINUTE + STALE, 'failed'],
    ['was read by a clock slightly ahead', createEtag(), NOW - 2 * MINUTE, 'stale'],
    ['was read by a clock far ahead', createEtag(), NOW - 2 * MINUTE - 1, 'failed'],
    ['was never read', undefined, NOW, 'failed'],
    ['was read by the built-in reader', '0123456789ab', NOW, 'failed'],
    ['is another URL', createEtag({ urlHash: OTHER_HASH.slice(0, 16) }), NOW, 'failed'],
  ])('without an answer for a file that %s', (_, etag, nowMs, kind) => {
    expect(assessRead(ask(etag, nowMs), 'stamp-1', unknown, STALE)).toEqual({
      kind,
      problem: PROBLEM,
    });
  });
});

describe('content', () => {
  it.each<[string, number, string | null, string | undefined]>([
    ['', 0, 'text/plain', 'an empty body'],
    ['<!DOCTYPE html><html>', 21, 'text/plain', 'an HTML page'],
    ['\n  <html lang="en">', 19, null, 'an HTML page'],
    ['\uFEFF<html>', 9, null, 'an HTML page'],
    ['Please log in', 13, 'text/html;charset=UTF-8', 'an HTML page'],
    ['apiVersion: backstage.io/v1alpha1', 33, 'text/plain;charset=UTF-8', undefined],
    ['# <html> in a comment', 21, 'text/plain', undefined],
    ['<xml/>', 6, 'application/octet-stream', undefined],
  ])('%j is doubted or not', (beginning, byteLength, contentType, doubt) => {
    expect(doubtContent({ beginning, byteLength, contentType })).toBe(doubt);
  });
});
