/** What the scheduler keeps of each object: a Run's source alone may have 128 KiB, and a Pod's spec is mostly of no use here. */
import {
  RUNTIME_LABEL,
  RUNTIMED_CONTAINER,
  RUNTIMED_READY_CONDITION,
  type Run,
  type RunSpec,
  type Runtime,
  TRACEPARENT_ANNOTATION,
} from '@kruntimes/api-types';
import {type KubernetesObject, parseTraceparent, projectedMetadata} from '@kruntimes/reconciler-kit';
import type {Lease} from 'kubernetes-types/coordination/v1.d.ts';
import type {Pod} from 'kubernetes-types/core/v1.d.ts';
import type {ObjectMeta} from 'kubernetes-types/meta/v1.d.ts';

export function projectRun(run: Run): Run {
  const {runtime, cancelRequested, priority, resources} = run.spec;
  const spec: RunSpec = {runtime};
  if (cancelRequested !== undefined) spec.cancelRequested = cancelRequested;
  if (priority !== undefined) spec.priority = priority;
  if (resources !== undefined) spec.resources = resources;
  const metadata = projectMeta(run.metadata);
  // Anybody may write annotations: what is no traceparent takes no memory here.
  const traceparent = run.metadata?.annotations?.[TRACEPARENT_ANNOTATION];
  if (traceparent !== undefined && parseTraceparent(traceparent) !== undefined)
    metadata.annotations = {[TRACEPARENT_ANNOTATION]: traceparent};
  return {...typeOf(run), metadata, spec, ...(run.status && {status: run.status})};
}

export function projectRuntime(runtime: Runtime): Runtime {
  const {capacity} = runtime.spec;
  const conditions = runtime.status?.conditions;
  return {
    ...typeOf(runtime),
    metadata: projectMeta(runtime.metadata),
    spec: {...(capacity && {capacity})} as Runtime['spec'],
    ...(conditions && {status: {conditions}}),
  };
}

export function projectPod(pod: Pod): Pod {
  const daemon = pod.spec?.initContainers?.find(({name}) => name === RUNTIMED_CONTAINER);
  const types = new Set<string>(['Ready', RUNTIMED_READY_CONDITION]);
  return {
    ...typeOf(pod),
    metadata: projectMeta(pod.metadata),
    spec: {
      containers: [],
      initContainers: daemon === undefined ? [] : [{name: daemon.name, args: daemon.args ?? []}],
    },
    status: {
      phase: pod.status?.phase ?? '',
      conditions: (pod.status?.conditions ?? [])
        .filter(({type}) => types.has(type))
        .map(({type, status}) => ({type, status})),
    },
  };
}

export function projectLease(lease: Lease): Lease {
  const renewTime = lease.spec?.renewTime;
  return {...typeOf(lease), metadata: projectMeta(lease.metadata), spec: {...(renewTime && {renewTime})}};
}

export function projectMetadata<T extends KubernetesObject>(object: T): T {
  return {...typeOf(object), metadata: projectMeta(object.metadata)} as T;
}

function typeOf<T extends KubernetesObject>(object: T): Pick<T, 'apiVersion' | 'kind'> {
  const {apiVersion, kind} = object;
  return {...(apiVersion && {apiVersion}), ...(kind && {kind})};
}

function projectMeta(metadata?: ObjectMeta): ObjectMeta {
  return projectedMetadata(metadata, [RUNTIME_LABEL]);
}
