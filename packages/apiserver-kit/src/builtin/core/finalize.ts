import {statusErrors} from '../../errors/status-error.ts';
import type {KubeObject} from '../../kube-object.ts';
import type {Subresource} from '../../registry/resource.ts';
import {type BuiltinStores, storeOf} from '../stores.ts';

/** `namespaces/finalize`: the only way to change `spec.finalizers`. */
export function finalizeSubresource(stores: BuiltinStores): Subresource {
  return {
    name: 'finalize',
    group: '',
    version: 'v1',
    kind: 'Namespace',
    verbs: ['update'],
    async handle(context, body) {
      if (body === undefined) throw statusErrors.badRequest('a Namespace is needed');
      const {metadata, spec} = body;
      const {name = ''} = metadata;
      if (name !== context.name)
        throw statusErrors.badRequest(
          `the name of the object (${name}) does not match the name on the URL (${context.name})`,
        );
      const change = (current: KubeObject): KubeObject => ({
        ...current,
        metadata: {
          ...current.metadata,
          ...(metadata.resourceVersion !== undefined && {resourceVersion: metadata.resourceVersion}),
        },
        ...(spec !== undefined && {spec}),
      });
      const {object} = await storeOf(stores, '', 'namespaces').update(context, context.name, change);
      return object.object;
    },
  };
}
