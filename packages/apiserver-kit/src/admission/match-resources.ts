import {isJsonObject, type JsonObject, type JsonValue} from '../json/json-value.ts';
import type {KubeObject} from '../kube-object.ts';
import type {LabelSelector} from '../selectors/label-selector.ts';
import {toLabelSelector} from '../selectors/label-selector.ts';
import type {AdmissionAttributes, Operation} from './admission.ts';

interface Rule {
  apiGroups: readonly string[];
  apiVersions: readonly string[];
  /** With the subresource behind a slash; `*` stands for any of either. */
  resources: readonly {resource: string; subresource: string}[];
  operations: readonly string[];
  scope: string;
  /** Empty: all. */
  names: readonly string[];
}

/** Which writes a policy or a binding is about: `matchConstraints`, `matchResources`. */
export class MatchResources {
  readonly #rules: readonly Rule[];
  readonly #excluded: readonly Rule[];
  readonly #namespaces: LabelSelector;
  readonly #objects: LabelSelector;
  readonly #equivalent: boolean;

  /** @throws Error for selectors that select nothing sensible */
  constructor(json: JsonObject) {
    this.#rules = rulesOf(json['resourceRules']);
    this.#excluded = rulesOf(json['excludeResourceRules']);
    this.#namespaces = selectorOf(json['namespaceSelector']);
    this.#objects = selectorOf(json['objectSelector']);
    this.#equivalent = json['matchPolicy'] !== 'Exact';
  }

  /** @param namespace of the object; undefined for those that have none */
  matches(attributes: AdmissionAttributes, namespace: KubeObject | undefined): boolean {
    if (this.#excluded.some((rule) => this.#ruleMatches(rule, attributes))) return false;
    if (this.#rules.length > 0 && !this.#rules.some((rule) => this.#ruleMatches(rule, attributes))) return false;
    return this.#namespaceMatches(attributes, namespace) && this.#objectMatches(attributes);
  }

  #ruleMatches(rule: Rule, {operation, resource, context, object}: AdmissionAttributes): boolean {
    const {group, version, subresource, namespace} = context;
    const name = context.name === '' ? (object?.metadata.name ?? '') : context.name;
    const isVersion = (wanted: string): boolean =>
      wanted === version || (this.#equivalent && resource.versions.some((each) => each.served && each.name === wanted));
    return (
      isOperation(rule.operations, operation) &&
      has(rule.apiGroups, group) &&
      (rule.apiVersions.includes('*') || rule.apiVersions.some(isVersion)) &&
      rule.resources.some(
        (wanted) =>
          (wanted.resource === '*' || wanted.resource === resource.plural) &&
          (wanted.subresource === '*' || wanted.subresource === subresource),
      ) &&
      isScope(rule.scope, namespace !== '' && !isNamespace(group, resource.plural)) &&
      (rule.names.length === 0 || rule.names.includes(name))
    );
  }

  /** A Namespace is selected by its own labels; what has none is selected always. */
  #namespaceMatches({resource, context, object, oldObject}: AdmissionAttributes, namespace?: KubeObject): boolean {
    if (this.#namespaces.empty) return true;
    if (isNamespace(context.group, resource.plural)) {
      if (context.subresource !== '') return this.#namespaces.matches(namespace?.metadata.labels ?? {});
      return this.#namespaces.matches((object ?? oldObject)?.metadata.labels ?? {});
    }
    return context.namespace === '' || this.#namespaces.matches(namespace?.metadata.labels ?? {});
  }

  #objectMatches({object, oldObject}: AdmissionAttributes): boolean {
    if (this.#objects.empty) return true;
    return [object, oldObject].some((each) => each !== undefined && this.#objects.matches(each.metadata?.labels ?? {}));
  }
}

function isNamespace(group: string, plural: string): boolean {
  return group === '' && plural === 'namespaces';
}

function has(list: readonly string[], value: string): boolean {
  return list.includes('*') || list.includes(value);
}

function isOperation(list: readonly string[], operation: Operation): boolean {
  return has(list, operation);
}

function isScope(scope: string, namespaced: boolean): boolean {
  return scope === '*' || (scope === 'Namespaced') === namespaced;
}

function selectorOf(json: JsonValue | undefined): LabelSelector {
  return toLabelSelector(isJsonObject(json) ? json : {});
}

function rulesOf(json: JsonValue | undefined): Rule[] {
  if (!Array.isArray(json)) return [];
  return json.filter(isJsonObject).map((rule) => ({
    apiGroups: strings(rule['apiGroups']),
    apiVersions: strings(rule['apiVersions']),
    resources: strings(rule['resources']).map((each) => {
      const slash = each.indexOf('/');
      return slash < 0
        ? {resource: each, subresource: ''}
        : {resource: each.slice(0, slash), subresource: each.slice(slash + 1)};
    }),
    operations: strings(rule['operations']),
    scope: typeof rule['scope'] === 'string' ? rule['scope'] : '*',
    names: strings(rule['resourceNames']),
  }));
}

function strings(value: JsonValue | undefined): string[] {
  return Array.isArray(value) ? value.filter((each) => typeof each === 'string') : [];
}
