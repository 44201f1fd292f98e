import type {Pod} from 'kubernetes-types/core/v1.js';
import type {PodDisruptionBudget} from 'kubernetes-types/policy/v1.js';
import {StatusError, statusErrors} from '../../errors/status-error.ts';
import type {JsonObject} from '../../json/json-value.ts';
import type {KubeObject} from '../../kube-object.ts';
import type {DeleteOptions} from '../../registry/deletion.ts';
import type {RequestContext} from '../../registry/request-context.ts';
import type {Subresource} from '../../registry/resource.ts';
import {systemContext} from '../../registry/system-context.ts';
import {toLabelSelector} from '../../selectors/label-selector.ts';
import {type BuiltinStores, storeOf, success} from '../stores.ts';

/** `pods/eviction`: a deletion that the budgets of a Pod must allow. */
export function evictionSubresource(stores: BuiltinStores, now: () => Date): Subresource {
  return {
    name: 'eviction',
    group: 'policy',
    version: 'v1',
    kind: 'Eviction',
    verbs: ['create'],
    async handle(context, body) {
      const pods = storeOf(stores, '', 'pods');
      const found = pods.cache.get(`${context.namespace}/${context.name}`);
      if (found === undefined) throw statusErrors.notFound({group: '', name: 'pods'}, context.name);
      const pod = found.object as KubeObject & Pod;
      const options = (body?.['deleteOptions'] ?? {}) as DeleteOptions;
      const mayGo = isOver(pod) || pod.metadata.deletionTimestamp !== undefined;
      if (!mayGo) await takeFromBudget(stores, context, pod, now());
      await pods.update(statusContext(context), context.name, (current) => disrupted(current, now()));
      await pods.delete({...context, verb: 'delete', subresource: ''}, context.name, options);
      return success(201);
    },
  };
}

/** Neither a Pod that has ended nor one that has not begun counts. */
function isOver({status}: Pod): boolean {
  return status?.phase === 'Succeeded' || status?.phase === 'Failed' || status?.phase === 'Pending';
}

function statusContext({namespace, name, dryRun}: RequestContext): RequestContext {
  const pods = {group: '', plural: 'pods', storageVersion: 'v1'};
  return systemContext(pods, {verb: 'update', namespace, name, subresource: 'status', dryRun});
}

/** Says in the Pod why it goes. */
function disrupted(object: KubeObject, now: Date): KubeObject {
  const {status} = object as Pod;
  const others = (status?.conditions ?? []).filter(({type}) => type !== 'DisruptionTarget');
  const condition = {
    type: 'DisruptionTarget',
    status: 'True',
    lastProbeTime: null,
    lastTransitionTime: seconds(now),
    reason: 'EvictionByEvictionAPI',
    message: 'Eviction API: evicting',
  };
  return {...object, status: {...(object['status'] as JsonObject), conditions: [...others, condition]}} as KubeObject;
}

function seconds(time: Date): string {
  return `${time.toISOString().slice(0, 19)}Z`;
}

async function takeFromBudget(
  stores: BuiltinStores,
  context: RequestContext,
  pod: KubeObject & Pod,
  now: Date,
): Promise<void> {
  const budgets = storeOf(stores, 'policy', 'poddisruptionbudgets');
  const matching = budgets.cache.list({prefix: `${context.namespace}/`}).items.filter(({object}) => {
    const {spec} = object as PodDisruptionBudget;
    return spec?.selector && toLabelSelector(spec.selector as JsonObject).matches(pod.metadata.labels ?? {});
  });
  if (matching.length === 0) return;
  if (matching.length > 1) {
    throw new StatusError(
      500,
      'InternalError',
      'Internal error occurred: This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.',
    );
  }
  const name = matching[0]!.object.metadata.name ?? '';
  const resource = {group: 'policy', plural: 'poddisruptionbudgets', storageVersion: 'v1'};
  const request = systemContext(resource, {
    verb: 'update',
    namespace: context.namespace,
    name,
    subresource: 'status',
    dryRun: context.dryRun,
  });
  await budgets.update(request, name, (current) => withoutOne(current, pod.metadata.name ?? '', now));
}

function withoutOne(object: KubeObject, pod: string, now: Date): KubeObject {
  const {status} = object as PodDisruptionBudget;
  const allowed = status?.disruptionsAllowed ?? 0;
  const name = object.metadata.name ?? '';
  if ((status?.observedGeneration ?? 0) < (object.metadata.generation ?? 0)) {
    const message = `The disruption budget ${name} is still being processed by the server.`;
    throw violation(message, 10);
  }
  if (allowed <= 0) {
    const {desiredHealthy = 0, currentHealthy = 0} = status ?? {};
    throw violation(
      `The disruption budget ${name} needs ${desiredHealthy} healthy pods and has ${currentHealthy} currently`,
    );
  }
  const left = allowed - 1;
  const condition = {
    type: 'DisruptionAllowed',
    status: left > 0 ? 'True' : 'False',
    observedGeneration: status?.observedGeneration ?? 0,
    lastTransitionTime: seconds(now),
    reason: left > 0 ? 'SufficientPods' : 'InsufficientPods',
    message: '',
  };
  const known = ((object['status'] as JsonObject)['conditions'] ?? []) as JsonObject[];
  const before = known.find(({type}) => type === condition.type);
  const others = known.filter(({type}) => type !== condition.type);
  return {
    ...object,
    status: {
      ...(object['status'] as JsonObject),
      disruptionsAllowed: left,
      disruptedPods: {...status?.disruptedPods, [pod]: seconds(now)},
      conditions: [...others, before?.['status'] === condition.status ? before : condition],
    },
  };
}

function violation(message: string, retryAfterSeconds?: number): StatusError {
  return new StatusError(429, 'TooManyRequests', "Cannot evict pod as it would violate the pod's disruption budget.", {
    causes: [{reason: 'DisruptionBudget', message}],
    ...(retryAfterSeconds !== undefined && {retryAfterSeconds}),
  });
}
