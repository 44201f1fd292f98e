import {expect, test} from '@jest/globals';
import {Registry} from 'prom-client';
import {createClientMetrics} from './client-metrics.ts';

test("requests have client-go's series", async () => {
  const registry = new Registry();
  const metrics = createClientMetrics(registry);
  metrics.requestDone({method: 'GET', verb: 'WATCH', host: 'h:1', code: '200', seconds: 0.004});
  metrics.requestRetried({verb: 'GET', host: 'h:1', code: '429'});
  const text = await registry.metrics();
  expect(text).toContain('rest_client_requests_total{code="200",method="GET",host="h:1"} 1');
  expect(text).toContain('rest_client_request_duration_seconds_bucket{le="0.005",verb="WATCH",host="h:1"} 1');
  expect(text).toContain('rest_client_request_retries_total{verb="GET",host="h:1",code="429"} 1');
});

test('watches and caches have series of the kit', async () => {
  const registry = new Registry();
  const metrics = createClientMetrics(registry);
  metrics.watchEnded({resource: 'pods', result: 'eof'});
  metrics.listDone({resource: 'pods'});
  metrics.watchEvents({resource: 'pods', count: 3});
  metrics.cacheSize({resource: 'pods', delta: 5});
  metrics.cacheSize({resource: 'pods', delta: -2});
  metrics.handlerFailed({resource: 'pods'});
  const text = await registry.metrics();
  for (const line of [
    'reconciler_kit_watches_total{resource="pods",result="eof"} 1',
    'reconciler_kit_lists_total{resource="pods"} 1',
    'reconciler_kit_watch_events_total{resource="pods"} 3',
    'reconciler_kit_cache_objects{resource="pods"} 3',
    'reconciler_kit_cache_handler_errors_total{resource="pods"} 1',
  ]) {
    expect(text).toContain(line);
  }
});

test('two users of one registry share its series', () => {
  const registry = new Registry();
  createClientMetrics(registry);
  expect(() => createClientMetrics(registry)).not.toThrow();
});
