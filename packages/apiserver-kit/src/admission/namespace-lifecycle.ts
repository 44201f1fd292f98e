import {findObject, type Stores} from '../auth/stores.ts';
import {StatusError, statusErrors} from '../errors/status-error.ts';
import {isJsonObject} from '../json/json-value.ts';
import type {AdmissionPlugin} from './admission.ts';
import {refuse} from './refusal.ts';

const immortal: ReadonlySet<string> = new Set(['default', 'kube-system', 'kube-public']);

/** Nothing is made in a namespace that is not there or is going, and the namespaces of the system stay. */
export function namespaceLifecycle(stores: Stores): AdmissionPlugin {
  return {
    name: 'NamespaceLifecycle',
    async admit(attributes) {
      const {operation, resource, context} = attributes;
      if (resource.group === '' && resource.plural === 'namespaces') {
        if (operation === 'DELETE' && immortal.has(context.name)) {
          throw statusErrors.forbidden(
            {group: '', name: 'namespaces'},
            context.name,
            'this namespace may not be deleted',
          );
        }
        return;
      }
      if (context.namespace === '' || (operation !== 'CREATE' && operation !== 'UPDATE')) return;
      // An answer here would tell which namespaces there are.
      if (resource.group === 'authorization.k8s.io' && resource.plural === 'localsubjectaccessreviews') return;
      const namespace = findObject(stores, '', 'namespaces', context.namespace)?.object;
      if (!namespace) throw statusErrors.notFound({group: '', name: 'namespaces'}, context.namespace);
      if (operation !== 'CREATE' || !isTerminating(namespace['status'])) return;
      const {namespace: name} = context;
      const refusal = refuse(
        attributes,
        `unable to create new content in namespace ${name} because it is being terminated`,
      );
      throw new StatusError(refusal.code, refusal.reason, refusal.message, {
        ...refusal.details,
        causes: [
          {
            reason: 'NamespaceTerminating',
            message: `namespace ${name} is being terminated`,
            field: 'metadata.namespace',
          },
        ],
      });
    },
  };
}

function isTerminating(status: unknown): boolean {
  return isJsonObject(status) && status['phase'] === 'Terminating';
}
