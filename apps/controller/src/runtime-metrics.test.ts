import {expect, test} from '@jest/globals';
import type {Runtime} from '@kruntimes/api-types';
import {Metrics} from '@kruntimes/reconciler-kit';
import {addRuntimeMetrics} from './runtime-metrics.ts';

const runtime = (name: string, status: Runtime['status'] = {}): Runtime => ({
  metadata: {name, namespace: 'team'},
  spec: {replicas: 3, template: {spec: {containers: []}}},
  status,
});

test('what Runtimes want and have, read at each scrape; those that are gone are gone', async () => {
  const metrics = new Metrics();
  const lastTransitionTime = '2026-01-01T00:00:00Z';
  let all = [
    runtime('bash', {readyReplicas: 2}),
    runtime('bad', {
      conditions: [{type: 'Accepted', status: 'False', reason: 'InvalidTemplate', message: '', lastTransitionTime}],
    }),
  ];
  addRuntimeMetrics(metrics, {list: () => all});
  const text = await metrics.text();
  expect(text).toContain('kruntimes_controller_runtime_replicas{runtime_namespace="team",runtime="bash"} 3');
  expect(text).toContain('kruntimes_controller_runtime_ready_replicas{runtime_namespace="team",runtime="bash"} 2');
  expect(text).toContain('kruntimes_controller_runtime_refused{runtime_namespace="team",runtime="bad"} 1');
  all = [];
  expect(await metrics.text()).not.toContain('runtime="bash"');
});

test('more Runtimes than series share one', async () => {
  const metrics = new Metrics();
  const all = Array.from({length: 210}, (_, i) => runtime(`r${i}`, {readyReplicas: 1}));
  addRuntimeMetrics(metrics, {list: () => all});
  const text = await metrics.text();
  expect(text).toContain('kruntimes_controller_runtime_ready_replicas{runtime_namespace="_other",runtime="_other"} 10');
  expect(text.match(/^kruntimes_controller_runtime_ready_replicas\{/gm)).toHaveLength(201);
});
