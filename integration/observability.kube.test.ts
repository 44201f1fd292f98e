import {readFileSync} from 'node:fs';
import {get} from 'node:http';
import {fileURLToPath} from 'node:url';
import {afterAll, beforeAll, describe, expect, jest, test} from '@jest/globals';
import {RUNTIMED_METRICS_PORT, type Run, type RunSpec, TRACEPARENT_ANNOTATION} from '@kruntimes/api-types';
import {kinds} from '@kruntimes/reconciler-kit';
import {parse} from 'yaml';
import {OtlpReceiver} from './support/otlp-receiver.ts';
import {baseName, type MetricFamily, metricsOf, parseMetrics} from './support/prometheus.ts';
import {System} from './support/system.ts';

// Starts processes, on machines that may have a lot to do.
jest.setTimeout(120_000);

const fileOf = (path: string): string => readFileSync(fileURLToPath(new URL(`../${path}`, import.meta.url)), 'utf8');

const krt = fileURLToPath(new URL('../apps/krt-cli/dist/main.js', import.meta.url));

let receiver: OtlpReceiver;
let system: System;
let namespace: string;
/** What each program serves. */
const served: Record<string, Map<string, MetricFamily>> = {};

beforeAll(async () => {
  receiver = await OtlpReceiver.start();
  const variables = {OTEL_EXPORTER_OTLP_ENDPOINT: receiver.endpoint, OTEL_BSP_SCHEDULE_DELAY: '100'};
  system = await System.start({
    env: variables,
    controllerArgs: Object.entries(variables).map(([name, value]) => `--runtimed-env=${name}=${value}`),
  });
  namespace = await system.createNamespace();
  await system.createRuntime(namespace, {replicas: 1, runs: 4});
  await finish({source: {inline: 'exit 3'}});
  const {items} = await system.cluster.client.kind(kinds.Pod).list({namespace});
  const addresses = {
    controller: system.cluster.controller.metricsAddress,
    scheduler: system.cluster.scheduler.metricsAddress,
    runtimed: `${items[0]?.status?.podIP}:${RUNTIMED_METRICS_PORT}`,
  };
  for (const [name, address] of Object.entries(addresses)) {
    served[name] = parseMetrics(await read(`http://${address}/metrics`));
  }
}, 180_000);
afterAll(async () => {
  await system?.stop();
  await receiver?.[Symbol.asyncDispose]();
});

async function finish(spec: Partial<RunSpec>): Promise<Run> {
  const {metadata} = await system.create(namespace, spec);
  return await system.ended(namespace, metadata?.name ?? '', 60_000);
}

function read(url: string): Promise<string> {
  return new Promise((resolve, reject) => {
    get(url, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.on('end', () => resolve(text)).on('error', reject);
    }).on('error', reject);
  });
}

/** Of Node.js and its process: prom-client's, not ours to describe. */
const isOurs = (name: string): boolean => !/^(process|nodejs)_/.test(name);

describe('docs/metrics.md', () => {
  test('has each metric that is served, with its type, labels and help, and no other', () => {
    const rows = new Map<string, {family: MetricFamily; programs: string[]}>();
    for (const [program, families] of Object.entries(served)) {
      for (const family of families.values()) {
        if (!isOurs(family.name)) continue;
        const row = rows.get(family.name) ?? {family, programs: []};
        row.programs.push(program);
        rows.set(family.name, row);
      }
    }
    const wanted = [...rows.values()]
      .map(
        ({family: {name, type, help}, programs}) =>
          `| \`${name}\` | ${type} | ${programs.length === 3 ? 'all' : programs.join(', ')} | ${help} |`,
      )
      .toSorted();
    const documented = fileOf('docs/metrics.md')
      .split('\n')
      .filter((line) => /^\| `[a-z_]+` \| (counter|gauge|histogram|summary) \|/.test(line));
    expect(documented.toSorted()).toEqual(wanted);
  });

  test('has each alert, with what it means', () => {
    const headings = [...fileOf('docs/metrics.md').matchAll(/^### (Kruntimes\w+)$/gm)].map(([, name]) => name);
    expect(headings).toEqual(alerts().map(({alert}) => alert));
  });
});

interface Alert {
  alert: string;
  expr: string;
  labels: {severity: string};
  annotations: {summary: string; description: string};
}

function alerts(): Alert[] {
  const groups = parse(fileOf('charts/kruntimes/files/alerts.yaml')) as {rules: Alert[]}[];
  return groups.flatMap(({rules}) => rules);
}

/** Labels that Prometheus adds to what it reads. */
const targetLabels = ['namespace', 'pod', 'service', 'job', 'instance', 'container', 'le', 'CONTROLLER', 'SCHEDULER'];

/** What an expression asks for that no program serves. */
function missingFrom(expression: string): string[] {
  const all = Object.values(served).flatMap((families) => [...families.values()]);
  const missing: string[] = [];
  const known = new Set(targetLabels);
  const used = metricsOf(expression);
  for (const [name, labels] of used) {
    if (name === '') continue;
    const families = all.filter((family) => family.name === name || family.name === baseName(name));
    if (families.length === 0) missing.push(name);
    if (!families.some(({hasSeries}) => hasSeries)) return missing;
    for (const label of families.flatMap((family) => [...family.labels])) known.add(label);
    for (const label of labels) if (!known.has(label)) missing.push(`${name}{${label}}`);
  }
  for (const label of used.get('') ?? []) if (!known.has(label)) missing.push(`by (${label})`);
  return missing;
}

describe('alerts and dashboard', () => {
  test('alert rules read only what is served, and say what it is about', () => {
    for (const {alert, expr, labels, annotations} of alerts()) {
      // Placeholders of the chart for labels of a target.
      const expression = expr.replaceAll(/CONTROLLER|SCHEDULER/g, 'service="x"');
      expect([alert, missingFrom(expression)]).toEqual([alert, []]);
      expect(metricsOf(expression).size).toBeGreaterThan(0);
      expect(['critical', 'warning']).toContain(labels.severity);
      expect([annotations.summary, annotations.description].every(Boolean)).toBe(true);
    }
  });

  test('every panel of the dashboard reads only what is served', () => {
    interface Panel {
      title: string;
      type: string;
      targets?: {expr: string}[];
      panels?: Panel[];
    }
    const {panels} = JSON.parse(fileOf('charts/kruntimes/dashboards/kruntimes.json')) as {panels: Panel[]};
    const all = panels.flatMap((panel) => [panel, ...(panel.panels ?? [])]).filter(({type}) => type !== 'row');
    expect(all.length).toBeGreaterThan(10);
    for (const {title, targets = []} of all) {
      expect([title, targets.length > 0, targets.flatMap(({expr}) => missingFrom(expr))]).toEqual([title, true, []]);
    }
  });

  test('a name or a label that nobody serves is found', () => {
    expect(missingFrom('rate(kruntimes_scheduler_binds_total{result="error"}[5m]) > 0')).toEqual([]);
    expect(missingFrom('rate(kruntimes_scheduler_binds[5m])')).toEqual(['kruntimes_scheduler_binds']);
    expect(missingFrom('sum by (team) (kruntimes_scheduler_binds_total{why="x"})')).toEqual([
      'kruntimes_scheduler_binds_total{why}',
      'by (team)',
    ]);
  });
});

describe('traces', () => {
  const steps = ['krt run', 'queue', 'bind', 'run', 'wait', 'prepare', 'execute', 'report', 'clean'];

  test('krt, scheduler, runtimed and the program share one trace', async () => {
    const caller = {traceId: '4bf92f3577b34da6a3ce929d0e0e4736', spanId: '00f067aa0ba902b7'};
    const {stdout, stderr, code} = await system.shell(
      namespace,
      [
        `export OTEL_EXPORTER_OTLP_ENDPOINT=${receiver.endpoint} TRACEPARENT=00-${caller.traceId}-${caller.spanId}-01`,
        `"${process.execPath}" "${krt}" run --runtime bash --name traced --follow -- bash -c 'echo "$TRACEPARENT"'`,
      ].join('\n'),
    );
    expect([code, stderr]).toEqual([0, '']);
    const spans = await receiver.trace(caller.traceId, (all) => all.length >= steps.length);
    const by = (name: string) => spans.find((span) => span.name === name);
    expect(spans.map(({name}) => name).toSorted()).toEqual(steps.toSorted());
    expect(by('krt run')?.parentSpanId).toBe(caller.spanId);
    for (const name of ['queue', 'bind', 'run']) expect(by(name)?.parentSpanId).toBe(by('krt run')?.spanId);
    for (const name of steps.slice(4)) expect(by(name)?.parentSpanId).toBe(by('run')?.spanId);
    expect(stdout).toBe(`00-${caller.traceId}-${by('run')?.spanId}-01\n`);
    const services = {'krt run': 'krt', queue: 'kruntimes-scheduler', bind: 'kruntimes-scheduler', run: 'runtimed'};
    for (const [name, service] of Object.entries(services)) expect(by(name)?.service).toBe(service);
    for (const name of ['queue', 'bind', 'run']) {
      expect(by(name)?.attributes).toMatchObject({
        'kruntimes.run.name': 'traced',
        'kruntimes.run.namespace': namespace,
        'kruntimes.runtime': 'bash',
        'kruntimes.run.uid': expect.stringMatching(/^[0-9a-f-]{36}$/),
      });
    }
    expect(by('run')?.attributes).toMatchObject({'kruntimes.run.attempt': 1, 'kruntimes.run.result': 'Succeeded'});
  });

  test('a Run that nobody traces has the trace of its UID', async () => {
    const run = await finish({
      args: ['bash', '-c', 'echo "parent=$TRACEPARENT" > "$KRUNTIME_OUTPUTS"'],
    });
    const traceId = run.metadata?.uid?.replaceAll('-', '') ?? '';
    const spans = await receiver.trace(traceId, (all) => all.length >= steps.length - 1);
    expect(spans.map(({name}) => name).toSorted()).toEqual(steps.slice(1).toSorted());
    expect(run.status?.outputs).toEqual({
      parent: `00-${traceId}-${spans.find(({name}) => name === 'run')?.spanId}-01`,
    });
  });

  test.each([
    ['garbage', `00-${'z'.repeat(32)}-00f067aa0ba902b7-01`],
    ['more than it may be', `00-4bf92f3577b34da6a3ce929d0e0e4737-00f067aa0ba902b7-01\nX=1`],
    ['huge', 'f'.repeat(100_000)],
  ])('an annotation that is %s is ignored', async (_, traceparent) => {
    const {metadata} = await system.cluster.client.transport.request<{metadata: {name: string; uid: string}}>({
      method: 'POST',
      path: `/apis/kruntimes.io/v1alpha1/namespaces/${namespace}/runs`,
      body: {
        apiVersion: 'kruntimes.io/v1alpha1',
        kind: 'Run',
        metadata: {generateName: 'hostile-', annotations: {[TRACEPARENT_ANNOTATION]: traceparent}},
        spec: {runtime: 'bash', args: ['bash', '-c', 'echo "x=$X" > "$KRUNTIME_OUTPUTS"']},
      },
    });
    const run = await system.ended(namespace, metadata.name, 60_000);
    expect(run.status?.phase).toBe('Succeeded');
    expect(run.status?.outputs).toEqual({x: ''});
    const spans = await receiver.trace(metadata.uid.replaceAll('-', ''), (all) => all.some(({name}) => name === 'run'));
    expect(spans[0]?.traceId).toBe(metadata.uid.replaceAll('-', ''));
  });
});
