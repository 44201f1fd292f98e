import {expect, test} from '@jest/globals';
import {Metrics} from './metrics.ts';

test('has the series names of controller-runtime', async () => {
  const text = await new Metrics().text();
  const names = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => `${name} ${type}`);
  expect(names).toEqual(
    expect.arrayContaining([
      'controller_runtime_reconcile_total counter',
      'controller_runtime_reconcile_errors_total counter',
      'controller_runtime_terminal_reconcile_errors_total counter',
      'controller_runtime_reconcile_panics_total counter',
      'controller_runtime_reconcile_timeouts_total counter',
      'controller_runtime_reconcile_time_seconds histogram',
      'controller_runtime_max_concurrent_reconciles gauge',
      'controller_runtime_active_workers gauge',
      'workqueue_depth gauge',
      'workqueue_adds_total counter',
      'workqueue_queue_duration_seconds histogram',
      'workqueue_work_duration_seconds histogram',
      'workqueue_unfinished_work_seconds gauge',
      'workqueue_longest_running_processor_seconds gauge',
      'workqueue_retries_total counter',
      'leader_election_master_status gauge',
      'leader_election_slowpath_total counter',
      'rest_client_requests_total counter',
      'rest_client_request_duration_seconds histogram',
    ]),
  );
});

test('keeps the series of two processes in one apart', async () => {
  const [a, b] = [new Metrics(), new Metrics()];
  a.counter({name: 'x_total', help: 'X.'}).inc();
  b.counter({name: 'x_total', help: 'X.'}).inc(2);
  expect(await a.text()).toContain('\nx_total 1\n');
  expect(await b.text()).toContain('\nx_total 2\n');
});

test('asks before each scrape, until told not to', async () => {
  const metrics = new Metrics();
  const gauge = metrics.gauge({name: 'size', help: 'Size.', labelNames: ['of']});
  let size = 1;
  const end = metrics.onCollect(() => gauge.set({of: 'a'}, size));
  expect(await metrics.text()).toContain('size{of="a"} 1');
  size = 2;
  expect(await metrics.text()).toContain('size{of="a"} 2');
  end();
  size = 3;
  expect(await metrics.text()).toContain('size{of="a"} 2');
});
