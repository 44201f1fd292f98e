import type {JsonObject} from '../json/json-value.ts';
import type {KubeObject} from '../kube-object.ts';
import type {Schema} from '../schema/schema.ts';

/** @see https://kubernetes.io/docs/reference/kubernetes-api/extend-resources/custom-resource-definition-v1/ */
export interface Definition extends KubeObject {
  spec: DefinitionSpec;
  status?: DefinitionStatus;
}

export interface DefinitionSpec extends JsonObject {
  group: string;
  names: DefinitionNames;
  scope: string;
  versions: DefinitionVersion[];
  conversion?: Conversion;
  preserveUnknownFields?: boolean;
}

export interface DefinitionNames extends JsonObject {
  plural: string;
  singular?: string;
  kind: string;
  listKind?: string;
  shortNames?: string[];
  categories?: string[];
}

export interface DefinitionVersion extends JsonObject {
  name: string;
  served: boolean;
  storage: boolean;
  deprecated?: boolean;
  deprecationWarning?: string;
  schema?: JsonObject & {openAPIV3Schema?: Schema & JsonObject};
  subresources?: DefinitionSubresources;
  additionalPrinterColumns?: PrinterColumn[];
  selectableFields?: SelectableField[];
}

export interface DefinitionSubresources extends JsonObject {
  status?: JsonObject;
  scale?: JsonObject & {specReplicasPath: string; statusReplicasPath: string; labelSelectorPath?: string};
}

export interface PrinterColumn extends JsonObject {
  name: string;
  type: string;
  format?: string;
  description?: string;
  priority?: number;
  jsonPath: string;
}

export interface SelectableField extends JsonObject {
  jsonPath: string;
}

export interface Conversion extends JsonObject {
  strategy: string;
  webhook?: JsonObject & {clientConfig?: JsonObject; conversionReviewVersions?: string[]};
}

export interface DefinitionStatus extends JsonObject {
  conditions?: DefinitionCondition[] | null;
  acceptedNames?: DefinitionNames;
  storedVersions?: string[] | null;
}

export interface DefinitionCondition extends JsonObject {
  type: string;
  status: 'True' | 'False' | 'Unknown';
  lastTransitionTime?: string;
  reason?: string;
  message?: string;
}

export const DEFINITION_GROUP = 'apiextensions.k8s.io';
export const DEFINITION_PLURAL = 'customresourcedefinitions';

/** Held by a definition as long as there are objects of its kind. */
export const CLEANUP_FINALIZER = 'customresourcecleanup.apiextensions.k8s.io';

/** Name of the version that objects are stored in. */
export function storageVersionOf({versions}: {versions: readonly DefinitionVersion[] | null}): string | undefined {
  return versions?.find(({storage}) => storage)?.name;
}
