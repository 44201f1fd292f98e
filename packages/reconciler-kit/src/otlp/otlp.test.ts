import {createServer, type Server} from 'node:http';
import type {AddressInfo} from 'node:net';
import {afterEach, expect, test} from '@jest/globals';
import {silentLogger} from '../silent-logger.ts';
import {startTracing} from './index.ts';

let server: Server | undefined;
afterEach(async () => {
  delete process.env.OTEL_EXPORTER_OTLP_ENDPOINT;
  delete process.env.OTEL_EXPORTER_OTLP_TIMEOUT;
  server?.closeAllConnections();
  await new Promise((resolve) => (server ? server.close(resolve) : resolve(undefined)));
  server = undefined;
});

/** The exporter reads the environment of the process itself. */
async function collector(answer: (bytes: number) => 'answered' | 'silent'): Promise<void> {
  const started = createServer((request, response) => {
    let bytes = 0;
    request.on('data', (chunk: Buffer) => (bytes += chunk.length));
    request.on('end', () => {
      if (answer(bytes) === 'answered') response.writeHead(200).end();
    });
  });
  server = started;
  await new Promise<void>((resolve) => {
    started.listen(0, '127.0.0.1', resolve);
  });
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it listens on TCP
  process.env.OTEL_EXPORTER_OTLP_ENDPOINT = `http://127.0.0.1:${(started.address() as AddressInfo).port}`;
}

const service = {serviceName: 'test', serviceVersion: '1'};

test('what is left is exported at the end', async () => {
  const received: number[] = [];
  await collector((bytes) => {
    received.push(bytes);
    return 'answered';
  });
  const tracing = startTracing({...service, env: {OTEL_BSP_SCHEDULE_DELAY: '3600000'}});
  tracing.tracer.startSpan('work').end();
  await tracing.shutdown();
  expect(received).toHaveLength(1);
  expect(received[0]).toBeGreaterThan(50);
});

test('a collector that never answers holds nobody up', async () => {
  await collector(() => 'silent');
  // Nothing of it outlives the test.
  process.env.OTEL_EXPORTER_OTLP_TIMEOUT = '100';
  const tracing = startTracing({...service, env: {}, logger: silentLogger, shutdownTimeoutMs: 10});
  tracing.tracer.startSpan('work').end();
  await expect(tracing.shutdown()).resolves.toBeUndefined();
});

test('without a collector there is a warning, and nothing else', async () => {
  process.env.OTEL_EXPORTER_OTLP_ENDPOINT = 'http://127.0.0.1:1';
  process.env.OTEL_EXPORTER_OTLP_TIMEOUT = '100';
  const warned = Promise.withResolvers<void>();
  const logger = {...silentLogger, warn: () => warned.resolve()};
  const tracing = startTracing({...service, env: {OTEL_BSP_SCHEDULE_DELAY: '1'}, logger, shutdownTimeoutMs: 10});
  tracing.tracer.startSpan('work').end();
  await tracing.shutdown();
  await expect(warned.promise).resolves.toBeUndefined();
});

test('OTEL_TRACES_SAMPLER is heard', async () => {
  const span = (env: NodeJS.ProcessEnv) => startTracing({...service, env}).tracer.startSpan('work');
  expect(span({}).isRecording()).toBe(true);
  expect(span({OTEL_TRACES_SAMPLER: 'always_off'}).isRecording()).toBe(false);
  expect(span({OTEL_TRACES_SAMPLER: 'parentbased_traceidratio', OTEL_TRACES_SAMPLER_ARG: '0'}).isRecording()).toBe(
    false,
  );
});
