import fc from 'fast-check';
import { HOUR, location, NOW } from '../__testUtils__/discoveryData';
import { Replacement } from './locations';
import { planRemovals, RemovalPlan, RemovalPolicy } from './planRemovals';
import { CatalogLocation, HeldRemoval } from './types';

const POLICY: RemovalPolicy = { maxPercentage: 30, holdForMs: 24 * HOUR };

function locations(count: number, first: number = 0): CatalogLocation[] {
  return Array.from({ length: count }, (_, index) =>
    location(first + index, `PAY/r${first + index}`),
  );
}

function heldSince(sinceMs: number, of: readonly CatalogLocation[]): HeldRemoval[] {
  return of.map(location => ({
    repositoryId: location.repository.id,
    entryKey: location.file.targetUrl,
    sinceMs,
    confirmedForMs: NOW - sinceMs,
    approved: false,
  }));
}

function plan(
  due: readonly CatalogLocation[],
  knownLocations: number,
  rest: { held?: readonly HeldRemoval[]; policy?: Partial<RemovalPolicy> } = {},
): RemovalPlan {
  const { held = [], policy } = rest;
  return planRemovals(
    { due, knownLocations, held, nowMs: NOW },
    { ...POLICY, ...policy },
  );
}

describe('planRemovals', () => {
  it.each<[string, number, number, number]>([
    ['one of many', 1, 100, 30],
    ['five, even if that is far more than the percentage', 5, 6, 30],
    ['exactly the percentage', 30, 100, 30],
    ['exactly the percentage of an odd number', 6, 20, 30],
    ['exactly a fraction of a percentage', 25, 1000, 2.5],
    ['less than the percentage', 29, 100, 30],
    ['nothing', 0, 100, 30],
    ['nothing while nothing is known', 0, 0, 30],
    ['nothing when no removal is allowed', 0, 100, 0],
    ['all but one below a hundred per cent', 99, 100, 99],
    ['all with the guard switched off', 100, 100, 100],
    ['the only one with the guard switched off', 1, 1, 100],
    ['five at one per cent', 5, 100, 1],
  ])('removes %s immediately', (_, count, known, maxPercentage) => {
    const due = locations(count);
    expect(plan(due, known, { policy: { maxPercentage } })).toEqual({
      remove: due,
      holdBack: [],
      held: [],
      reason: undefined,
    });
  });

  it.each<[string, number, number, number]>([
    ['one more than the percentage', 31, 100, 30],
    ['six when five would be allowed', 6, 10, 30],
    ['six of a percentage that is not a whole number of Locations', 6, 19, 30],
    ['all of many', 100, 100, 30],
    ['the only one', 1, 1, 30],
    ['all five', 5, 5, 30],
    ['all at ninety-nine per cent', 100, 100, 99],
    ['one when no removal is allowed', 1, 100, 0],
    ['five when no removal is allowed', 5, 1000, 0],
    ['more than are known', 3, 2, 30],
    ['one while nothing is known', 1, 0, 30],
  ])('holds back %s', (_, count, known, maxPercentage) => {
    const due = locations(count);
    const result = plan(due, known, { policy: { maxPercentage } });
    expect(result.remove).toEqual([]);
    expect(result.holdBack).toEqual(due);
    expect(result.held).toEqual(heldSince(NOW, due));
    expect(result.reason).toBeDefined();
  });

  it('removes what was approved, and still holds back the rest', () => {
    const due = locations(100);
    const approved = new Set(due.slice(0, 60).map(({ file }) => file.targetUrl));
    const request = { due, knownLocations: 100, held: [], approved, nowMs: NOW };
    expect(planRemovals(request, POLICY)).toMatchObject({
      remove: due.slice(0, 60),
      holdBack: due.slice(60),
    });
  });

  it('holds back what is due for the first time even when holdFor is zero', () => {
    const due = locations(100);
    const policy = { holdForMs: 0 };
    expect(plan(due, 100, { policy }).holdBack).toEqual(due);
    expect(plan(due, 100, { policy, held: heldSince(NOW, due) }).remove).toEqual(due);
  });

  it('removes one of two Locations when the other one is only replaced', () => {
    const due = locations(2);
    const replaced = new Map(
      due
        .slice(0, 1)
        .map(({ file }): [string, Replacement] => [file.targetUrl, 'other-target']),
    );
    const request = { due, knownLocations: 2, held: [], nowMs: NOW };
    expect(planRemovals({ ...request, replaced }, POLICY).remove).toEqual(due);
    expect(planRemovals(request, POLICY).holdBack).toEqual(due);
  });

  it.each([
    ['a run', true, 7 * HOUR],
    ['an event', false, 5 * HOUR],
  ])('counts the time since the last run for %s: %s', (_, isRun, confirmedForMs) => {
    const due = locations(100);
    const held = heldSince(NOW - 5 * HOUR, due);
    const request = { due, knownLocations: 100, held, isRun, nowMs: NOW };
    const result = planRemovals({ ...request, sinceConfirmationMs: 2 * HOUR }, POLICY);
    expect(new Set(result.held.map(one => one.confirmedForMs))).toEqual(
      new Set([confirmedForMs]),
    );
  });

  it.each<[number, number, number, string]>([
    [
      31,
      100,
      30,
      '31 of 100 Locations (31 %) would be removed, more than removals.maxPercentage (30 %) allows at once. They will be removed after 2024-01-02T00:00:00.000Z, if every run until then confirms them (removals.holdFor)',
    ],
    [
      3001,
      10_000,
      30,
      '3001 of 10000 Locations (30.1 %) would be removed, more than removals.maxPercentage (30 %) allows at once. They will be removed after 2024-01-02T00:00:00.000Z, if every run until then confirms them (removals.holdFor)',
    ],
    [
      2,
      100,
      0,
      '2 of 100 Locations would be removed; removals.maxPercentage is 0, so nothing is removed without approval',
    ],
  ])(
    'says why it holds back %d of %d at %d %%',
    (count, known, maxPercentage, reason) => {
      expect(plan(locations(count), known, { policy: { maxPercentage } }).reason).toBe(
        reason,
      );
    },
  );

  describe('a file that the catalog gets under another URL', () => {
    const planReplaced = (
      lost: number,
      replaced: number,
      known: number,
      policy: Partial<RemovalPolicy> = {},
      form: Replacement = 'other-target',
    ) => {
      const due = locations(lost + replaced);
      const keys = due.slice(lost).map(location => location.file.targetUrl);
      return planRemovals(
        {
          due,
          replaced: new Map(keys.map(key => [key, form])),
          knownLocations: known,
          held: [],
          nowMs: NOW,
        },
        { ...POLICY, ...policy },
      );
    };

    it.each<[string, number, number, number]>([
      ['the only one', 1, 1, 30],
      ['five that are everything', 5, 5, 30],
      ['five when no removal is allowed', 5, 100, 0],
      ['exactly the percentage', 30, 100, 30],
      ['all with the guard switched off', 100, 100, 100],
    ])('is replaced immediately: %s', (_, replaced, known, maxPercentage) => {
      const result = planReplaced(0, replaced, known, { maxPercentage });
      expect(result.remove).toHaveLength(replaced);
      expect(result.holdBack).toEqual([]);
      expect(result.reason).toBeUndefined();
    });

    it.each<[string, number, number, number]>([
      ['one more than the percentage', 31, 100, 30],
      ['six when no removal is allowed', 6, 100, 0],
      ['all', 100, 100, 30],
    ])('is held back: %s', (_, replaced, known, maxPercentage) => {
      const result = planReplaced(0, replaced, known, { maxPercentage });
      expect(result.remove).toEqual([]);
      expect(result.holdBack).toHaveLength(replaced);
      expect(result.reason).toContain(
        `would be removed, ${replaced} of them because their file has another URL now`,
      );
    });

    it('is replaced immediately when only the form of the URL changes, however many there are', () => {
      const policy = { maxPercentage: 0 };
      expect(planReplaced(0, 100, 100, policy, 'other-form').remove).toHaveLength(100);
    });

    it('is replaced while removals are held', () => {
      const result = planReplaced(1, 2, 100, { maxPercentage: 0 });
      expect(result.remove).toHaveLength(2);
      expect(result.holdBack).toEqual(locations(1));
      expect(result.reason).toMatch(/^1 of 100 Locations would be removed; /);
    });

    it('counts together with the removals', () => {
      expect(planReplaced(20, 11, 100).holdBack).toHaveLength(31);
      expect(planReplaced(20, 10, 100).holdBack).toHaveLength(0);
    });
  });

  describe('a removal that earlier runs held back', () => {
    const due = locations(40);

    it('has a time at which its first part will be applied', () => {
      const [first, ...others] = due;
      const held = [
        ...heldSince(NOW - 23 * HOUR, first ? [first] : []),
        ...heldSince(NOW - HOUR, others.slice(0, 10)),
      ];

      expect(plan(due, 100, { held }).reason).toContain(
        'They will be removed after 2024-01-01T01:00:00.000Z,',
      );
    });

    it.each<[string, number]>([
      ['a millisecond too short', 24 * HOUR - 1],
      ['not at all yet', 0],
      ['since a time in the future, after the clock was set back', -HOUR],
    ])('stays held, with its time, when it has been held %s', (_, ms) => {
      const held = heldSince(NOW - ms, due);
      expect(plan(due, 100, { held })).toMatchObject({
        remove: [],
        holdBack: due,
        held,
      });
    });

    it.each([24 * HOUR, 24 * HOUR + 1, 240 * HOUR])('is applied after %d ms', ms => {
      const held = heldSince(NOW - ms, due);
      expect(plan(due, 100, { held })).toEqual({
        remove: due,
        holdBack: [],
        held: [],
        reason: undefined,
      });
    });

    it('is applied after its time even when it removes everything', () => {
      const held = heldSince(NOW - 24 * HOUR, due);
      expect(plan(due, 40, { held }).remove).toEqual(due);
    });

    it('is applied by the next run when it need not be held at all', () => {
      const held = heldSince(NOW, due);
      expect(plan(due, 100, { held, policy: { holdForMs: 0 } }).remove).toEqual(due);
    });

    it('is never applied when no removal is allowed', () => {
      const held = heldSince(NOW - 1000 * HOUR, due);
      const result = plan(due, 100, { held, policy: { maxPercentage: 0 } });
      expect(result).toMatchObject({ remove: [], holdBack: due, held });
    });

    it('is discarded once the file is back', () => {
      const came = due.slice(0, 5);
      const held = heldSince(NOW - HOUR, due);
      const without = plan(due.slice(5), 100, { held });
      expect(without.held).toEqual(heldSince(NOW - HOUR, due.slice(5)));
      const again = plan(due, 100, { held: without.held });
      expect(again.held.filter(removal => removal.sinceMs === NOW)).toEqual(
        heldSince(NOW, came),
      );
    });

    it('is applied with the rest once few enough are due', () => {
      const held = heldSince(NOW - HOUR, due);
      const few = due.slice(0, 30);
      expect(plan(few, 100, { held })).toMatchObject({ remove: few, held: [] });
    });

    it('is timed for each Location separately: those held long enough are removed, recent ones stay', () => {
      const [ripe, fresh] = [locations(40), locations(40, 40)];
      const held = [...heldSince(NOW - 24 * HOUR, ripe), ...heldSince(NOW - HOUR, fresh)];
      const result = plan([...fresh, ...ripe], 100, { held });
      expect(result.remove).toEqual(ripe);
      expect(result.holdBack).toEqual(fresh);
      expect(result.held).toEqual(heldSince(NOW - HOUR, fresh));
    });

    it('lets a few recent ones go together with those held long enough', () => {
      const ripe = locations(40);
      const fresh = locations(5, 40);
      const held = heldSince(NOW - 24 * HOUR, ripe);
      expect(plan([...ripe, ...fresh], 100, { held }).remove).toHaveLength(45);
    });

    it('does not remove the last Location together with those held long enough', () => {
      const ripe = locations(9);
      const last = locations(1, 9);
      const held = heldSince(NOW - 24 * HOUR, ripe);
      const result = plan([...ripe, ...last], 10, { held });
      expect(result.remove).toEqual(ripe);
      expect(result.holdBack).toEqual(last);
    });

    it('is ignored when it names other targets', () => {
      const held = heldSince(NOW - 1000 * HOUR, locations(40, 1000));
      const result = plan(due, 100, { held });
      expect(result.remove).toEqual([]);
      expect(result.held).toEqual(heldSince(NOW, due));
    });
  });

  describe('for any set of removals, the plan', () => {
    const requests = fc
      .record({
        count: fc.integer({ min: 0, max: 60 }),
        others: fc.integer({ min: 0, max: 60 }),
        ages: fc.array(fc.constantFrom(0, 1, 23, 24, 25, 1000), { maxLength: 60 }),
        maxPercentage: fc.oneof(
          fc.integer({ min: 0, max: 100 }),
          fc.constantFrom(0, 30, 100),
        ),
      })
      .map(({ count, others, ages, maxPercentage }) => {
        const due = locations(count);
        const held = due.flatMap((location, index) => {
          const age = ages[index];
          return age === undefined ? [] : heldSince(NOW - age * HOUR, [location]);
        });
        return { due, held, known: count + others, policy: { maxPercentage } };
      });

    it('either applies or holds each removal, and stores those held', () => {
      fc.assert(
        fc.property(requests, ({ due, known, held, policy }) => {
          const result = plan(due, known, { held, policy });
          expect(new Set([...result.remove, ...result.holdBack])).toEqual(new Set(due));
          expect(result.remove.length + result.holdBack.length).toBe(due.length);
          expect(result.held.map(removal => removal.entryKey)).toEqual(
            result.holdBack.map(location => location.file.targetUrl),
          );
          expect(result.reason === undefined).toBe(result.holdBack.length === 0);
        }),
      );
    });

    it('does not depend on the order', () => {
      fc.assert(
        fc.property(requests, ({ due, known, held, policy }) => {
          const forward = plan(due, known, { held, policy });
          const backward = plan([...due].reverse(), known, {
            held: [...held].reverse(),
            policy,
          });
          expect(new Set(backward.remove)).toEqual(new Set(forward.remove));
          expect(new Set(backward.held)).toEqual(new Set(forward.held));
        }),
      );
    });

    it('never removes less at a higher percentage, with more known or after more time', () => {
      fc.assert(
        fc.property(
          requests,
          fc.nat(50),
          fc.nat(50),
          ({ due, known, held, policy }, more, hours) => {
            const before = new Set(plan(due, known, { held, policy }).remove);
            const maxPercentage = Math.min(100, policy.maxPercentage + more);
            const older = held.map(removal => ({
              ...removal,
              sinceMs: removal.sinceMs - hours * HOUR,
              confirmedForMs: removal.confirmedForMs + hours * HOUR,
            }));
            for (const after of [
              plan(due, known, { held, policy: { maxPercentage } }),
              plan(due, known + more, { held, policy }),
              plan(due, known, { held: older, policy }),
            ]) {
              expect(
                [...before].filter(location => !after.remove.includes(location)),
              ).toEqual([]);
            }
          },
        ),
      );
    });

    it('never removes more than five and the percentage before they were held long enough', () => {
      fc.assert(
        fc.property(requests, ({ due, known, held, policy }) => {
          const ripe = new Set(
            held
              .filter(removal => NOW - removal.sinceMs >= 24 * HOUR)
              .map(removal => removal.entryKey),
          );
          const removed = plan(due, known, { held, policy }).remove;
          const fresh = removed.filter(
            location => !ripe.has(location.file.targetUrl),
          ).length;
          const most = Math.max(5, (policy.maxPercentage * known) / 100);
          expect(fresh).toBeLessThanOrEqual(most);
        }),
      );
    });
  });
});
