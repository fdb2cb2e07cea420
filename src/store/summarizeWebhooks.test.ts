import { NOW } from '../__testUtils__/discoveryData';
import { summarizeWebhooks } from './summarizeWebhooks';
import { ProjectWebhooks } from './WebhookStore';

const project = (
  projectKey: string,
  registered: number,
  lastEventAtMs?: number,
  unannounced = 0,
): ProjectWebhooks => ({ projectKey, registered, lastEventAtMs, unannounced });

describe('webhooks in numbers', () => {
  it('are the last event of all, and the projects that are silent first', () => {
    const { projects, ...rest } = summarizeWebhooks([
      project('NONE', 0),
      project('NEW', 1, NOW, 1),
      project('SILENT', 2, undefined, 4),
      project('OLD', 1, NOW - 5),
    ]);

    expect(projects.map(one => one.projectKey)).toEqual(['SILENT', 'OLD', 'NEW', 'NONE']);
    expect(rest).toEqual({
      lastEventAtMs: NOW,
      silentProjects: 1,
      unannounced: 5,
      totalProjects: 4,
    });
  });

  it('are nothing where there is nothing', () => {
    expect(summarizeWebhooks([])).toEqual({
      silentProjects: 0,
      unannounced: 0,
      totalProjects: 0,
      projects: [],
    });
  });

  it('list at most 1,000 projects and count all', () => {
    const many = Array.from({ length: 1_001 }, (_, index) => project(`P${index}`, 1));
    const { projects, silentProjects, totalProjects } = summarizeWebhooks([
      project('HEARD', 1, NOW),
      ...many,
    ]);

    expect(projects).toHaveLength(1_000);
    expect(projects.some(one => one.projectKey === 'HEARD')).toBe(false);
    expect([silentProjects, totalProjects]).toEqual([1_001, 1_002]);
  });
});
