import {expect, test} from '@jest/globals';
import {INVALID_SPAN_CONTEXT, type Span, SpanStatusCode, type Tracer, trace} from '@opentelemetry/api';
import {Controller} from './controller.ts';
import {ManualClock} from './testing/manual-clock.ts';

test('each reconcile runs in a span that ends with it and carries its error', async () => {
  const clock = new ManualClock();
  const spans: {name: string; attributes: unknown; status?: unknown; exception?: unknown; ended: boolean}[] = [];
  const noop = trace.wrapSpanContext(INVALID_SPAN_CONTEXT);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the one overload that the kit calls
  const tracer = {
    startActiveSpan: (name: string, options: {attributes?: unknown}, fn: (span: Span) => unknown) => {
      const record: (typeof spans)[number] = {name, attributes: options.attributes, ended: false};
      spans.push(record);
      return fn(
        Object.assign(Object.create(noop), {
          setStatus: (status: unknown) => void (record.status = status),
          recordException: (exception: unknown) => void (record.exception = exception),
          end: () => void (record.ended = true),
        }),
      );
    },
  } as Tracer;
  const error = new Error('no');
  const controller = new Controller({
    name: 'traced',
    clock,
    tracer,
    reconcile: ({name}) => (name === 'bad' ? Promise.reject(error) : Promise.resolve()),
  });
  const stop = new AbortController();
  const run = controller.start(stop.signal);
  controller.enqueue('ns/good', {priority: 3});
  controller.enqueue('ns/bad');
  await clock.advance(0);
  stop.abort();
  await run;
  expect(spans).toEqual([
    {
      name: 'reconcile traced',
      attributes: {
        'reconcile.controller': 'traced',
        'reconcile.id': expect.any(String),
        'reconcile.key': 'ns/good',
        'reconcile.priority': 3,
      },
      ended: true,
    },
    {
      name: 'reconcile traced',
      attributes: expect.objectContaining({'reconcile.key': 'ns/bad'}),
      status: {code: SpanStatusCode.ERROR, message: 'no'},
      exception: error,
      ended: true,
    },
  ]);
});
