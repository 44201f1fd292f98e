import {mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterEach, beforeEach, describe, expect, test} from '@jest/globals';
import {bindStatus, fenceOf, type Run, type RunSpec, TRACEPARENT_ANNOTATION} from '@kruntimes/api-types';
import {ApiError, Metrics, silentLogger} from '@kruntimes/reconciler-kit';
import {ManualClock} from '@kruntimes/reconciler-kit/testing';
import {EndReason, ExecutionState} from '@kruntimes/runtime-protocol';
import {type Context, INVALID_SPAN_CONTEXT, type Span, type Tracer, trace} from '@opentelemetry/api';
import {ArtifactStorage} from './artifact-storage.ts';
import {Attempt, type AttemptOrigin} from './attempt.ts';
import {ExecutionControl} from './execution-control.ts';
import {FakeRuntimeServer} from './fake-runtime-server.fixture.ts';
import {MemoryLineWriter} from './memory-line-writer.fixture.ts';
import {RunExecutor} from './run-executor.ts';
import {RunFinalizer} from './run-finalizer.ts';
import {RuntimeConnection} from './runtime-connection.ts';
import {createRuntimedMetrics} from './runtimed-metrics.ts';
import {Slots} from './slots.ts';
import {StatusWriter} from './status-writer.ts';
import {WorkspaceRoot} from './workspace.ts';
import {WorkspaceCleaner} from './workspace-cleaner.ts';

const uid = '6f1b7d2e-0c3a-4a57-9d3c-0a1b2c3d4e5f';
const never = new AbortController().signal;
let path: string;
let clock: ManualClock;
const open: (() => unknown)[] = [];

beforeEach(() => {
  path = mkdtempSync(join(tmpdir(), 'kruntimes-executor-'));
  clock = new ManualClock();
});

afterEach(async () => {
  for (const close of open.splice(0).toReversed()) await close();
  rmSync(path, {recursive: true, force: true});
});

/** One stored Run, with the API server's rule for writes. */
class StoredRun {
  run: Run;
  /** Phases that were written, in order. */
  readonly written: string[] = [];
  /** The next writes fail. */
  failures = 0;

  constructor(spec: Partial<RunSpec>) {
    const metadata = {name: 'run', namespace: 'default', uid, resourceVersion: '1'};
    const pending: Run = {metadata, spec: {runtime: 'bash', source: {inline: 'true'}, ...spec}};
    this.run = {...pending, status: bindStatus(pending, {name: 'bash-0', uid: 'pod'}, new Date(0))};
  }

  async get(): Promise<Run> {
    return this.run;
  }

  async patch(): Promise<Run> {
    throw new ApiError({status: 403});
  }

  async updateStatus({metadata, status}: Run): Promise<Run> {
    if (this.failures > 0) {
      this.failures--;
      throw new ApiError({status: 503});
    }
    if (metadata?.resourceVersion !== this.run.metadata?.resourceVersion) {
      throw new ApiError({status: 409, body: {reason: 'Conflict'}});
    }
    this.change(status === undefined ? {} : {status});
    this.written.push(status?.phase ?? '');
    return this.run;
  }

  change(change: Partial<Run>): void {
    const resourceVersion = String(Number(this.run.metadata?.resourceVersion) + 1);
    this.run = {...this.run, ...change, metadata: {...this.run.metadata, resourceVersion}};
  }
}

/** Notes the names of spans, each with that of its parent. */
class NotingTracer implements Pick<Tracer, 'startSpan'> {
  readonly spans: string[] = [];
  readonly ended: string[] = [];
  readonly #names = new Map<unknown, string>();

  startSpan(name: string, _options?: object, context?: Context): Span {
    const parent = context && this.#names.get(trace.getSpan(context));
    const full = parent === undefined ? name : `${parent}/${name}`;
    const span = {
      end: () => this.ended.push(full),
      setAttribute: () => span,
      setStatus: () => span,
      // As without an SDK: the parent's, if there is one.
      spanContext: () => (context && trace.getSpanContext(context)) ?? INVALID_SPAN_CONTEXT,
    } as unknown as Span;
    this.spans.push(full);
    this.#names.set(span, full);
    return span;
  }
}

async function setUp(options: {sessions?: boolean; spec?: Partial<RunSpec>; log?: MemoryLineWriter} = {}) {
  const {sessions = true, spec = {}, log = new MemoryLineWriter()} = options;
  const server = await FakeRuntimeServer.start({sessions});
  open.push(() => server[Symbol.asyncDispose]());
  const stored = new StoredRun(spec);
  const metrics = createRuntimedMetrics(new Metrics(), {namespace: 'default', runtime: 'bash'});
  const parts = {clock, random: () => 0, logger: silentLogger, metrics, lostAfterMs: 300_000};
  const connection = new RuntimeConnection({...parts, endpoints: [server.endpoint]});
  const stop = new AbortController();
  const running = connection.run(stop.signal);
  open.push(() => (stop.abort(), running));
  await connection.connected(never);
  const workspaces = await WorkspaceRoot.open(path, clock);
  open.push(() => workspaces.close());
  const slots = new Slots({runs: 1});
  const tracer = new NotingTracer();
  const writer = new StatusWriter({...parts, runs: stored});
  const finalizer = new RunFinalizer({...parts, runs: stored});
  const executor = new RunExecutor({
    ...parts,
    workspaces,
    cleaner: new WorkspaceCleaner({...parts, workspaces}),
    git: {materialise: () => Promise.reject(new Error('no git here'))},
    slots,
    connection,
    control: new ExecutionControl({...parts, connection}),
    writer,
    artifacts: new ArtifactStorage({...parts, finalizer, writer}),
    log,
    runningStatusDelayMs: 250,
    tracer: tracer as unknown as Tracer,
  });
  const attemptOf = (origin: AttemptOrigin = 'bound'): Attempt => {
    const fence = fenceOf(stored.run);
    if (fence === undefined) throw new Error('the Run is not bound');
    return new Attempt(stored.run, fence, origin);
  };
  const begun = (): Promise<void> => server.until(() => server.executions.has(uid));
  return {server, stored, slots, executor, attemptOf, begun, tracer, log};
}

/** Moves time on, while sockets do their part, until a promise is settled. */
async function advanceUntil<T>(promise: Promise<T>, ms = 100): Promise<T> {
  const settled = new AbortController();
  const note = (): void => settled.abort();
  promise.then(note, note);
  while (!settled.signal.aborted) await clock.advance(ms);
  return promise;
}

describe('RunExecutor', () => {
  test('reports, then forgets, then removes; each step is a span, and no timer stays', async () => {
    const {server, stored, executor, attemptOf, begun, tracer} = await setUp();
    const timers = clock.pendingTimers;
    const executed = executor.execute(attemptOf(), never);
    await begun();
    const {workingDir, entrypoint, env} = server.executions.get(uid)?.request ?? {};
    expect([workingDir, entrypoint]).toEqual([join(path, `${uid}-1`, 'work'), 'script']);
    writeFileSync(env?.KRUNTIME_OUTPUTS ?? '', 'a=1\n');
    const order: string[] = [];
    const update = stored.updateStatus.bind(stored);
    stored.updateStatus = async (run) => {
      order.push(`write with ${readdirSync(path).length} workspace and ${server.executions.size} execution`);
      return update(run);
    };
    server.end(uid);
    await executed;
    expect(order).toEqual(['write with 1 workspace and 1 execution']);
    expect(stored.written).toEqual(['Succeeded']);
    expect(stored.run.status?.outputs).toEqual({a: '1'});
    expect(server.executions.size).toBe(0);
    expect(readdirSync(path)).toEqual([]);
    expect(tracer.spans).toEqual(['run', 'run/wait', 'run/prepare', 'run/execute', 'run/report', 'run/clean']);
    expect(tracer.ended.toSorted()).toEqual(tracer.spans.toSorted());
    // Acknowledgements are collected for a moment.
    await clock.advance(20);
    expect(clock.pendingTimers).toBe(timers);
  });

  test.each([
    ['a traceparent', '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01', true],
    ['garbage', '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\nLD_PRELOAD=x', false],
    ['a huge value', '0'.repeat(200_000), false],
  ])('hands %s on to the program only when it is one', async (_, traceparent, taken) => {
    const {server, stored, executor, attemptOf, begun} = await setUp();
    stored.run.metadata = {...stored.run.metadata, annotations: {[TRACEPARENT_ANNOTATION]: traceparent}};
    const executed = executor.execute(attemptOf(), never);
    await begun();
    expect(server.executions.get(uid)?.request.env['TRACEPARENT']).toBe(taken ? traceparent : undefined);
    server.end(uid);
    await executed;
    expect(stored.written).toEqual(['Succeeded']);
  });

  test('does with a server that only answers Status', async () => {
    const {server, stored, executor, attemptOf, begun, log} = await setUp({sessions: false});
    const executed = executor.execute(attemptOf(), never);
    await begun();
    server.write(uid, 'stdout', 'hello\n');
    server.end(uid, {exitCode: 3});
    await advanceUntil(executed);
    expect(stored.run.status).toMatchObject({phase: 'Failed', exitCode: 3, output: {stdoutBytes: 6, tail: 'hello\n'}});
    expect(log.lines.map((line) => JSON.parse(line).data)).toEqual(['hello\n', undefined]);
    expect(server.executions.size).toBe(0);
  });

  test('writes Running after the delay, and not before', async () => {
    const {server, stored, executor, attemptOf, begun} = await setUp();
    const executed = executor.execute(attemptOf(), never);
    await begun();
    await server.until(() => server.calls.includes(`execute ${uid}`));
    await clock.advance(249);
    expect(stored.written).toEqual([]);
    while (stored.written.length === 0) await clock.advance(1);
    expect(stored.run.status?.phase).toBe('Running');
    server.end(uid);
    await advanceUntil(executed);
    expect(stored.run.status?.phase).toBe('Succeeded');
  });

  test('keeps the deadline itself', async () => {
    const {server, stored, executor, attemptOf, begun} = await setUp({spec: {timeoutSeconds: 10}});
    const executed = executor.execute(attemptOf(), never);
    await begun();
    await clock.advance(9_000);
    expect(server.calls).not.toContain(`cancel ${uid}`);
    await advanceUntil(executed);
    expect(stored.run.status?.phase).toBe('Timeout');
    expect(server.calls).toContain(`cancel ${uid}`);
  });

  test.each([
    [0.99, 'Succeeded'],
    [1.5, 'Timeout'],
  ])('with timeoutSeconds: 1, %d s of work end in %s', async (seconds, phase) => {
    const {server, stored, executor, attemptOf, begun} = await setUp({spec: {timeoutSeconds: 1}});
    const executed = executor.execute(attemptOf(), never);
    await begun();
    const since = clock.monotonic();
    // The time that passes until the deadline is set does not count.
    while (clock.monotonic() - since < seconds * 1_000 && !server.calls.includes(`cancel ${uid}`)) {
      await clock.advance(10);
    }
    server.end(uid);
    await advanceUntil(executed);
    expect(stored.run.status?.phase).toBe(phase);
  });

  test('takes a stopped Runtime server for a disruption', async () => {
    const {server, stored, executor, attemptOf, begun} = await setUp();
    const executed = executor.execute(attemptOf(), never);
    await begun();
    const how = {endReason: EndReason.RUNTIME_TERMINATED, exitCode: -1, state: ExecutionState.FAILED};
    server.end(uid, {...how, errorMessage: 'stopped'});
    await executed;
    expect(stored.run.status).toMatchObject({
      phase: 'Pending',
      reason: 'RuntimeTerminated',
      message: 'stopped',
      disruptions: 1,
    });
  });

  test('says when the end of the program is not confirmed, and keeps its slot until it is', async () => {
    const {server, stored, slots, executor, attemptOf, begun} = await setUp();
    server.cancelEnds = false;
    const attempt = attemptOf();
    const executed = executor.execute(attempt, never);
    await begun();
    attempt.stop({kind: 'cancelled'});
    const since = clock.monotonic();
    while (stored.run.status?.phase !== 'Cancelled') await clock.advance(1_000);
    expect(clock.monotonic() - since).toBeGreaterThanOrEqual(30_000);
    expect(stored.run.status?.message).toBe(
      'cancelled while it was running; the Runtime server has not confirmed that the program ended',
    );
    const next = slots.acquire({runs: 1}, never);
    expect(slots.waiting).toBe(1);
    server.end(uid, {endReason: EndReason.CANCELLED, state: ExecutionState.FAILED});
    await advanceUntil(executed);
    await next;
  });

  test('lets no other attempt follow before nothing can run any more', async () => {
    const spec = {timeoutSeconds: 1, retryPolicy: {maxAttempts: 2}};
    const {server, stored, executor, attemptOf, begun} = await setUp({spec});
    server.cancelEnds = false;
    void executor.execute(attemptOf(), never);
    await begun();
    await clock.advance(200_000);
    expect(stored.run.status?.phase).toBe('Running');
    while (stored.run.status?.phase === 'Running') await clock.advance(1_000);
    expect(stored.run.status).toMatchObject({phase: 'Pending', reason: 'TimeoutExceeded'});
    expect(clock.monotonic()).toBeGreaterThanOrEqual(300_000);
    server.end(uid, {endReason: EndReason.CANCELLED, state: ExecutionState.FAILED});
  });

  test('gives nothing back whose end is not confirmed, and leaves it to others when it must end itself', async () => {
    const {server, stored, executor, attemptOf, begun} = await setUp();
    server.cancelEnds = false;
    const attempt = attemptOf();
    const end = new AbortController();
    const executed = executor.execute(attempt, end.signal);
    await begun();
    attempt.stop({kind: 'lost', reason: 'PodTerminating', message: 'the Pod is terminating'});
    await clock.advance(200_000);
    expect(stored.written).not.toContain('Pending');
    end.abort();
    await executed;
    expect(stored.written).not.toContain('Pending');
    expect(readdirSync(path)).toEqual([`${uid}-1`]);
    server.end(uid, {endReason: EndReason.CANCELLED, state: ExecutionState.FAILED});
  });

  test('does not wait for ever for a log that nobody reads', async () => {
    class StuckWriter extends MemoryLineWriter {
      override write(): Promise<void> {
        return new Promise(() => {});
      }
    }
    const {server, stored, executor, attemptOf, begun} = await setUp({log: new StuckWriter()});
    const executed = executor.execute(attemptOf(), never);
    await begun();
    server.end(uid);
    await advanceUntil(executed, 1_000);
    expect(stored.run.status?.phase).toBe('Succeeded');
    expect(clock.monotonic()).toBeGreaterThanOrEqual(5_000);
  });

  test('leaves to the next process what it could not report', async () => {
    const {server, stored, executor, attemptOf, begun} = await setUp();
    stored.failures = Number.POSITIVE_INFINITY;
    const end = new AbortController();
    const executed = executor.execute(attemptOf(), end.signal);
    await begun();
    server.end(uid);
    await clock.advance(20_000);
    end.abort();
    await executed;
    expect(server.executions.size).toBe(1);
    expect(readdirSync(path)).toEqual([`${uid}-1`]);
  });

  test('writes nothing more after its Run was taken away', async () => {
    const {server, stored, executor, attemptOf, begun} = await setUp();
    const attempt = attemptOf();
    const executed = executor.execute(attempt, never);
    await begun();
    const {status} = stored.run;
    if (status !== undefined) stored.change({status: {...status, attempt: 2}});
    attempt.observe(stored.run);
    await executed;
    expect(stored.written).toEqual([]);
    expect(server.executions.size).toBe(0);
    expect(readdirSync(path)).toEqual([]);
  });

  test('does not start what an earlier process began, and ends it', async () => {
    const {server, stored, executor, attemptOf} = await setUp();
    mkdirSync(join(path, `${uid}-1`));
    await advanceUntil(executor.execute(attemptOf(), never));
    expect(server.calls).not.toContain(`execute ${uid}`);
    expect(stored.run.status).toMatchObject({phase: 'Pending', reason: 'ExecutionLost'});
    expect(readdirSync(path)).toEqual([]);
  });

  test.each<[AttemptOrigin, string, string]>([
    ['found', 'starts', 'Succeeded'],
    ['begun', 'gives back', 'Pending'],
  ])('%s and unknown to the server: %s it', async (origin, _, phase) => {
    const {server, stored, executor, attemptOf, begun} = await setUp();
    const executed = executor.execute(attemptOf(origin), never);
    if (origin === 'found') {
      await begun();
      server.end(uid);
    }
    await executed;
    expect(stored.run.status?.phase).toBe(phase);
    expect(server.calls.filter((call) => call.startsWith('execute'))).toHaveLength(origin === 'found' ? 1 : 0);
  });
});
