/**
 * The analysis against what real servers sent, where these recordings are at hand; they are
 * not part of this repository.
 */

import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { analyzeWebhookEvent } from './analyzeWebhookEvent';
import { findEventKey } from './webhookTopics';

const FIXTURES = path.resolve(__dirname, '../../../shared/fixtures');
const present = existsSync(FIXTURES);
if (!present) {
  console.warn(
    'NOT CHECKED: the analysis of webhooks against recorded ones, because the folder with these fixtures is not there.',
  );
}
const describeWithFixtures = present ? describe : describe.skip;

function readJson(file: string): unknown {
  return JSON.parse(readFileSync(path.join(FIXTURES, file), 'utf8'));
}

function analyze(file: string, eventKey?: string) {
  const payload = readJson(file);
  const metadata = eventKey === undefined ? undefined : { 'X-Event-Key': eventKey };
  return analyzeWebhookEvent(findEventKey('bitbucketServer', metadata, payload), payload);
}

describeWithFixtures('recorded webhooks', () => {
  const TEST_REPOS = { id: 1, projectKey: 'AMUNIZ', slug: 'test-repos' };
  const WEBHOOK_TEST = { id: 4, projectKey: '~gopher', slug: 'webhook-test' };

  it.each<[string, object, object]>([
    [
      'jenkins-webhooks/pushPayload.json',
      TEST_REPOS,
      { kind: 'BRANCH', change: 'UPDATE' },
    ],
    [
      'jenkins-webhooks/pushPayload_v10.json',
      { ...TEST_REPOS, id: 2 },
      { refId: 'refs/heads/feature/BB-1', kind: 'BRANCH', change: 'ADD' },
    ],
    [
      'jenkins-webhooks/branch_deleted.json',
      { ...TEST_REPOS, id: 2 },
      { refId: 'refs/heads/feature/BB-1', kind: 'BRANCH', change: 'DELETE' },
    ],
    [
      'jenkins-webhooks/tag_created.json',
      { slug: 'test-repos' },
      { kind: 'TAG', change: 'ADD' },
    ],
    [
      'jenkins-webhooks/annotated_tag_created.json',
      { slug: 'test-repos' },
      { kind: 'TAG', change: 'ADD' },
    ],
    [
      'jenkins-webhooks/tag_deleted.json',
      { slug: 'test-repos' },
      { kind: 'TAG', change: 'DELETE' },
    ],
    [
      'jenkins-webhooks/mirrorSynchronized.json',
      TEST_REPOS,
      { refId: 'refs/heads/main', kind: 'BRANCH', change: 'UPDATE' },
    ],
    [
      'go-playground-webhooks/repo-refs-changed.json',
      WEBHOOK_TEST,
      { refId: 'refs/heads/feature/wip', kind: 'BRANCH', change: 'DELETE' },
    ],
    [
      'atlassian-jenkins-plugin/webhook/refs_changed_body.json',
      { id: 84, projectKey: 'PROJ', slug: 'repository' },
      { refId: 'refs/heads/master', kind: 'BRANCH', change: 'UPDATE' },
    ],
    [
      'atlassian-jenkins-plugin/webhook/mirrors_synchronized_body.json',
      { id: 84, projectKey: 'PROJ', slug: 'repository' },
      { refId: 'refs/heads/master', kind: 'BRANCH', change: 'UPDATE' },
    ],
  ])('%s is a push', (file, repository, ref) => {
    expect(analyze(file)).toMatchObject({
      kind: 'change',
      change: { type: 'pushed', repository, refs: [ref] },
    });
  });

  it.each(['emptyPayload', 'mirrorSynchronized_refLimitExceeded'])(
    'jenkins-webhooks/%s.json does not say what changed',
    name => {
      expect(analyze(`jenkins-webhooks/${name}.json`)).toEqual({
        kind: 'change',
        change: {
          type: 'unknown',
          repository: {
            ...TEST_REPOS,
            selfUrl: 'http://localhost:7990/projects/AMUNIZ/repos/test-repos/browse',
          },
        },
      });
    },
  );

  it('reads a rename, with the former address', () => {
    expect(analyze('go-playground-webhooks/repo-modified.json')).toEqual({
      kind: 'change',
      change: {
        type: 'modified',
        repository: {
          id: 4,
          projectKey: 'gopher',
          slug: 'webhook-test',
          selfUrl:
            'https://server.bitbucket.local/users/gopher/repos/webhook-test/browse',
        },
        formerAddress: { projectKey: 'gopher', slug: 'webhook-test-2' },
      },
    });
  });

  it('reads the fork, not its origin', () => {
    expect(analyze('go-playground-webhooks/repo-forked.json')).toMatchObject({
      change: {
        type: 'forked',
        repository: { id: 124, projectKey: '~tux', slug: 'webhook-test' },
      },
    });
  });

  it('ignores the ping, whose body names no event', () => {
    const file = 'jenkins-webhooks/ping.json';
    expect(analyze(file, 'diagnostics:ping').kind).toBe('ignored');
    expect(analyze(file).kind).toBe('malformed');
  });

  it.each(['webhook/web_hooks_in_system.json', 'webhook-capabilities-response.json'])(
    'treats %s, which is no webhook, as malformed under every key',
    name => {
      const file = `atlassian-jenkins-plugin/${name}`;
      for (const key of ['repo:refs_changed', 'repo:modified', 'project:modified']) {
        expect(analyze(file, key).kind).toBe('malformed');
      }
    },
  );
});
