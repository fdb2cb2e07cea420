/** The dashboard, the alerts and the tables in `docs/metrics` against what is measured. */

import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { CONFLICT_KINDS } from '../conflicts/describeConflicts';
import { EVENT_RESULTS } from '../events/eventResults';
import { SPARED_BY } from '../discovery/types';
import {
  ABSENCE_REASONS,
  EXCLUSION_REASONS,
  OUTCOME_KINDS,
  UNKNOWN_REASONS,
} from '../model';
import {
  findMetric,
  namesInQuery,
  PROMETHEUS_NAMES,
} from './__testUtils__/prometheusNames';
import { METRICS } from './instruments';
import { READ_RESULTS, RUN_RESULTS } from './observers';

function read(name: string): string {
  return readFileSync(path.resolve(__dirname, '../../docs/metrics', name), 'utf8');
}

const Dashboard = z.object({
  schemaVersion: z.number(),
  templating: z.object({
    list: z.array(z.object({ name: z.string(), type: z.string(), query: z.unknown() })),
  }),
  panels: z.array(
    z.object({
      id: z.number(),
      title: z.string(),
      gridPos: z.object({ x: z.number(), y: z.number(), w: z.number(), h: z.number() }),
      datasource: z.object({ uid: z.string() }).optional(),
      targets: z
        .array(z.object({ expr: z.string(), datasource: z.object({ uid: z.string() }) }))
        .default([]),
    }),
  ),
});

const Alerts = z.object({
  groups: z.array(
    z.object({
      name: z.string(),
      rules: z.array(
        z.object({
          alert: z.string(),
          expr: z.string(),
          for: z.string(),
          labels: z.object({ severity: z.string() }),
          annotations: z.object({
            summary: z.string().min(1),
            description: z.string().min(1),
            remedy: z.string().min(1),
          }),
        }),
      ),
    }),
  ),
});

const dashboard = Dashboard.parse(JSON.parse(read('grafana-dashboard.json')));
const rules = Alerts.parse(parse(read('alerts.yaml'))).groups.flatMap(
  group => group.rules,
);
const panelQueries = dashboard.panels.flatMap(panel =>
  panel.targets.map(({ expr }) => expr),
);
const variableQueries = dashboard.templating.list.map(variable =>
  JSON.stringify(variable.query),
);
const queries: readonly string[] = [
  ...panelQueries,
  ...variableQueries,
  ...rules.map(rule => rule.expr),
];

/** Attributes and, where these are fixed lists, their values. */
const VALUES: Readonly<Record<string, readonly string[] | undefined>> = {
  // Of Prometheus itself: one for each Backstage.
  job: undefined,
  provider: undefined,
  plugin: undefined,
  host: undefined,
  status: undefined,
  project: undefined,
  le: undefined,
  result: [...RUN_RESULTS, ...EVENT_RESULTS, ...READ_RESULTS],
  outcome: OUTCOME_KINDS,
  reason: [
    ...EXCLUSION_REASONS,
    ...ABSENCE_REASONS,
    ...UNKNOWN_REASONS,
    ...['limiter', 'backoff'],
  ],
  state: ['known', 'held_back', 'carried_forward'],
  by: SPARED_BY,
  kind: CONFLICT_KINDS,
};

describe('the dashboard and the alerts', () => {
  it('use only metrics that exist, however these get to Prometheus', () => {
    const unknown = queries.flatMap(namesInQuery).filter(name => !findMetric(name));

    expect(unknown).toEqual([]);
  });

  it('use nothing else', () => {
    const others = [...panelQueries, ...rules.map(rule => rule.expr)].filter(
      query => namesInQuery(query).length === 0,
    );

    expect(others).toEqual([]);
  });

  it('group and select by attributes and values that exist', () => {
    const groups = queries.flatMap(query =>
      [...query.matchAll(/\b(?:by|on) \(([^)]*)\)/g)].flatMap(([, list = '']) =>
        list.split(/,\s*/),
      ),
    );
    const selected = queries
      .flatMap(query => [...query.matchAll(/\b(\w+)(?:=~|!=|=)"([^"]*)"/g)])
      .filter(([, key]) => key !== '__name__');

    expect(groups.filter(key => !(key in VALUES))).toEqual([]);
    expect(selected.length).toBeGreaterThan(20);
    for (const [, key = '', value = ''] of selected) {
      expect(Object.keys(VALUES)).toContain(key);
      const known = VALUES[key];
      value
        .split('|')
        .forEach(alternative => known && expect(known).toContain(alternative));
    }
  });

  it('have balanced brackets', () => {
    const withoutTexts = queries.map(query => query.replace(/"[^"]*"/g, ''));
    for (const [open = '', close = ''] of ['()', '{}', '[]'].map(pair => [...pair])) {
      const unbalanced = withoutTexts.filter(
        query => query.split(open).length !== query.split(close).length,
      );
      expect(unbalanced).toEqual([]);
    }
  });
});

describe('the dashboard', () => {
  it('shows every metric', () => {
    const shown = new Set(panelQueries.flatMap(namesInQuery).map(findMetric));

    expect([...shown].sort()).toEqual(
      Object.values(METRICS)
        .map(metric => metric.name)
        .sort(),
    );
  });

  it('is for a current Grafana, with variables for data source, installation and provider', () => {
    expect(dashboard.schemaVersion).toBeGreaterThanOrEqual(39);
    expect(
      dashboard.templating.list.map(variable => [variable.name, variable.type]),
    ).toEqual([
      ['datasource', 'datasource'],
      ['installation', 'query'],
      ['provider', 'query'],
    ]);
    const sources = dashboard.panels.flatMap(panel => [
      ...(panel.datasource ? [panel.datasource.uid] : []),
      ...panel.targets.map(target => target.datasource.uid),
    ]);
    expect(new Set(sources)).toEqual(new Set(['${datasource}']));
    // These are of no single provider.
    const unfiltered = panelQueries.filter(
      query =>
        !query.includes('$provider') &&
        !/bitbucket_server_(events|reads|configuration_refused|budget_unanswered)/.test(
          query,
        ),
    );
    expect(unfiltered).toEqual([]);
  });

  it('sums nothing over several installations', () => {
    const selectors = panelQueries.flatMap(query => query.match(/\{[^}]*\}/g) ?? []);

    expect(
      selectors.filter(selector => !selector.includes('job="$installation"')),
    ).toEqual([]);
    expect(selectors.length).toBeGreaterThanOrEqual(panelQueries.length);
    const bare = panelQueries.filter(query =>
      /bitbucket_server_\w+(?![\w{(?|])/.test(query.replace(/"[^"]*"/g, '')),
    );
    expect(bare).toEqual([]);
  });

  it('has no overlapping panels', () => {
    const cells = dashboard.panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, i) => `${x + (i % w)},${y + Math.floor(i / w)}`),
    );

    expect(new Set(cells).size).toBe(cells.length);
    expect(new Set(dashboard.panels.map(panel => panel.id)).size).toBe(
      dashboard.panels.length,
    );
    expect(
      Math.max(...dashboard.panels.map(panel => panel.gridPos.x + panel.gridPos.w)),
    ).toBe(24);
  });
});

describe('the alerts', () => {
  it.each(rules)('cover each installation separately and name it: $alert', rule => {
    const groups = [...rule.expr.matchAll(/\b(?:by|on) \(([^)]*)\)/g)];

    expect(groups).not.toEqual([]);
    groups.forEach(([, list = '']) => expect(list).toMatch(/^job, provider\b/));
    expect(rule.annotations.summary).toContain('$labels.job');
  });

  it('are three with distinct names', () => {
    expect(new Set(rules.map(rule => rule.alert))).toHaveProperty('size', 3);
  });
});

describe('the tables of metrics', () => {
  const getRows = (name: string) =>
    read('README.md')
      .split('\n')
      .filter(line => line.startsWith(`| \`${name}\` `))
      .map(line => line.split('|').map(cell => cell.trim()));

  it.each(Object.values(METRICS))('describe $name', ({ name, kind, unit }) => {
    const [described, named] = getRows(name);

    expect(described?.slice(2, 4)).toEqual([kind, `\`${unit}\``]);
    const names = PROMETHEUS_NAMES.find(candidate => candidate.metric === name);
    expect(named?.[2]).toContain(`\`${names?.exporter[0]}\``);
    expect(named?.[3]).toContain(
      names?.otlp[0] === names?.exporter[0] ? 'the same' : `\`${names?.otlp[0]}\``,
    );
  });

  it('describe nothing else', () => {
    const described = read('README.md').match(/^\| `bitbucket_server[^`]*`/gm) ?? [];

    expect(described).toHaveLength(2 * Object.keys(METRICS).length);
  });
});
