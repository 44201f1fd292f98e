import {builtinSchema} from '../builtin/definitions.ts';
import {shapeOf} from '../builtin/go-shape.ts';
import type {FieldError} from '../errors/field-error.ts';
import {jsonEqual} from '../json/json-equal.ts';
import {cloneJson, type JsonObject} from '../json/json-value.ts';
import type {KubeObject} from '../kube-object.ts';
import {timestamp} from '../registry/deletion.ts';
import type {Resource, Strategy, TableLayout} from '../registry/resource.ts';
import {withCondition} from './conditions.ts';
import {
  CLEANUP_FINALIZER,
  DEFINITION_GROUP,
  DEFINITION_PLURAL,
  type Definition,
  storageVersionOf,
} from './definition.ts';
import {unknownFormats} from './unknown-formats.ts';
import {validateDefinition, validateDefinitionStatus} from './validate-definition.ts';

const KIND = 'CustomResourceDefinition';
const TYPE = `io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.${KIND}`;

export interface DefinitionResourceOptions {
  /** Default: the clock of this machine. */
  now?: () => Date;
}

/** The resource of CustomResourceDefinitions. What they define is served by {@link CustomResources}. */
export function customResourceDefinitionResource({now = () => new Date()}: DefinitionResourceOptions = {}): Resource {
  return {
    group: DEFINITION_GROUP,
    plural: DEFINITION_PLURAL,
    singular: 'customresourcedefinition',
    kind: KIND,
    listKind: `${KIND}List`,
    shortNames: ['crd', 'crds'],
    categories: ['api-extensions'],
    namespaced: false,
    versions: [
      {
        name: 'v1',
        served: true,
        schema: builtinSchema(TYPE),
        normalize,
        subresources: {status: true},
        table,
      },
    ],
    storageVersion: 'v1',
    strategy: strategy(now),
    custom: false,
  };
}

const shape = shapeOf(TYPE);

/** What decoding and the defaults of the kind make of an object. */
function normalize(object: JsonObject, unknown: (path: string) => void): KubeObject {
  const definition = shape(object, unknown) as Definition;
  const {names} = definition.spec;
  if (!names.singular && names.kind) names.singular = names.kind.toLowerCase();
  if (!names.listKind && names.kind) names.listKind = `${names.kind}List`;
  definition.spec.conversion ??= {strategy: 'None'};
  const service = definition.spec.conversion.webhook?.clientConfig?.['service'];
  if (typeof service === 'object' && service !== null && !Array.isArray(service)) service['port'] ??= 443;
  return (definition.status?.storedVersions ?? []).length === 0 ? withStoredVersion(definition) : definition;
}

/** The version that is written is one of those that there are objects of. */
function withStoredVersion(definition: Definition): Definition {
  const version = storageVersionOf(definition.spec);
  const status = (definition.status ??= {});
  const stored = status.storedVersions ?? [];
  if (version !== undefined && !stored.includes(version)) status.storedVersions = [...stored, version];
  return definition;
}

function strategy(now: () => Date): Strategy {
  return {
    prepareForCreate(object) {
      const definition = object as Definition;
      definition.metadata.generation = 1;
      definition.status = {conditions: null, acceptedNames: {plural: '', kind: ''}, storedVersions: null};
      withStoredVersion(definition);
    },
    prepareForUpdate(object, old, {subresource}) {
      const definition = object as Definition;
      const before = old as Definition;
      if (subresource === 'status') {
        definition.spec = cloneJson(before.spec);
        return;
      }
      if (before.status) definition.status = cloneJson(before.status);
      else delete definition.status;
      const generation = before.metadata.generation ?? 1;
      definition.metadata.generation = jsonEqual(definition.spec, before.spec) ? generation : generation + 1;
      withStoredVersion(definition);
    },
    validate(object, old, {subresource}): FieldError[] {
      if (subresource === 'status') return validateDefinitionStatus(object as Definition);
      return validateDefinition(object as Definition, old as Definition | undefined);
    },
    warnings(object, old) {
      const known = new Set(old && unknownFormats((old as Definition).spec));
      const formats = unknownFormats((object as Definition).spec).filter((format) => !known.has(format));
      return formats.map((format) => `unrecognized format ${JSON.stringify(format)}`);
    },
    beforeDelete(object) {
      const definition = object as Definition;
      const {metadata, status = {}} = definition;
      if (metadata.deletionTimestamp !== undefined) return {keep: (metadata.finalizers ?? []).length > 0};
      const time = timestamp(now());
      metadata.deletionTimestamp = time;
      metadata.finalizers = [...new Set([...(metadata.finalizers ?? []), CLEANUP_FINALIZER])];
      const message = 'CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon';
      const condition = {type: 'Terminating', status: 'True', reason: 'InstanceDeletionPending', message} as const;
      definition.status = {...status, conditions: withCondition(status.conditions ?? [], condition, time)};
      return {keep: true};
    },
    allowUnconditionalUpdate: false,
    allowCreateOnUpdate: false,
    // Counted above, since what is not spec does not count here.
    hasGeneration: false,
  };
}

const table: TableLayout = {
  columns: [
    {
      name: 'Name',
      type: 'string',
      format: 'name',
      description:
        'Name must be unique within a namespace. Is required when creating resources, although some resources may allow a client to request the generation of an appropriate name automatically. Name is primarily intended for creation idempotence and configuration definition. Cannot be updated. More info: https://kubernetes.io/docs/concepts/overview/working-with-objects/names#names',
    },
    {
      name: 'Created At',
      type: 'date',
      description:
        'CreationTimestamp is a timestamp representing the server time when this object was created. It is not guaranteed to be set in happens-before order across separate operations. Clients may not set this value. It is represented in RFC3339 form and is in UTC.\n\nPopulated by the system. Read-only. Null for lists. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata',
    },
  ],
  cells: ({metadata}) => [metadata.name ?? '', metadata.creationTimestamp ?? null],
};
