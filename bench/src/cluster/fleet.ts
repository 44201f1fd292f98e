import {API_VERSION, RUNTIME_LABEL, runKind, runtimeKind} from '@kruntimes/api-types';
import {kinds} from '@kruntimes/reconciler-kit';
import {accessOf} from './bench-identity.ts';
import {ChildService} from './child-service.ts';
import type {FleetMethods} from './fleet-process.ts';
import type {Target} from './target.ts';

/** A Runtime whose Pods are simulated, in a namespace of its own. */
export class Fleet implements AsyncDisposable {
  readonly namespace: string;
  readonly runtime: string;
  readonly #target: Target;
  readonly #service: ChildService<FleetMethods>;

  private constructor(target: Target, service: ChildService<FleetMethods>, namespace: string, runtime: string) {
    this.#target = target;
    this.#service = service;
    this.namespace = namespace;
    this.runtime = runtime;
  }

  /** Without Pods. Its controller has nothing to do for it: the Pods belong to the Runtime itself. */
  static async start(
    target: Target,
    {name, slots, execute}: {name: string; slots: number; execute: boolean},
  ): Promise<Fleet> {
    await target.world!.call('createNamespace', name);
    const {metadata} = await target.admin.kind(runtimeKind).create({
      apiVersion: API_VERSION,
      kind: 'Runtime',
      metadata: {name, namespace: name},
      spec: {
        replicas: 0,
        capacity: {resources: {runs: slots}},
        template: {spec: {containers: [{name: 'runtime', image: 'simulated'}]}},
      },
    });
    const service = new ChildService<FleetMethods>(new URL('fleet-process.ts', import.meta.url));
    await service.call('start', {
      access: await accessOf(target.config),
      namespace: name,
      runtime: {name, uid: metadata?.uid ?? ''},
      execute,
    });
    return new Fleet(target, service, name, name);
  }

  async grow(pods: number): Promise<void> {
    process.stderr.write(`  ${pods} simulated Pods\n`);
    await this.#service.call('grow', pods);
  }

  /** Takes its Runs away, and with them what they occupy. */
  async clear(): Promise<void> {
    await this.#target.admin.kind(runKind).deleteCollection({namespace: this.namespace, timeoutMs: 600_000});
  }

  async stop(): Promise<void> {
    await this.#service.stop();
    await this.clear();
    const {admin} = this.#target;
    const {namespace} = this;
    const labelSelector = `${RUNTIME_LABEL}=${this.runtime}`;
    await admin.kind(kinds.Lease).deleteCollection({namespace, labelSelector, timeoutMs: 600_000});
    await admin.kind(kinds.Pod).deleteCollection({namespace, labelSelector, timeoutMs: 600_000});
    await admin.kind(runtimeKind).delete({name: this.runtime, namespace});
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}
