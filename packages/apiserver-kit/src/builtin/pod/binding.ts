import type {Binding, Pod, PodCondition} from 'kubernetes-types/core/v1.js';
import {describeFieldErrors, fieldErrors} from '../../errors/field-error.ts';
import {type GroupName, StatusError, statusErrors} from '../../errors/status-error.ts';
import type {KubeObject} from '../../kube-object.ts';
import type {RequestContext} from '../../registry/request-context.ts';
import type {Subresource} from '../../registry/resource.ts';
import {type BuiltinStores, storeOf, success} from '../stores.ts';

const BINDING: GroupName = {group: '', name: 'pods/binding'};

/** `pods/binding`: gives a Pod to a node, once. */
export function bindingSubresource(stores: BuiltinStores, now: () => Date): Subresource {
  return {
    name: 'binding',
    group: '',
    version: 'v1',
    kind: 'Binding',
    verbs: ['create'],
    async handle(context, body) {
      const binding = body as (KubeObject & Binding) | undefined;
      if (binding?.metadata?.name !== context.name)
        throw statusErrors.badRequest('name in URL does not match name in Binding object');
      checkTarget(binding);
      const assign = (current: KubeObject): KubeObject => assigned(context, current, binding, now());
      await storeOf(stores, '', 'pods').update(context, context.name, assign, {
        // Neither the node nor the condition is anybody's.
        keepManagedFields: true,
      });
      return success(201);
    },
  };
}

function checkTarget(binding: Binding | undefined): void {
  const {kind = '', name = ''} = binding?.target ?? {};
  const errors = [
    ...(kind === '' || kind === 'Node' ? [] : [fieldErrors.notSupported('target.kind', kind, ['Node', '<empty>'])]),
    ...(name === '' ? [fieldErrors.required('target.name')] : []),
  ];
  // As kube-apiserver answers: what is wrong with a Binding is no Invalid.
  if (errors.length > 0) throw new StatusError(500, '', describeFieldErrors(errors));
}

function assigned({name}: RequestContext, object: KubeObject, {target, metadata}: Binding, now: Date): KubeObject {
  const {spec, status} = object as Pod;
  const refuse = (why: string): Error => statusErrors.conflict(BINDING, name, `pod ${name} ${why}`);
  const uid = metadata?.uid;
  if (uid && uid !== object.metadata.uid)
    throw refuse(`UID mismatch: expected ${uid}, found ${object.metadata.uid ?? ''}`);
  if (object.metadata.deletionTimestamp) throw refuse('is being deleted, cannot be assigned to a host');
  if (spec?.nodeName) throw refuse(`is already assigned to node ${JSON.stringify(spec.nodeName)}`);
  if ((spec?.schedulingGates ?? []).length > 0) throw refuse('has non-empty .spec.schedulingGates');
  const scheduled = {
    type: 'PodScheduled',
    status: 'True',
    lastProbeTime: null,
    lastTransitionTime: `${now.toISOString().slice(0, 19)}Z`,
  };
  const others = (status?.conditions ?? []).filter(({type}: PodCondition) => type !== 'PodScheduled');
  const annotations = {...object.metadata.annotations, ...metadata?.annotations};
  return {
    ...object,
    metadata: {...object.metadata, ...(Object.keys(annotations).length > 0 && {annotations})},
    spec: {...(object['spec'] as object), nodeName: target.name ?? ''},
    status: {...(object['status'] as object), conditions: [...others, scheduled]},
  } as KubeObject;
}
