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
export function evictionSubresource(stores: BuiltinStores): Subresource {
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
      if (!mayGo) await takeFromBudget(stores, context, pod);
      await pods.delete({...context, verb: 'delete', subresource: ''}, context.name, options);
      return success(201);
    },
  };
}

/** Neither a Pod that has ended nor one that has not begun counts. */
function isOver({status}: Pod): boolean {
  return status?.phase === 'Succeeded' || status?.phase === 'Failed' || status?.phase === 'Pending';
}

async function takeFromBudget(stores: BuiltinStores, context: RequestContext, pod: KubeObject & Pod): Promise<void> {
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
  await budgets.update(request, name, (current) => {
    const allowed = (current as PodDisruptionBudget).status?.disruptionsAllowed ?? 0;
    if (allowed <= 0) throw violation(current as PodDisruptionBudget);
    return {...current, status: {...(current['status'] as JsonObject), disruptionsAllowed: allowed - 1}};
  });
}

function violation({metadata, status}: PodDisruptionBudget): StatusError {
  const message = `The disruption budget ${metadata?.name ?? ''} needs ${status?.desiredHealthy ?? 0} healthy pods and has ${status?.currentHealthy ?? 0} currently`;
  return new StatusError(429, 'TooManyRequests', "Cannot evict pod as it would violate the pod's disruption budget.", {
    causes: [{reason: 'DisruptionBudget', message}],
  });
}
