import {isConflict, isNotFound, kinds} from '@kruntimes/reconciler-kit';
import type {Pod, PodStatus} from 'kubernetes-types/core/v1.d.ts';
import type {NodeContext} from './node-context.ts';

const RETRY_MS = 1_000;

/** Writes the status of one Pod, only when it changes, one write at a time, always the newest state. */
export class PodStatusWriter {
  readonly #node: NodeContext;
  readonly #pod: Pod;
  readonly #current: () => PodStatus;
  readonly #stop = new AbortController();
  #written = '';
  #dirty = false;
  #writing: Promise<void> | undefined;

  constructor(node: NodeContext, pod: Pod, current: () => PodStatus) {
    this.#node = node;
    this.#pod = pod;
    this.#current = current;
  }

  /** The state may have changed. */
  touch(): void {
    this.#dirty = true;
    this.#writing ??= this.#write().finally(() => {
      this.#writing = undefined;
      if (this.#dirty && !this.#stop.signal.aborted) this.touch();
    });
  }

  /** Resolves when the present state is written, or cannot be any more. */
  async flush(): Promise<void> {
    this.touch();
    while (this.#writing) await this.#writing;
  }

  close(): void {
    this.#stop.abort();
  }

  async #write(): Promise<void> {
    // What changes in the same moment goes into one write.
    await Promise.resolve();
    while (this.#dirty && !this.#stop.signal.aborted) {
      this.#dirty = false;
      const status = this.#current();
      const text = JSON.stringify(status);
      if (text === this.#written) return;
      try {
        await this.#patch(status);
        this.#written = text;
      } catch (error) {
        if (this.#stop.signal.aborted || isNotFound(error) || isConflict(error)) return;
        this.#node.logger.warn('pod status was not written', {pod: this.#pod.metadata?.name, error});
        this.#dirty = true;
        await this.#node.clock.sleep(RETRY_MS, this.#stop.signal).catch(() => {});
      }
    }
  }

  async #patch(status: PodStatus): Promise<void> {
    const {name = '', namespace, uid} = this.#pod.metadata ?? {};
    // Conditions are merged by type: those of others stay. The uid makes the patch fail for a Pod of the same name.
    // Addresses are merged as well, but a Pod has one only: a new agent gives it a new one.
    const podIPs = status.podIPs && [{$patch: 'replace'}, ...status.podIPs];
    const body = {metadata: {uid}, status: {...status, podIPs}};
    await this.#node.client
      .kind(kinds.Pod)
      .patchStatus({name, namespace}, {type: 'strategic', body}, {signal: this.#stop.signal});
  }
}
