/**
 * The CustomResourceDefinitions as objects, for programs that install them. The files in `crds/` of this package are the same, as YAML for
 * `kubectl apply -f`.
 *
 * @module
 */
import type {
  CustomResourceColumnDefinition,
  CustomResourceDefinition,
  CustomResourceDefinitionVersion,
} from 'kubernetes-types/apiextensions/v1.d.ts';
import {GROUP, RUN_KIND, RUN_PLURAL, RUNTIME_KIND, RUNTIME_PLURAL, VERSION} from './constants.ts';
import {runSchema} from './run.ts';
import {runtimeSchema} from './runtime.ts';
import {toStructuralSchema} from './schema/structural-schema.ts';

/** What kubernetes-types does not know yet: selectable fields are GA since Kubernetes 1.32, and on by default since 1.31. */
type Version = CustomResourceDefinitionVersion & {selectableFields?: {jsonPath: string}[]};

const age: CustomResourceColumnDefinition = {name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp'};

function define(
  names: {kind: string; plural: string; shortNames: string[]},
  schema: object,
  version: Omit<Version, 'name' | 'served' | 'storage' | 'schema'>,
): CustomResourceDefinition {
  const {kind, plural, shortNames} = names;
  const singular = kind.toLowerCase();
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: {name: `${plural}.${GROUP}`, labels: {'app.kubernetes.io/part-of': 'kruntimes'}},
    spec: {
      group: GROUP,
      names: {kind, listKind: `${kind}List`, plural, singular, shortNames, categories: ['kruntimes']},
      scope: 'Namespaced',
      versions: [
        {
          name: VERSION,
          served: true,
          storage: true,
          ...version,
          schema: {openAPIV3Schema: toStructuralSchema(schema)},
        },
      ],
    },
  };
}

/** The CustomResourceDefinition of kind Run. */
export const runCrd: CustomResourceDefinition = define(
  {kind: RUN_KIND, plural: RUN_PLURAL, shortNames: ['krun']},
  runSchema,
  {
    subresources: {status: {}},
    selectableFields: [{jsonPath: '.spec.runtime'}, {jsonPath: '.status.phase'}, {jsonPath: '.status.assignedPod'}],
    additionalPrinterColumns: [
      {name: 'Runtime', type: 'string', jsonPath: '.spec.runtime'},
      {name: 'Phase', type: 'string', jsonPath: '.status.phase'},
      {name: 'Reason', type: 'string', jsonPath: '.status.reason'},
      {name: 'Exit', type: 'integer', jsonPath: '.status.exitCode'},
      age,
      {name: 'Attempt', type: 'integer', jsonPath: '.status.attempt', priority: 1},
      {name: 'Pod', type: 'string', jsonPath: '.status.assignedPod', priority: 1},
      {name: 'Started', type: 'date', jsonPath: '.status.startTime', priority: 1},
      {name: 'Completed', type: 'date', jsonPath: '.status.completionTime', priority: 1},
      {name: 'Message', type: 'string', jsonPath: '.status.message', priority: 1},
    ],
  },
);

/** The CustomResourceDefinition of kind Runtime. */
export const runtimeCrd: CustomResourceDefinition = define(
  {kind: RUNTIME_KIND, plural: RUNTIME_PLURAL, shortNames: ['krt']},
  runtimeSchema,
  {
    subresources: {
      status: {},
      scale: {
        specReplicasPath: '.spec.replicas',
        statusReplicasPath: '.status.replicas',
        labelSelectorPath: '.status.selector',
      },
    },
    additionalPrinterColumns: [
      {name: 'Desired', type: 'integer', jsonPath: '.spec.replicas'},
      {name: 'Ready', type: 'integer', jsonPath: '.status.readyReplicas'},
      {
        name: 'Slots',
        type: 'integer',
        jsonPath: '.spec.capacity.resources.runs',
        description: 'Runs at the same time per Pod',
      },
      {name: 'Accepted', type: 'string', jsonPath: '.status.conditions[?(@.type=="Accepted")].status'},
      {name: 'Available', type: 'string', jsonPath: '.status.conditions[?(@.type=="Available")].status'},
      age,
      {
        name: 'Image',
        type: 'string',
        jsonPath: '.spec.template.spec.containers[?(@.name=="runtime")].image',
        priority: 1,
      },
      {
        name: 'Reason',
        type: 'string',
        jsonPath: '.status.conditions[?(@.type=="Accepted")].reason',
        priority: 1,
      },
    ],
  },
);
