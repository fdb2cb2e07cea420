import { repositoryPayload } from './__testUtils__/payloads';
import { analyzeWebhookEvent } from './analyzeWebhookEvent';

const SELF = 'https://git.example.com/ctx/projects/PAY/repos/api/browse';
const API = { id: 7, projectKey: 'PAY', slug: 'api', selfUrl: SELF };

function one(change: object) {
  return { kind: 'change', change };
}

describe('a modified repository', () => {
  it.each([
    ['a rename', { slug: 'old' }, { projectKey: 'PAY', slug: 'old' }],
    ['a move', { project: { key: 'OLD' } }, { projectKey: 'OLD', slug: 'api' }],
  ])('has its address from before %s', (_, overrides, formerAddress) => {
    const payload = { old: repositoryPayload(overrides), new: repositoryPayload() };
    expect(analyzeWebhookEvent('repo:modified', payload)).toEqual(
      one({ type: 'modified', repository: API, formerAddress }),
    );
  });

  it.each([
    ['it stayed where it was', repositoryPayload({ archived: true })],
    ['its former state cannot be read', { slug: 3 }],
  ])('has no former address when %s', (_, old) => {
    const payload = { old, new: repositoryPayload() };
    expect(analyzeWebhookEvent('repo:modified', payload)).toEqual(
      one({ type: 'modified', repository: API }),
    );
  });

  it.each([
    ['is missing after the change', { old: repositoryPayload() }],
    ['is another one', { old: repositoryPayload({ id: 8 }), new: repositoryPayload() }],
    ['stands elsewhere', { repository: repositoryPayload() }],
  ])('is malformed when the repository %s', (_, payload) => {
    expect(analyzeWebhookEvent('repo:modified', payload).kind).toBe('malformed');
  });
});

it.each([
  ['repo:created', 'created'],
  ['repo:forked', 'forked'],
  ['repo:deleted', 'deleted'],
])('%s is about one repository', (key, type) => {
  const payload = { repository: repositoryPayload() };
  expect(analyzeWebhookEvent(key, payload)).toEqual(one({ type, repository: API }));
  expect(analyzeWebhookEvent(key, {})).toEqual({
    kind: 'malformed',
    reason: 'the payload has no readable repository',
  });
});

describe('a modified project', () => {
  const selfUrl = 'https://git.example.com/projects/NEW';
  const links = { self: [{ href: selfUrl }] };

  it('has its former key if that was another one', () => {
    const payload = { old: { key: 'OLD', id: 3 }, new: { key: 'NEW', id: 3, links } };
    expect(analyzeWebhookEvent('project:modified', payload)).toEqual(
      one({ type: 'project-modified', key: 'NEW', formerKey: 'OLD', id: 3, selfUrl }),
    );
  });

  it('has no former key if the key is the same or unreadable', () => {
    for (const old of [{ key: 'NEW' }, null, { key: 3 }]) {
      expect(
        analyzeWebhookEvent('project:modified', { old, new: { key: 'NEW' } }),
      ).toEqual(one({ type: 'project-modified', key: 'NEW' }));
    }
  });

  it.each([
    ['it has no key', { old: { key: 'A' }, new: {} }],
    ['it is another one', { old: { key: 'A', id: 1 }, new: { key: 'B', id: 2 } }],
  ])('is malformed when %s', (_, payload) => {
    expect(analyzeWebhookEvent('project:modified', payload).kind).toBe('malformed');
  });
});
