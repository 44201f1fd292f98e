import {builtinKinds} from '../gen/kinds.ts';
import type {JsonObject} from '../json/json-value.ts';
import {apiVersionOf, type KubeObject} from '../kube-object.ts';
import {type Resource, type ResourceVersion, resourceName, type Subresource} from '../registry/resource.ts';
import type {BuiltinKind} from './builtin-kind.ts';
import {type AddressRanges, defaultRanges} from './core/service-addresses.ts';
import {builtinSchema, definitionName} from './definitions.ts';
import {shapeOf} from './go-shape.ts';
import {builtinRules} from './kinds.ts';
import type {BuiltinRules} from './rules.ts';
import type {BuiltinStores} from './stores.ts';

/** What the rules of built-in kinds need from outside. */
export interface BuiltinDependencies {
  /** The Registry in which they are installed; asked when there is something to do, not before. */
  stores: BuiltinStores;
  /** More subresources, by resource: those that reach a kubelet (`pods`), or sign tokens (`serviceaccounts`). */
  subresources?: Readonly<Record<string, readonly Subresource[]>>;
  /** Default: {@link defaultRanges}. */
  ranges?: AddressRanges;
  now?: () => Date;
}

/** Resources that other parts of the server bring. */
const elsewhere = new Set(['customresourcedefinitions.apiextensions.k8s.io']);

/** The kinds that every Kubernetes has, as far as this server has them. CustomResourceDefinitions and reviews are not among them. */
export function builtinResources(dependencies: BuiltinDependencies): Resource[] {
  const {stores, now = () => new Date(), ranges = defaultRanges} = dependencies;
  const rules = builtinRules({stores, now, ranges});
  return builtinKinds
    .filter((kind) => kind.verbs.includes('list') && !elsewhere.has(resourceName(kind)))
    .map((kind) => builtinResource(kind, rules[resourceName(kind)] ?? {}, dependencies));
}

function builtinResource(kind: BuiltinKind, rules: BuiltinRules, dependencies: BuiltinDependencies): Resource {
  const apiVersion = apiVersionOf(kind.group, kind.version);
  const definition = definitionName(apiVersion, kind.kind);
  if (definition === undefined) throw new Error(`there is no definition of ${apiVersion} ${kind.kind}`);
  const shape = shapeOf(definition);
  const version: ResourceVersion = {
    name: kind.version,
    served: true,
    // Linked when somebody needs it: a server starts faster than all can be.
    get schema() {
      return builtinSchema(definition);
    },
    subresources: {
      status: kind.subresources.some(({name}) => name === 'status'),
      ...(rules.scale && {scale: rules.scale}),
      ...(rules.parts && {parts: rules.parts}),
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
    ...(rules.view && {view: rules.view}),
    custom: false,
    verbs: kind.verbs,
    subresources: [...(rules.subresources ?? []), ...(dependencies.subresources?.[resourceName(kind)] ?? [])],
  };
}
