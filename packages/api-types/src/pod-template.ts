import type {PodTemplateSpec} from 'kubernetes-types/core/v1.d.ts';
import {limits} from './limits.ts';
import {boolean, integer, listOf, object, optional, preserveUnknown, string, typedAs} from './schema/fields.ts';

/**
 * `spec.template` of a Runtime: a PodTemplateSpec of which only what the controller reads is described. Each described object also keeps
 * what is not described, because a strict client (kubectl) would refuse ordinary Pod fields otherwise. The rest is judged by the API server
 * when the controller applies the Deployment.
 */
const open = {preserveUnknownFields: true} as const;

/** Named here, so that declarations of inferred types refer to this file: they can not refer to kubernetes-types by a path that resolves. */
export interface RuntimePodTemplate extends PodTemplateSpec {}

const containerSchema = object(
  {
    name: string(63, {minLength: 1}),
    image: optional(string(limits.image)),
    ports: optional(listOf(object({containerPort: integer(1, 65_535)}, open), limits.ports)),
    volumeMounts: optional(listOf(object({name: string(253), mountPath: string(4096)}, open), limits.volumeMounts)),
  },
  open,
);

export const podTemplateSchema = typedAs<RuntimePodTemplate>(
  object(
    {
      metadata: optional(preserveUnknown()),
      spec: object(
        {
          containers: listOf(containerSchema, limits.containers),
          initContainers: optional(listOf(containerSchema, limits.containers)),
          volumes: optional(listOf(object({name: string(253)}, open), limits.volumes)),
          serviceAccountName: optional(string(253)),
          hostNetwork: optional(boolean()),
          hostPID: optional(boolean()),
          shareProcessNamespace: optional(boolean()),
        },
        open,
      ),
    },
    {...open, description: 'Template of the Runtime Pods; the container named "runtime" is the Runtime server.'},
  ),
);
