import type {ObjectMeta} from 'kubernetes-types/meta/v1.d.ts';
import {artifactStoreSchema} from './artifact-store-spec.ts';
import {conditionsSchema} from './conditions.ts';
import type {API_VERSION, RUNTIME_KIND} from './constants.ts';
import {limits} from './limits.ts';
import {podTemplateSchema} from './pod-template.ts';
import {cel} from './schema/cel.ts';
import {integer, intOrString, listOf, mapList, mapOf, object, optional, type Static, string} from './schema/fields.ts';
import {resourceName, secretName} from './schema/names.ts';

const resourceCounts = (description: string) => mapOf(integer(0, limits.safeInteger), limits.resources, {description});

/** `spec` of a Runtime. */
const runtimeSpecSchema = object({
  replicas: optional(integer(0, limits.replicas, {default: 1, description: 'Number of Runtime Pods.'})),
  capacity: optional(
    object({
      resources: optional(
        mapOf(integer(0, limits.resourceValue), limits.resources, {
          description: 'Logical units that each Pod offers; runs (Runs at the same time) is 1 if absent.',
          rules: [resourceName],
        }),
      ),
    }),
  ),
  template: podTemplateSchema,
  daemonImage: optional(
    string(limits.image, {
      minLength: 1,
      description: 'Image of runtimed instead of the one that comes with the controller.',
    }),
  ),
  artifactStore: optional(artifactStoreSchema),
  workspace: optional(
    object({
      sizeLimit: optional(
        intOrString(32, {
          pattern: '^[0-9]+(\\.[0-9]+)?(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?$',
          description: 'Size of the volume of all workspaces of a Pod, as in 2Gi.',
        }),
      ),
    }),
  ),
  output: optional(
    object({
      maxBytes: optional(
        integer(0, limits.safeInteger, {
          description:
            'Bytes of output, both streams together, up to which the log of an attempt is complete; 0 is no limit, 64 MiB if absent.',
        }),
      ),
    }),
  ),
  unreachableSeconds: optional(
    integer(120, 86_400, {description: 'Runs are taken from a Pod that was unreachable for so long; 300 if absent.'}),
  ),
  gitCredentials: optional(
    mapList(
      object({
        secretName: secretName({description: 'Mounted into runtimed only.'}),
        hosts: listOf(
          string(limits.hostName, {
            minLength: 1,
            pattern: '^([A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|\\[[0-9A-Fa-f:.]+\\])(:[1-9][0-9]{0,4})?$',
          }),
          limits.gitHosts,
          {
            description:
              'Hosts that are shown the credentials: host for the default port of the protocol, or host:port.',
          },
        ),
      }),
      ['secretName'],
      limits.gitCredentials,
      {description: 'The credentials that Runs may name in source.git.secretName.'},
    ),
  ),
});

/** `status` of a Runtime. */
const runtimeStatusSchema = object({
  observedGeneration: optional(integer(0, limits.safeInteger)),
  replicas: optional(integer(0, limits.int32)),
  readyReplicas: optional(integer(0, limits.int32)),
  selector: optional(string(limits.selector, {description: 'Label selector of the Pods, for the scale subresource.'})),
  capacity: optional(resourceCounts('Logical units of all ready Pods together.')),
  allocated: optional(resourceCounts('Logical units that Runs occupy.')),
  conditions: optional(conditionsSchema),
});

/** The schema of kind Runtime. */
export const runtimeSchema = object(
  {spec: runtimeSpecSchema, status: optional(runtimeStatusSchema)},
  {
    description: 'Runtime keeps a pool of Pods ready in which Runs are executed.',
    rules: [
      cel(
        `self.metadata.name.size() <= ${limits.runtimeName} && !self.metadata.name.contains('.')`,
        `metadata.name must not be longer than ${limits.runtimeName} characters and must not contain "."`,
      ),
    ],
  },
);

export type RuntimeSpec = Static<typeof runtimeSpecSchema>;
export type RuntimeStatus = Static<typeof runtimeStatusSchema>;
/** A pool of Pods, as it is on the wire. */
export interface Runtime {
  apiVersion?: typeof API_VERSION;
  kind?: typeof RUNTIME_KIND;
  metadata?: ObjectMeta;
  spec: RuntimeSpec;
  status?: RuntimeStatus;
}
