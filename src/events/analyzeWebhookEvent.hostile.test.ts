import fc from 'fast-check';
import {
  HOSTILE_VALUES,
  pushPayload,
  refChangePayload,
  repositoryPayload,
} from './__testUtils__/payloads';
import { analyzeWebhookEvent } from './analyzeWebhookEvent';
import { REPOSITORY_EVENT_KEYS } from './webhookTopics';

describe('whatever comes in', () => {
  const keys = [...REPOSITORY_EVENT_KEYS, 'diagnostics:ping', '__proto__', undefined];

  it.each(HOSTILE_VALUES)('survives %s, as a whole and in each place', (_, value) => {
    for (const key of REPOSITORY_EVENT_KEYS) {
      expect(analyzeWebhookEvent(key, value).kind).toBe('malformed');
      for (const place of ['repository', 'new']) {
        const payload = { changes: [], [place]: value };
        expect(analyzeWebhookEvent(key, payload).kind).toBe('malformed');
      }
      analyzeWebhookEvent(key, pushPayload({ changes: value, old: value }));
      analyzeWebhookEvent(key, pushPayload({ changes: [value] }));
      const odd = repositoryPayload({ id: value, links: value });
      expect(
        analyzeWebhookEvent(key, pushPayload({ repository: odd, new: odd })).kind,
      ).toMatch(/^(changes|malformed)$/);
    }
  });

  it('never throws on generated JSON and always says why it does nothing', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...keys),
        fc.jsonValue({ maxDepth: 6 }),
        (key, json) => {
          const analysis = analyzeWebhookEvent(key, json);
          if (analysis.kind === 'changes') {
            expect(analysis.changes.length).toBeGreaterThan(0);
          } else {
            expect(analysis.reason).not.toBe('');
          }
        },
      ),
    );
  });

  it('never throws on payloads in which single members are replaced', () => {
    const names = ['repository', 'old', 'new', 'changes', 'refLimitExceeded'];
    const member = fc.oneof(
      fc.jsonValue(),
      fc.constant(repositoryPayload()),
      fc.array(fc.oneof(fc.jsonValue(), fc.constant(refChangePayload()))),
    );
    const payloads = fc.dictionary(fc.constantFrom(...names), member);
    fc.assert(
      fc.property(fc.constantFrom(...keys), payloads, (key, payload) => {
        expect(analyzeWebhookEvent(key, payload).kind).toMatch(/^[a-z]+$/);
      }),
    );
  });

  it('does not descend into what it does not read', () => {
    const depth = 200_000;
    const deep: unknown = JSON.parse(`${'['.repeat(depth)}${']'.repeat(depth)}`);
    const links = { self: [deep] };
    const repository = repositoryPayload({ origin: deep, links });
    expect(
      analyzeWebhookEvent('repo:forked', { repository, commits: deep }),
    ).toMatchObject({ changes: [{ type: 'forked' }] });
    expect(analyzeWebhookEvent('repo:forked', deep).kind).toBe('malformed');
    expect(
      analyzeWebhookEvent('repo:refs_changed', pushPayload({ changes: [deep] })),
    ).toMatchObject({ changes: [{ type: 'unknown' }] });
  });

  it('reads five megabytes of changes in linear time', () => {
    const text = JSON.stringify(refChangePayload());
    const count = Math.ceil(5_000_000 / text.length);
    const measure = (times: number) => {
      const payload: unknown = JSON.parse(
        JSON.stringify(pushPayload({ changes: Array(times).fill(refChangePayload()) })),
      );
      const start = process.hrtime.bigint();
      const analysis = analyzeWebhookEvent('repo:refs_changed', payload);
      const elapsed = process.hrtime.bigint() - start;
      const change = analysis.kind === 'changes' ? analysis.changes[0] : undefined;
      expect(change).toMatchObject({ type: 'pushed', refs: { length: times } });
      return Number(elapsed) / 1e6;
    };
    measure(count);
    // Quadratic work would need minutes: the bound is generous for slow machines.
    expect(measure(4 * count)).toBeLessThan(10_000);
  });
});
