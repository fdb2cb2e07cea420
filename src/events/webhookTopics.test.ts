import { HOSTILE_VALUES, pushPayload } from './__testUtils__/payloads';
import { findEventKey, WEBHOOK_TOPICS, webhookHeader } from './webhookTopics';

const PUSH = 'repo:refs_changed';

it('the module subscribes to the plain topic and to a sub-topic for each event about repositories', () => {
  expect(WEBHOOK_TOPICS).toEqual([
    'bitbucketServer',
    'bitbucketServer.repo:refs_changed',
    'bitbucketServer.repo:modified',
    'bitbucketServer.repo:forked',
    'bitbucketServer.repo:created',
    'bitbucketServer.repo:deleted',
    'bitbucketServer.project:modified',
    'bitbucketServer.mirror:repo_synchronized',
  ]);
});

describe('webhookHeader', () => {
  it.each([
    { 'x-event-key': PUSH },
    { 'X-Event-Key': PUSH },
    { 'X-EVENT-KEY': [PUSH], other: undefined, constructor: 'x' },
    Object.assign(Object.create(null), { 'x-event-key': PUSH }),
  ])('finds a header in any case: %j', metadata =>
    expect(webhookHeader(metadata, 'x-event-key')).toBe(PUSH),
  );

  it.each([
    [{}],
    [{ 'x-event': PUSH }],
    [{ 'x-event-key': undefined }],
    [{ 'x-event-key': 3 }],
    [{ 'x-event-key': [] }],
    [{ 'x-event-key': [PUSH, PUSH] }],
    [{ 'x-event-key': PUSH, 'X-Event-Key': 'diagnostics:ping' }],
  ])('finds nothing in %j', metadata =>
    expect(webhookHeader(metadata, 'x-event-key')).toBeUndefined(),
  );

  it.each(HOSTILE_VALUES)('finds nothing in %s', (_, metadata) =>
    expect(webhookHeader(metadata, 'x-event-key')).toBeUndefined(),
  );
});

describe('findEventKey', () => {
  const header = { 'X-Event-Key': 'repo:modified' };

  it('prefers the sub-topic, then the header, then the body', () => {
    const keys = [`bitbucketServer.repo:forked`, 'bitbucketServer'].map(topic =>
      findEventKey(topic, header, pushPayload()),
    );
    expect(keys).toEqual(['repo:forked', 'repo:modified']);
    expect(findEventKey('bitbucketServer', undefined, pushPayload())).toBe(PUSH);
  });

  it('finds the key of a ping, whose body has none', () => {
    const metadata = { 'x-event-key': 'diagnostics:ping' };
    expect(findEventKey('bitbucketServer', metadata, { test: true })).toBe(
      'diagnostics:ping',
    );
  });

  it.each(['', 'a b', 'a\nb', 'a/b', 'x'.repeat(101), 'a, b'])(
    'does not accept "%s" as a key, wherever it stands',
    text => {
      const metadata = { 'x-event-key': text };
      const payload = { eventKey: text };
      expect(findEventKey(`bitbucketServer.${text}`, metadata, payload)).toBeUndefined();
    },
  );

  it('finds nothing on unrelated topics', () => {
    const foreign = ['', 'bitbucket', 'bitbucketServer2', 'bitbucketCloud', 'github'];
    for (const topic of [...foreign, `github.${PUSH}`]) {
      expect(findEventKey(topic, header, pushPayload())).toBeUndefined();
    }
  });

  it.each(HOSTILE_VALUES)('finds nothing in %s', (_, value) =>
    expect(findEventKey('bitbucketServer', value, value)).toBeUndefined(),
  );
});
