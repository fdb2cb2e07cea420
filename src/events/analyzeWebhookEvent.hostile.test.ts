import fc from 'fast-check';
import {
  HOSTILE_VALUES,
  pushPayload,
  refChangePayload,
  repositoryPayload,
} from './__testUtils__/payloads';
import { analyzeWebhookEvent } from './analyzeWebhookEvent';
import { REPOSITORY_EVENT_KEYS } from './webhookTopics';

/** Every event that names a repository, and how it names it. */
const eventsAbout = (repository: object): [string, object][] => [
  ['repo:refs_changed', { repository, changes: [] }],
  ['repo:forked', { repository }],
  ['repo:deleted', { repository }],
  ['mirror:repo_synchronized', { repository }],
  ['repo:modified', { new: repository }],
];

describe('an address that cannot exist in Bitbucket', () => {
  it.each([
    ['..%2f..'],
    ['%2e%2e'],
    ['..'],
    ['.git'],
    ['-api'],
    ['_api'],
    ['a%2Fb'],
    ['a/b'],
    ['a\\b'],
    ['a b'],
    ['a?x=1'],
    ['a#x'],
    ['a;b'],
    ['a@b'],
    ['~api'],
    ['a\u0000'],
    ['a\n'],
    ['ａｐｉ'],
    ['é'],
    [''],
    ['a'.repeat(257)],
  ])('is malformed with the slug %j', slug => {
    for (const [key, payload] of eventsAbout(repositoryPayload({ slug }))) {
      expect(analyzeWebhookEvent(key, payload)).toMatchObject({
        kind: 'malformed',
        reason: expect.stringMatching(/ no readable (repository|new)\.slug$/),
      });
    }
  });

  it.each([
    ['..%2f..'],
    ['..'],
    ['P%41Y'],
    ['PAY/OPS'],
    ['PAY.OPS'],
    ['1PAY'],
    ['_PAY'],
    ['~'],
    ['~~a'],
    ['~a/b'],
    ['~a%2fb'],
    ['P AY'],
    ['ＰＡＹ'],
    [''],
  ])('is malformed with the project key %j', key => {
    const repository = repositoryPayload({ project: { key } });
    for (const [eventKey, payload] of eventsAbout(repository)) {
      expect(analyzeWebhookEvent(eventKey, payload).kind).toBe('malformed');
    }
    const project = analyzeWebhookEvent('project:modified', { new: { id: 1, key } });
    expect(project.kind).toBe('malformed');
  });

  it('is ignored as a former address', () => {
    const old = repositoryPayload({ slug: '..%2f..' });
    const payload = { old, new: repositoryPayload() };
    const analysis = analyzeWebhookEvent('repo:modified', payload);
    expect(analysis).toMatchObject({ kind: 'change', change: { type: 'modified' } });
    expect(JSON.stringify(analysis)).not.toContain('%2f');
  });

  it.each([
    ['PAY', 'api'],
    ['pay_ops-2', 'a.b_c-d'],
    ['~JDOE', '2fa'],
    ['~j.doe_2', 'API'],
    ['P', 'a'.repeat(128)],
  ])('does not include %s/%s, which is valid', (key, slug) => {
    const repository = repositoryPayload({ slug, project: { key } });
    for (const [eventKey, payload] of eventsAbout(repository)) {
      expect(analyzeWebhookEvent(eventKey, payload).kind).toBe('change');
    }
  });
});

describe('any payload', () => {
  const keys = [...REPOSITORY_EVENT_KEYS, 'diagnostics:ping', '__proto__', undefined];

  it.each(HOSTILE_VALUES)('may be %s, as a whole and in each place', (_, value) => {
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
      ).toMatch(/^(change|malformed)$/);
    }
  });

  it('leads to no error for generated JSON, and to a reason if it is ignored', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...keys),
        fc.jsonValue({ maxDepth: 6 }),
        (key, json) => {
          const analysis = analyzeWebhookEvent(key, json);
          if (analysis.kind !== 'change') {
            expect(analysis.reason).not.toBe('');
          }
        },
      ),
    );
  });

  it('leads to no error if single members are replaced', () => {
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

  it('is read only as far as its named fields', () => {
    const depth = 200_000;
    const deep: unknown = JSON.parse(`${'['.repeat(depth)}${']'.repeat(depth)}`);
    const links = { self: [deep] };
    const repository = repositoryPayload({ origin: deep, links });
    expect(
      analyzeWebhookEvent('repo:forked', { repository, commits: deep }),
    ).toMatchObject({ change: { type: 'forked' } });
    expect(analyzeWebhookEvent('repo:forked', deep).kind).toBe('malformed');
    expect(
      analyzeWebhookEvent('repo:refs_changed', pushPayload({ changes: [deep] })),
    ).toMatchObject({ change: { type: 'unknown' } });
  });

  it.each(['\0', '\u001b[2J', '\ud800'])(
    'has no readable branch with %j in its name',
    text => {
      const change = refChangePayload();
      const ref = { id: `refs/heads/main${text}`, displayId: 'main', type: 'BRANCH' };
      expect(
        analyzeWebhookEvent(
          'repo:refs_changed',
          pushPayload({ changes: [{ ...change, ref }] }),
        ),
      ).toMatchObject({ change: { type: 'unknown' } });
    },
  );

  it('is read completely with twenty megabytes of changes', () => {
    const text = JSON.stringify(refChangePayload());
    const count = Math.ceil(20_000_000 / text.length);
    const payload: unknown = JSON.parse(
      JSON.stringify(pushPayload({ changes: Array(count).fill(refChangePayload()) })),
    );
    // Quadratic work would never end.
    expect(analyzeWebhookEvent('repo:refs_changed', payload)).toMatchObject({
      change: { type: 'pushed', refs: { length: count } },
    });
  });
});
