import {builtinKinds} from '../gen/kinds.ts';
import type {JsonObject} from '../json/json-value.ts';
import {apiVersionOf, type KubeObject} from '../kube-object.ts';
import {
  type Resource,
  type ResourceVersion,
  resourceName,
  type Strategy,
  type Subresource,
} from '../registry/resource.ts';
import type {BuiltinKind} from './builtin-kind.ts';
import {builtinSchema, definitionName} from './definitions.ts';
import {shapeOf} from './go-shape.ts';

/** What the rules of built-in kinds need from outside. */
export interface BuiltinDependencies {
  /** More subresources, by resource: those that reach a kubelet, or sign tokens. */
  subresources?: Readonly<Record<string, readonly Subresource[]>>;
}

/** What is special about a kind. */
export interface BuiltinRules {
  strategy?: Strategy;
  /** What kube-apiserver's code fills in: on a decoded object, in place. */
  defaults?(object: KubeObject): void;
  version?: Pick<ResourceVersion, 'table' | 'selectableFields' | 'selectableField'>;
  scale?: NonNullable<ResourceVersion['subresources']['scale']>;
  subresources?: readonly Subresource[];
}

/** Resources that other parts of the server bring. */
const elsewhere = new Set(['customresourcedefinitions.apiextensions.k8s.io']);

/** The kinds that every Kubernetes has, as far as this server has them. CustomResourceDefinitions and reviews are not among them. */
export function builtinResources(dependencies: BuiltinDependencies = {}): Resource[] {
  return builtinKinds
    .filter((kind) => kind.verbs.includes('list') && !elsewhere.has(resourceName(kind)))
    .map((kind) => builtinResource(kind, rulesOf(kind), dependencies));
}

function rulesOf(_kind: BuiltinKind): BuiltinRules {
  return {};
}

function builtinResource(kind: BuiltinKind, rules: BuiltinRules, dependencies: BuiltinDependencies): Resource {
  const apiVersion = apiVersionOf(kind.group, kind.version);
  const definition = definitionName(apiVersion, kind.kind);
  if (definition === undefined) throw new Error(`there is no definition of ${apiVersion} ${kind.kind}`);
  const shape = shapeOf(definition);
  const version: ResourceVersion = {
    name: kind.version,
    served: true,
    schema: builtinSchema(definition),
    subresources: {
      status: kind.subresources.some(({name}) => name === 'status'),
      ...(rules.scale && {scale: rules.scale}),
    },
    normalize(object: JsonObject, unknown): KubeObject {
      const normal = shape(object, unknown) as KubeObject;
      rules.defaults?.(normal);
      return normal;
    },
    ...rules.version,
  };
  return {
    group: kind.group,
    plural: kind.plural,
    singular: kind.singular,
    kind: kind.kind,
    listKind: `${kind.kind}List`,
    shortNames: kind.shortNames,
    categories: kind.categories,
    namespaced: kind.namespaced,
    versions: [version],
    storageVersion: kind.version,
    strategy: {allowUnconditionalUpdate: true, ...rules.strategy},
    custom: false,
    verbs: kind.verbs,
    subresources: [...(rules.subresources ?? []), ...(dependencies.subresources?.[resourceName(kind)] ?? [])],
  };
}
