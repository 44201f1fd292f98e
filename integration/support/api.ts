import {setTimeout as delay} from 'node:timers/promises';
import {API_VERSION, type Run, type Runtime, runKind, runtimeKind} from '@kruntimes/api-types';
import {runCrd, runtimeCrd} from '@kruntimes/api-types/crds';
import {Client, isApiError, type KindClient, kinds, Transport} from '@kruntimes/reconciler-kit';
import {type ControlPlaneAccess, sharedControlPlane, waitForObject} from '@kruntimes/reconciler-kit/testing';

const strict = {fieldValidation: 'Strict'} as const;

/** Both kinds on the shared API server, and writes as a user may try them, right or wrong. */
export class Api implements AsyncDisposable {
  readonly controlPlane: ControlPlaneAccess;
  readonly client: Client;
  readonly namespace: string;
  readonly runs: KindClient<Run>;
  readonly runtimes: KindClient<Runtime>;

  constructor(controlPlane: ControlPlaneAccess, client: Client, namespace: string) {
    this.controlPlane = controlPlane;
    this.client = client;
    this.namespace = namespace;
    this.runs = client.kind(runKind);
    this.runtimes = client.kind(runtimeKind);
  }

  /** With the CRDs installed and a namespace of its own. */
  static async start(): Promise<Api> {
    const controlPlane = await sharedControlPlane();
    const client = new Client(new Transport(controlPlane.config));
    const crds = client.kind(kinds.CustomResourceDefinition);
    for (const crd of [runCrd, runtimeCrd]) {
      await crds.apply(crd, {fieldManager: 'tests', force: true});
      await waitForObject(crds, {name: crd.metadata?.name ?? ''}, ({status}) =>
        (status?.conditions ?? []).some(({type, status: is}) => type === 'Established' && is === 'True'),
      );
    }
    await openApiPublished(client.transport);
    return new Api(controlPlane, client, await controlPlane.createNamespace());
  }

  /** `spec` is what a user writes, right or wrong; `runtime` is bash if it says nothing. */
  createRun(spec: object = {}, metadata: object = {generateName: 'run-'}, namespace = this.namespace): Promise<Run> {
    const run = {apiVersion: API_VERSION, kind: 'Run' as const, metadata: {...metadata, namespace}};
    return this.runs.create({...run, spec: {runtime: 'bash', ...spec}}, strict);
  }

  /** `spec` is what a user writes, right or wrong; it has a template if it says nothing. */
  createRuntime(spec: object, metadata: object = {generateName: 'rt-'}): Promise<Runtime> {
    const {namespace} = this;
    const runtime = {apiVersion: API_VERSION, kind: 'Runtime' as const, metadata: {...metadata, namespace}};
    const template = {spec: {containers: [{name: 'runtime', image: 'x'}]}};
    return this.runtimes.create({...runtime, spec: {template, ...spec}}, strict);
  }

  changeRun(run: Run, spec: object): Promise<Run> {
    const ref = {name: run.metadata?.name ?? '', namespace: run.metadata?.namespace};
    return this.runs.patch(ref, {type: 'merge', body: {spec}}, strict);
  }

  /** `status` is what a daemon writes, right or wrong. */
  setStatus(run: Run, status: object): Promise<Run> {
    return this.runs.updateStatus({...run, status: {phase: 'Pending', ...status}}, strict);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client.transport.close();
  }
}

/** kubectl reads the OpenAPI document, which appears a moment after a CRD is established, and nothing tells when: hence the poll. */
async function openApiPublished(transport: Transport): Promise<void> {
  for (let attempt = 0; attempt < 300; attempt += 1) {
    const {paths} = await transport.request<{paths: object}>({method: 'GET', path: '/openapi/v3'});
    if ('apis/kruntimes.io/v1alpha1' in paths) {
      const document = await transport.request<object>({method: 'GET', path: '/openapi/v3/apis/kruntimes.io/v1alpha1'});
      const text = JSON.stringify(document);
      if (text.includes('v1alpha1.Run"') && text.includes('v1alpha1.Runtime"')) return;
    }
    await delay(100);
  }
  throw new Error('the API server published no OpenAPI document for kruntimes.io/v1alpha1 within 30 s');
}

/** The message with which the API server refused a write as invalid. Throws what else came of it. */
export async function refusal(write: Promise<unknown>): Promise<string> {
  try {
    await write;
  } catch (error) {
    if (isApiError(error) && (error.status === 400 || error.status === 422)) return error.message;
    throw error;
  }
  throw new Error('the API server accepted it');
}
