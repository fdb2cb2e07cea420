import { NOW } from '../__testUtils__/discoveryData';
import { summarizeWebhooks } from './summarizeWebhooks';
import { ProjectWebhooks } from './WebhookStore';

const project = (
  projectKey: string,
  registered: number,
  lastEventAtMs?: number,
  unannounced = 0,
): ProjectWebhooks => ({ projectKey, registered, lastEventAtMs, unannounced });

describe('the summary of webhooks', () => {
  it('has the last event of all projects, and lists silent projects first', () => {
    const { projects, ...rest } = summarizeWebhooks([
      project('NONE', 0),
      project('NEW', 1, NOW, 1),
      project('SILENT', 2, undefined, 4),
      project('OLD', 1, NOW - 5),
    ]);

    expect(projects.map(project => project.projectKey)).toEqual([
      'SILENT',
      'OLD',
      'NEW',
      'NONE',
    ]);
    expect(rest).toEqual({
      lastEventAtMs: NOW,
      silentProjects: 1,
      unannounced: 5,
      totalProjects: 4,
    });
  });

  it('is empty without projects', () => {
    expect(summarizeWebhooks([])).toEqual({
      silentProjects: 0,
      unannounced: 0,
      totalProjects: 0,
      projects: [],
    });
  });

  it('lists at most 1,000 projects and counts all', () => {
    const many = Array.from({ length: 1_001 }, (_, index) => project(`P${index}`, 1));
    const { projects, silentProjects, totalProjects } = summarizeWebhooks([
      project('HEARD', 1, NOW),
      ...many,
    ]);

    expect(projects).toHaveLength(1_000);
    expect(projects.some(project => project.projectKey === 'HEARD')).toBe(false);
    expect([silentProjects, totalProjects]).toEqual([1_001, 1_002]);
  });
});
