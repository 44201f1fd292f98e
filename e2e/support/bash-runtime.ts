import {
  API_VERSION,
  type Run,
  type RunSpec,
  type Runtime,
  type RuntimeSpec,
  runKind,
  runtimeKind,
} from '@kruntimes/api-types';
import type {Client} from '@kruntimes/reconciler-kit';
import {waitForObject} from '@kruntimes/reconciler-kit/testing';
import type {Container} from 'kubernetes-types/core/v1.d.ts';
import {patient} from './world.ts';

export interface BashRuntimeOptions {
  namespace: string;
  name?: string;
  /** More of the container `runtime`. */
  container?: Partial<Container>;
  /** More of the Pod. */
  pod?: Partial<RuntimeSpec['template']['spec']>;
  /** More of the Runtime. */
  spec?: Partial<RuntimeSpec>;
}

/** Creates a Runtime of scripts, from the image that was loaded on the node. */
export async function createBashRuntime(client: Client, options: BashRuntimeOptions): Promise<Runtime> {
  const {namespace, name = 'bash', container, pod, spec} = options;
  const runtime = {
    name: 'runtime',
    image: 'kruntimes-bash-runtime:latest',
    imagePullPolicy: 'IfNotPresent',
    ...container,
  };
  return await client.kind(runtimeKind).create({
    apiVersion: API_VERSION,
    kind: 'Runtime',
    metadata: {name, namespace},
    spec: {
      replicas: 1,
      capacity: {resources: {runs: 4}},
      template: {spec: {...pod, containers: [runtime]}},
      ...spec,
    },
  });
}

/** Resolves when all Pods of the Runtime take Runs. */
export async function runtimeReady(client: Client, namespace: string, name = 'bash'): Promise<Runtime> {
  return await waitForObject(
    client.kind(runtimeKind),
    {namespace, name},
    ({metadata, spec, status}) =>
      status?.observedGeneration === metadata?.generation && (status?.readyReplicas ?? 0) === (spec.replicas ?? 1),
    {...patient, description: `${namespace}/${name} ready`},
  );
}

export async function createRun(client: Client, namespace: string, spec: Partial<RunSpec>): Promise<Run> {
  return await client.kind(runKind).create({
    apiVersion: API_VERSION,
    kind: 'Run',
    metadata: {namespace, generateName: 'run-'},
    spec: {runtime: 'bash', ...spec},
  });
}
