import {mkdir, rm} from 'node:fs/promises';
import {join} from 'node:path';
import {isConflict, isNotFound, kinds, rfc3339} from '@kruntimes/reconciler-kit';
import type {Container, ContainerState, Pod, PodStatus} from 'kubernetes-types/core/v1.d.ts';
import {BackOff} from './back-off.ts';
import type {ContainerLog} from './container-log.ts';
import {ContainerRunner} from './container-runner.ts';
import {aborted, GraceDeadline} from './grace-deadline.ts';
import {type ReservedAddress, reserveLoopbackAddress} from './loopback-addresses.ts';
import type {NodeContext} from './node-context.ts';
import {type ContainerRole, containerRole, podPhase, podStatus, restartPolicyOf} from './pod-status.ts';
import {PodStatusWriter} from './pod-status-writer.ts';
import {PodVolumes} from './pod-volumes.ts';

/** What the sidecars of a Pod get that is over by itself. */
const SIDECAR_GRACE_MS = 2_000;
const DEFAULT_GRACE_SECONDS = 30;

/** One Pod, from its arrival at the node until its object is gone. */
export class PodWorker {
  readonly uid: string;
  readonly name: string;
  readonly namespace: string;
  readonly directory: string;
  /** Resolves when nothing of the Pod is left on this machine. */
  readonly done: Promise<void>;
  readonly #node: NodeContext;
  readonly #status: PodStatusWriter;
  readonly #runners: ContainerRunner[] = [];
  readonly #startTime: string;
  #addRunner: ((container: Container, role: ContainerRole) => ContainerRunner) | undefined;
  /** Aborted when the Pod shall end. */
  readonly #ending = new AbortController();
  #pod: Pod;
  #address: ReservedAddress | undefined;
  #deadline: GraceDeadline | undefined;
  #finalPhase: 'Succeeded' | 'Failed' | undefined;
  #objectGone = false;

  constructor(pod: Pod, node: NodeContext) {
    this.#pod = pod;
    this.#node = node;
    this.uid = pod.metadata?.uid ?? '';
    this.name = pod.metadata?.name ?? '';
    this.namespace = pod.metadata?.namespace ?? '';
    this.directory = join(node.directory, 'p', this.uid.slice(0, 8));
    this.#startTime = pod.status?.startTime ?? rfc3339(node.clock.now());
    this.#status = new PodStatusWriter(node, pod, () => this.#currentStatus());
    this.done = this.#live();
    this.update(pod);
  }

  /** The newest state of the object. */
  update(pod: Pod): void {
    this.#pod = pod;
    const {deletionTimestamp, deletionGracePeriodSeconds} = pod.metadata ?? {};
    if (deletionTimestamp) this.#end((deletionGracePeriodSeconds ?? DEFAULT_GRACE_SECONDS) * 1000);
    // A readiness gate may have moved.
    else if (this.#runners.length > 0) {
      this.#addEphemeral();
      this.#status.touch();
    }
  }

  /** The object is gone: what is left of it ends now. */
  objectDeleted(): void {
    this.#objectGone = true;
    this.#status.close();
    this.#end(0);
    this.#deadline?.force();
  }

  /** Ends all processes and leaves the object alone: the node goes away. */
  async abandon(): Promise<void> {
    this.objectDeleted();
    await this.done;
  }

  /** Its address, as long as it has one. */
  get podIP(): string | undefined {
    return this.#address?.ip;
  }

  container(name: string): ContainerRunner | undefined {
    return this.#runners.find((runner) => runner.name === name);
  }

  log(container: string, previous: boolean): ContainerLog | undefined {
    return this.container(container)?.log(previous);
  }

  #end(graceMs: number): void {
    if (this.#deadline === undefined) this.#deadline = new GraceDeadline(this.#node.clock, graceMs);
    else this.#deadline.shorten(graceMs);
    this.#ending.abort();
  }

  async #live(): Promise<void> {
    try {
      await Promise.race([this.#run(), this.#untilEnding()]);
      await this.#untilEnding();
      await this.#stopContainers();
      // Once the object is gone, nothing of the Pod is left here either.
      await this.#removeTraces();
      if (!this.#objectGone) await this.#deleteObject();
    } catch (error) {
      this.#node.logger.error('pod worker failed', {pod: this.#pod.metadata?.name, error});
    } finally {
      this.#deadline?.cancel();
      this.#status.close();
      await this.#removeTraces();
    }
  }

  async #removeTraces(): Promise<void> {
    this.#address?.release();
    await rm(this.directory, {recursive: true, force: true, maxRetries: 3});
  }

  /** Returns when the Pod is over by itself; a Pod that restarts its containers never is. */
  async #run(): Promise<void> {
    // The constructor must be through before anything happens.
    await Promise.resolve();
    const phase = this.#pod.status?.phase;
    if (phase === 'Succeeded' || phase === 'Failed' || this.#ending.signal.aborted) return;
    const address = await reserveLoopbackAddress();
    this.#address = address;
    const volumes = await this.#prepareVolumes(address.ip);
    // From here on the containers are known to whoever ends the Pod; before, nobody would stop them.
    if (volumes === undefined || this.#ending.signal.aborted) return;
    this.#createRunners(volumes, address.ip);
    this.#status.touch();

    for (const runner of this.#runners.filter(({role}) => role !== 'main')) {
      await runner.start();
      if (this.#ending.signal.aborted) return;
      if (runner.role === 'sidecar') continue;
      const {state} = await runner.ended();
      if (this.#ending.signal.aborted) return;
      if (state.terminated?.exitCode !== 0) return await this.#finish();
    }
    const mains = this.#runners.filter(({role}) => role === 'main');
    await Promise.all(mains.map((runner) => runner.start()));
    await Promise.all(mains.map((runner) => runner.ended()));
    if (!this.#ending.signal.aborted) await this.#finish();
  }

  /** The Pod is over, though its object stays. */
  async #finish(): Promise<void> {
    const phase = podPhase(
      this.#runners.map(({record}) => record),
      restartPolicyOf(this.#pod),
    );
    this.#finalPhase = phase === 'Succeeded' ? 'Succeeded' : 'Failed';
    const deadline = new GraceDeadline(this.#node.clock, SIDECAR_GRACE_MS);
    const ephemeral = this.#runners.filter(({role}) => role === 'ephemeral').map((runner) => runner.stop(deadline));
    await this.#stopSidecars(deadline, ephemeral);
    this.#status.touch();
  }

  async #prepareVolumes(podIP: string): Promise<PodVolumes | undefined> {
    const {client, clock, clusterCa, directory, hostIP, logger, backOff} = this.#node;
    await mkdir(this.directory, {recursive: true, mode: 0o755});
    const volumes = new PodVolumes({
      client,
      clock,
      clusterCa,
      logger,
      pod: this.#pod,
      addresses: {podIP, hostIP},
      directory: this.directory,
      claimsDirectory: join(directory, 'claims'),
    });
    const waits = new BackOff(backOff);
    while (!this.#ending.signal.aborted) {
      try {
        await volumes.prepare(this.#ending.signal);
        return volumes;
      } catch (error) {
        if (this.#ending.signal.aborted) break;
        this.#warn('FailedMount', error instanceof Error ? error.message : String(error));
        await clock.sleep(waits.next(0), this.#ending.signal).catch(() => {});
      }
    }
    return undefined;
  }

  #createRunners(volumes: PodVolumes, podIP: string): void {
    const {spec, metadata} = this.#pod;
    const {client, clusterCa, hostIP, directory} = this.#node;
    const addresses = {podIP, hostIP};
    const logDirectory = join(directory, 'l', `${metadata?.namespace}_${metadata?.name}_${this.uid}`);
    const add = (container: Container, role: ContainerRole): ContainerRunner => {
      const runner = new ContainerRunner({
        container,
        role,
        restartPolicy: restartPolicyOf(this.#pod),
        node: this.#node,
        volumes,
        projection: {client, clusterCa, addresses, pod: this.#pod},
        podDirectory: this.directory,
        logDirectory,
        previous: this.#previous(container.name),
        siblings: () =>
          this.#runners.flatMap((other) => (other === runner || other.pid === undefined ? [] : [other.pid])),
        changed: () => this.#status.touch(),
        warn: (reason, note) => this.#warn(reason, note),
      });
      this.#runners.push(runner);
      return runner;
    };
    for (const container of spec?.initContainers ?? []) add(container, containerRole(container, true));
    for (const container of spec?.containers ?? []) add(container, 'main');
    this.#addRunner = add;
    this.#addEphemeral();
  }

  /** Starts the containers that `kubectl debug` has added. Each starts once: those that an agent before this one has started are over. */
  #addEphemeral(): void {
    if (this.#ending.signal.aborted || this.#finalPhase !== undefined) return;
    const {spec, status} = this.#pod;
    for (const container of spec?.ephemeralContainers ?? []) {
      const before = status?.ephemeralContainerStatuses?.find(({name}) => name === container.name)?.state;
      if (this.container(container.name) || before?.terminated || before?.running) continue;
      void this.#addRunner?.(container, 'ephemeral').start();
    }
  }

  /** A new node agent starts every container anew: its processes have died with the old one. */
  #previous(name: string): {restartCount: number; lastState?: ContainerState} | undefined {
    const {initContainerStatuses = [], containerStatuses = []} = this.#pod.status ?? {};
    const status = [...initContainerStatuses, ...containerStatuses].find((other) => other.name === name);
    if (status?.state?.running === undefined) return undefined;
    const {startedAt} = status.state.running;
    const finishedAt = rfc3339(this.#node.clock.now());
    const terminated = {exitCode: 137, reason: 'Error', message: 'the node agent was restarted', finishedAt};
    return {
      restartCount: (status.restartCount ?? 0) + 1,
      lastState: {terminated: startedAt === undefined ? terminated : {...terminated, startedAt}},
    };
  }

  /** All are told at once; a sidecar's SIGTERM waits for the containers that it serves and for the sidecars after it. */
  async #stopContainers(): Promise<void> {
    const deadline = this.#deadline!;
    const before = this.#runners.filter(({role}) => role !== 'sidecar').map((runner) => runner.stop(deadline));
    await this.#stopSidecars(deadline, before);
  }

  async #stopSidecars(deadline: GraceDeadline, before: readonly Promise<void>[] = []): Promise<void> {
    const stops = [...before];
    for (const runner of this.#runners.filter(({role}) => role === 'sidecar').toReversed()) {
      stops.push(runner.stop(deadline, Promise.all(stops)));
    }
    await Promise.all(stops);
    deadline.cancel();
  }

  async #deleteObject(): Promise<void> {
    const {client, clock, logger} = this.#node;
    const {name = '', namespace} = this.#pod.metadata ?? {};
    if (this.#runners.length > 0) await this.#status.flush();
    while (!this.#objectGone) {
      try {
        await client.kind(kinds.Pod).delete({name, namespace}, {gracePeriodSeconds: 0, preconditions: {uid: this.uid}});
        return;
      } catch (error) {
        if (isNotFound(error) || isConflict(error)) return;
        logger.warn('pod was not deleted', {pod: name, error});
        await clock.sleep(1_000);
      }
    }
  }

  async #untilEnding(): Promise<void> {
    await aborted(this.#ending.signal);
  }

  #currentStatus(): PodStatus {
    const {clock, hostIP} = this.#node;
    return podStatus(this.#pod, {
      records: this.#runners.map(({record}) => record),
      hostIP,
      podIP: this.#address?.ip,
      startTime: this.#startTime,
      now: rfc3339(clock.now()),
      finalPhase: this.#finalPhase,
    });
  }

  #warn(reason: string, note: string): void {
    this.#node.logger.warn('pod has a problem', {pod: this.#pod.metadata?.name, reason, note});
    this.#node.events.event(this.#pod, {type: 'Warning', reason, action: reason, note});
  }
}
