import {
  type DeepReadonly,
  type DisruptionReason,
  executionId,
  type Fence,
  holdsFence,
  type Run,
  workspaceName,
} from '@kruntimes/api-types';
import {isOlderThan} from './resource-version.ts';

/** Why an attempt must end before its program does. */
export type StopReason =
  /** `spec.cancelRequested`. */
  | {readonly kind: 'cancelled'}
  /** `spec.timeoutSeconds` passed. */
  | {readonly kind: 'timeout'}
  /** This daemon gives the Run back. */
  | {readonly kind: 'lost'; readonly reason: DisruptionReason; readonly message: string}
  /** The Run is being deleted: its program ends, and what it left is not wanted. */
  | {readonly kind: 'deleted'}
  /** The Run is gone, ended or bound anew: nothing may be written any more. */
  | {readonly kind: 'abandoned'};

/** Whether anything of this attempt was begun by an earlier process. */
export type AttemptOrigin =
  /** It was bound while this process was watching: nothing was begun. */
  | 'bound'
  /** It was bound before this process began, and nothing in the workspace root says that it was begun. */
  | 'found'
  /** An earlier process began it. */
  | 'begun';

/** One execution of one Run, named by its fence, with what is known of the Run and what it is asked to do. */
export class Attempt {
  readonly fence: Fence;
  readonly origin: AttemptOrigin;
  readonly namespace: string;
  readonly name: string;
  /** Name of the workspace, unique among all attempts. */
  readonly key: string;
  readonly executionId: string;
  readonly #stopping = new AbortController();
  readonly #abandoned = new AbortController();
  readonly #discarded = new AbortController();
  #begun: boolean;
  #run: DeepReadonly<Run>;
  #stopReason: StopReason | undefined;

  constructor(run: DeepReadonly<Run>, fence: Fence, origin: AttemptOrigin) {
    this.fence = fence;
    this.origin = origin;
    this.namespace = run.metadata?.namespace ?? '';
    this.name = run.metadata?.name ?? '';
    this.key = workspaceName(fence.uid, fence.attempt);
    this.executionId = executionId(fence.uid, fence.attempt);
    this.#begun = origin === 'begun';
    this.#run = run;
    this.observe(run);
  }

  /** The newest state that is known of the Run. */
  get run(): DeepReadonly<Run> {
    return this.#run;
  }

  /** Whether it has a slot, and so may have something that is worth waiting for. */
  get hasBegun(): boolean {
    return this.#begun;
  }

  /** It has its slot. */
  begin(): void {
    this.#begun = true;
  }

  /** Aborted as soon as the attempt must end. */
  get stopping(): AbortSignal {
    return this.#stopping.signal;
  }

  /** Aborted as soon as nothing may be written any more. */
  get abandoned(): AbortSignal {
    return this.#abandoned.signal;
  }

  /** Aborted as soon as nothing more may be put into the artifact store: nobody wants it, or others take over. */
  get discarded(): AbortSignal {
    return this.#discarded.signal;
  }

  get stopReason(): StopReason | undefined {
    return this.#stopReason;
  }

  /** Asks the attempt to end. The first reason counts, except that nothing outweighs the loss of the fence. */
  stop(reason: StopReason): void {
    if (reason.kind === 'abandoned') {
      this.#stopReason = reason;
      this.#abandoned.abort();
    }
    this.#stopReason ??= reason;
    this.#stopping.abort();
    const unreachable = reason.kind === 'lost' && reason.reason === 'PodUnreachable';
    if (reason.kind === 'abandoned' || reason.kind === 'deleted' || unreachable) this.#discarded.abort();
  }

  /** Takes note of a state of the Run. */
  observe(run: DeepReadonly<Run>): void {
    if (isOlderThan(run, this.#run)) return;
    this.#run = run;
    if (!holdsFence(run, this.fence)) this.stop({kind: 'abandoned'});
    else if (run.metadata?.deletionTimestamp !== undefined) this.stop({kind: 'deleted'});
    else if (run.spec.cancelRequested === true) this.stop({kind: 'cancelled'});
  }
}
