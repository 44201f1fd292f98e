import {
  type AttemptEnd,
  bindStatus,
  endAttemptStatus,
  type Fence,
  fenceOf,
  type Run,
  RunLogFormatter,
  type RunLogStream,
  runKind,
  runningStatus,
  type UnschedulableReason,
  unschedulableStatus,
} from '@kruntimes/api-types';
import type {Client} from '@kruntimes/reconciler-kit';
import {waitForObject} from '@kruntimes/reconciler-kit/testing';
import type {StubNode} from './stub-node.ts';

/** Plays scheduler and runtimed for one Run: writes the status and the log that they would write. */
export class RunPlayer {
  readonly #client: Client;
  readonly #node: StubNode;
  readonly #ref: {namespace: string; name: string};
  #formatter: RunLogFormatter | undefined;
  #bytes = {stdout: 0, stderr: 0};
  #pod = '';

  constructor(client: Client, node: StubNode, ref: {namespace: string; name: string}) {
    this.#client = client;
    this.#node = node;
    this.#ref = ref;
  }

  /** Resolves when the Run exists, as it then is. */
  async appeared(predicate: (run: Run) => boolean = () => true): Promise<Run> {
    return await waitForObject(this.#client.kind(runKind), this.#ref, predicate, {timeoutMs: 20_000});
  }

  async unschedulable(reason: UnschedulableReason, message: string): Promise<void> {
    await this.#write((run) => unschedulableStatus(run, reason, message, new Date()));
  }

  async bind(pod: {name: string; uid: string}): Promise<void> {
    const run = await this.#write((current) => bindStatus(current, pod, new Date()));
    const {namespace, name} = this.#ref;
    const header = {run: {namespace, name, uid: run.metadata?.uid ?? ''}, attempt: run.status?.attempt ?? 0};
    this.#formatter = new RunLogFormatter(header);
    this.#bytes = {stdout: 0, stderr: 0};
    this.#pod = pod.name;
  }

  async running(): Promise<void> {
    await this.#write((run) => runningStatus(run, fence(run), new Date()));
  }

  /** The program writes. */
  output(stream: RunLogStream, data: string | Uint8Array, time = new Date()): void {
    const bytes = typeof data === 'string' ? Buffer.from(data) : data;
    const lines = this.#formatter?.write({stream, offset: this.#bytes[stream], bytes, time}) ?? [];
    this.#bytes[stream] += bytes.length;
    this.#node.print(this.#ref.namespace, this.#pod, lines, time.getTime());
  }

  /** The attempt ends: last line of the log, then the status. */
  async end(end: AttemptEnd, options: {skipLastLine?: boolean} = {}): Promise<Run> {
    const now = new Date();
    const totals = {stdoutBytes: this.#bytes.stdout, stderrBytes: this.#bytes.stderr, truncatedBytes: 0};
    const lines = this.#formatter?.end(totals, now) ?? [];
    if (!options.skipLastLine) this.#node.print(this.#ref.namespace, this.#pod, lines, now.getTime());
    const output = {stdoutBytes: totals.stdoutBytes, stderrBytes: totals.stderrBytes, truncated: false, tail: ''};
    return await this.#write((run) =>
      endAttemptStatus(run, fence(run), {startTime: now, output, ...end}, {now: new Date(), random: () => 0}),
    );
  }

  async #write(next: (run: Run) => Run['status'] | undefined): Promise<Run> {
    const runs = this.#client.kind(runKind);
    const run = await runs.get(this.#ref.name, {namespace: this.#ref.namespace});
    const status = next(run);
    return status ? await runs.updateStatus({...run, status}) : run;
  }
}

function fence(run: Run): Fence {
  const held = fenceOf(run);
  if (!held) throw new Error(`Run ${run.metadata?.name} is not bound`);
  return held;
}
