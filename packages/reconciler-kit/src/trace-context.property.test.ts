import {describe, expect, test} from '@jest/globals';
import {trace} from '@opentelemetry/api';
import fc from 'fast-check';
import {
  contextBelow,
  formatTraceparent,
  parseTraceparent,
  samplingRatio,
  traceOfUid,
  tracingWanted,
} from './tracing.ts';

const valid = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

describe('traceparent', () => {
  test('is read and written as W3C says', () => {
    const parsed = parseTraceparent(valid);
    expect(parsed).toEqual({
      traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
      spanId: '00f067aa0ba902b7',
      traceFlags: 1,
      isRemote: true,
    });
    expect(parsed && formatTraceparent(parsed)).toBe(valid);
    expect(trace.getSpanContext(contextBelow(parsed))).toEqual(parsed);
  });

  test.each([
    undefined,
    '',
    valid.toUpperCase(),
    `ff${valid.slice(2)}`,
    `${valid}-more`,
    ` ${valid}`,
    valid.replace(/4bf9\w+/, '0'.repeat(32)),
    valid.replace('00f067aa0ba902b7', '0'.repeat(16)),
    'x'.repeat(55),
    '0'.repeat(1_000_000),
  ])('is nothing when it is garbage or huge', (text) => {
    expect(parseTraceparent(text)).toBeUndefined();
  });

  test('whatever stands there: nothing is thrown, and what is taken is written the same', () => {
    const digits = (n: number) =>
      fc.string({unit: fc.constantFrom(...'0123456789abcdefg'.split('')), minLength: n, maxLength: n});
    const near = fc
      .tuple(digits(2), digits(32), digits(16), digits(2))
      .map(([version, id, span, flags]) => `${version}-${id}-${span}-${flags}`);
    fc.assert(
      fc.property(fc.oneof(fc.string({unit: 'binary'}), near), (text) => {
        const parsed = parseTraceparent(text);
        if (parsed !== undefined) expect(formatTraceparent(parsed)?.slice(0, 53)).toBe(text.slice(0, 53));
      }),
    );
  });
});

describe('the trace of an object', () => {
  test('is its UID, the same in every process', () => {
    const uid = '0b3d6f1a-1111-4222-8333-444455556666';
    expect(traceOfUid(uid, {})).toEqual({
      traceId: '0b3d6f1a111142228333444455556666',
      spanId: '8333444455556666',
      traceFlags: 1,
      isRemote: true,
    });
    expect(traceOfUid('no-uuid', {})).toBeUndefined();
    expect(traceOfUid('00000000-0000-0000-0000-000000000000', {})).toBeUndefined();
    const half = {OTEL_TRACES_SAMPLER: 'parentbased_traceidratio', OTEL_TRACES_SAMPLER_ARG: '0.5'};
    expect(traceOfUid(uid, half)?.traceFlags).toBe(1);
    expect(traceOfUid(`f${uid.slice(1)}`, half)?.traceFlags).toBe(0);
  });

  test('is sampled as often as asked for', () => {
    const half = {OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: '0.5'};
    const sampled = fc
      .sample(fc.uuid({version: 4}), {numRuns: 2000, seed: 1})
      .filter((uid) => traceOfUid(uid, half)?.traceFlags);
    expect(sampled.length).toBeGreaterThan(800);
    expect(sampled.length).toBeLessThan(1200);
  });
});

test.each([
  [{}, 1],
  [{OTEL_TRACES_SAMPLER: 'parentbased_always_off'}, 0],
  [{OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: '0.25'}, 0.25],
  [{OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: 'much'}, 1],
])('%j samples %f', (env, ratio) => {
  expect(samplingRatio(env)).toBe(ratio);
});

test.each([
  [{}, false],
  [{OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:4318'}, true],
  [{OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://c:4318/v1/traces'}, true],
  [{OTEL_TRACES_EXPORTER: 'otlp'}, true],
  [{OTEL_TRACES_EXPORTER: 'console,otlp'}, true],
  [{OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:4318', OTEL_TRACES_EXPORTER: 'none'}, false],
  [{OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:4318', OTEL_SDK_DISABLED: 'true'}, false],
])('%j asks for traces: %s', (env, wanted) => {
  expect(tracingWanted(env)).toBe(wanted);
});
