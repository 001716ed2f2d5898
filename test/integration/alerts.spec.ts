import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { parser } from '@prometheus-io/lezer-promql';
import { parse } from 'yaml';
import { startTestService, type TestService } from '../support/service.js';

interface Rule {
  alert: string;
  expr: string;
  labels: { severity: string };
  annotations: { summary: string; runbook: string };
}

interface Panel {
  title: string;
  targets: { expr: string }[];
}

/** Metrics that Prometheus adds for each target. */
const OF_PROMETHEUS = new Set(['up']);

/** Replacements for the variables of Grafana. */
const VARIABLES: [RegExp, string][] = [
  [/\$__rate_interval/g, '5m'],
  [/\$job/g, 'order-service'],
];

function read(name: string): string {
  return readFileSync(new URL(`../../docs/${name}`, import.meta.url), 'utf8');
}

const { groups } = parse(read('alerts.yml')) as { groups: { rules: Rule[] }[] };
const rules = groups.flatMap((group) => group.rules);
const { panels } = JSON.parse(read('grafana-dashboard.json')) as { panels: Panel[] };
const queries = panels.flatMap(({ title, targets }) => targets.map(({ expr }) => [title, expr] as const));

/** The metrics in a query. @throws {Error} when it is not valid PromQL */
function metricsIn(query: string): string[] {
  const text = VARIABLES.reduce((made, [variable, value]) => made.replace(variable, value), query);
  const metrics: string[] = [];
  parser.parse(text).iterate({
    enter: ({ name, type, from, to, node }) => {
      if (type.isError) throw new Error(`no PromQL at ${from}: ${text}`);
      if (name === 'Identifier' && node.parent?.name === 'VectorSelector') metrics.push(text.slice(from, to));
    },
  });
  return metrics;
}

/** The names of the metrics in queries: three for each histogram. */
function exported(text: string): Set<string> {
  const declared = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)];
  return new Set(
    declared.flatMap(([, name = '', type]) =>
      type === 'histogram' ? [`${name}_bucket`, `${name}_count`, `${name}_sum`] : [name],
    ),
  );
}

let service: TestService;
let names: Set<string>;

beforeAll(async () => {
  service = await startTestService();
  names = exported(String((await service.request('GET', '/metrics')).body));
});

afterAll(async () => {
  await service?.stop();
});

describe('metrics in queries', () => {
  it('are found by a PromQL parser', () => {
    expect(metricsIn('sum by (route) (rate(a_total{job="$job"}[$__rate_interval])) / b > 5')).toEqual([
      'a_total',
      'b',
    ]);
    expect(() => metricsIn('sum(rate(a_total[5m])')).toThrow('no PromQL');
  });

  it.each(queries)('of the dashboard exist: %s', (_title, expr) => {
    const asked = metricsIn(expr);
    expect(asked).not.toEqual([]);
    expect(asked.filter((name) => !names.has(name))).toEqual([]);
  });

  it.each(rules.map((rule) => [rule.alert, rule] as const))('of the alert %s exist', (_alert, rule) => {
    const asked = metricsIn(rule.expr).filter((name) => !OF_PROMETHEUS.has(name));
    expect(asked.filter((name) => !names.has(name))).toEqual([]);
  });
});

describe('docs/operations.md', () => {
  const handbook = read('operations.md');

  it.each(rules.map((rule) => [rule.alert, rule] as const))(
    'has a runbook section for the alert %s',
    (alert, rule) => {
      expect(rule.labels.severity).toMatch(/^(page|ticket)$/);
      expect(rule.annotations.summary).not.toBe('');
      expect(rule.annotations.runbook).toBe(`docs/operations.md#${alert.toLowerCase()}`);
      expect(handbook).toContain(`\n### ${alert}\n`);
    },
  );
});
