import type {Authorizer} from '../auth/authorization.ts';
import {findObject, follow, type Stores} from '../auth/stores.ts';
import type {CachedObject} from '../cache/resource-cache.ts';
import {StatusError} from '../errors/status-error.ts';
import {isJsonObject, type JsonObject} from '../json/json-value.ts';
import {apiVersionOf, type KubeObject} from '../kube-object.ts';
import type {Resource} from '../registry/resource.ts';
import {toLabelSelector} from '../selectors/label-selector.ts';
import type {AdmissionAttributes, AdmissionPlugin} from './admission.ts';
import {CelAuthorizer, PolicyChecks, ResourceCheck} from './cel-authorizer.ts';
import {celJson} from './cel-json.ts';
import {CompiledPolicy, type Denial, type PolicyInput} from './compiled-policy.ts';
import {MatchResources} from './match-resources.ts';
import {refuse} from './refusal.ts';
import {namespaceVariable, requestVariable} from './request-variable.ts';

export const ADMISSION_GROUP = 'admissionregistration.k8s.io';
const MAX_ANNOTATION_LENGTH = 10 * 1024;
const FAILURE_ANNOTATION = 'validation.policy.admission.k8s.io/validation_failure';

/** Policies are not about policies: a wrong one could be changed no more. */
const exemptKinds: ReadonlySet<string> = new Set(
  ['ValidatingWebhookConfiguration', 'MutatingWebhookConfiguration'].concat(
    ['ValidatingAdmissionPolicy', 'MutatingAdmissionPolicy'].flatMap((kind) => [kind, `${kind}Binding`]),
  ),
);
/** Questions about rights: a policy that may ask them must not refuse them. */
const exemptGroups: ReadonlySet<string> = new Set(['authentication.k8s.io', 'authorization.k8s.io']);

const codes: Readonly<Record<string, number>> = {
  Forbidden: 403,
  Unauthorized: 401,
  RequestEntityTooLarge: 413,
  Invalid: 422,
};

interface Binding {
  name: string;
  policyName: string;
  actions: readonly string[];
  paramRef: JsonObject | undefined;
  /** Undefined: everything that the policy is about. */
  match: MatchResources | undefined;
  problem: string | undefined;
}

/** A denial with the binding that makes it count. */
interface Refusal {
  policy: CompiledPolicy;
  binding: Binding | undefined;
  message: string;
  reason: string;
}

export interface PolicyStores extends Stores {
  resources(): Iterable<Resource>;
}

/**
 * ValidatingAdmissionPolicies and their bindings, as the caches have them: a write that follows the creation of a policy is judged
 * by it. Expressions are compiled once for each change of a policy.
 *
 * @see https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/
 */
export function validatingAdmissionPolicies(stores: PolicyStores, authorizer: Authorizer): AdmissionPlugin {
  const policies = new Map<string, CompiledPolicy>();
  /** By the name of their policy. */
  const bindings = new Map<string, Map<string, Binding>>();
  follow(stores, ADMISSION_GROUP, 'validatingadmissionpolicies', ({current, previous}) => {
    if (current && isSameSpec(current, previous) && policies.has(nameOf(current))) return;
    if (current) policies.set(nameOf(current), new CompiledPolicy(current.object));
    else if (previous) policies.delete(nameOf(previous));
  });
  follow(stores, ADMISSION_GROUP, 'validatingadmissionpolicybindings', ({current, previous}) => {
    if (previous) bindings.get(readBinding(previous.object).policyName)?.delete(nameOf(previous));
    if (!current) return;
    const binding = readBinding(current.object);
    const present = bindings.get(binding.policyName) ?? new Map<string, Binding>();
    bindings.set(binding.policyName, present.set(binding.name, binding));
  });

  return {
    name: 'ValidatingAdmissionPolicy',
    async validate(attributes) {
      if (policies.size === 0 || isExempt(attributes)) return;
      const namespace = namespaceOf(stores, attributes);
      let request: Omit<PolicyInput, 'params'> | undefined;
      const checks = new PolicyChecks(authorizer);
      const refusals: Refusal[] = [];
      for (const [name, policy] of policies) {
        const bound = bindings.get(name);
        if (!bound || bound.size === 0) continue;
        if (!policy.match) {
          if (policy.failsClosed) {
            const message = `failed to configure policy: ${policy.problem}`;
            refusals.push({policy, binding: undefined, message, reason: ''});
          }
          continue;
        }
        if (!policy.match.matches(attributes, namespace)) continue;
        const published = new Map<string, Set<string>>();
        for (const binding of bound.values()) {
          if (binding.match && !binding.match.matches(attributes, namespace)) continue;
          const params = binding.problem ?? collectParams(stores, policy, binding, attributes.context.namespace);
          if (typeof params === 'string') {
            const message = `failed to configure binding: ${params}`;
            if (policy.failsClosed) refusals.push({policy, binding, message, reason: ''});
            continue;
          }
          for (const param of params) {
            request ??= policyInput(attributes, namespace, checks);
            const outcome = await policy.evaluate({...request, params: param ? celJson(param) : null}, checks);
            for (const denial of outcome.denials) {
              if (act(attributes, policy, binding, denial)) refusals.push({policy, binding, ...denial});
            }
            for (const {key, value} of outcome.annotations) {
              const values = published.get(key) ?? new Set<string>();
              published.set(key, values.add(value.slice(0, MAX_ANNOTATION_LENGTH)));
            }
          }
        }
        for (const [key, values] of published) attributes.context.annotate?.(`${name}/${key}`, [...values].join(', '));
      }
      if (refusals.length > 0) throw refusalError(attributes, refusals[0]!);
    },
  };
}

function nameOf({object}: CachedObject): string {
  return object.metadata.name ?? '';
}

/** The status of a policy changes without consequence. */
function isSameSpec(current: CachedObject, previous: CachedObject | undefined): boolean {
  return previous !== undefined && JSON.stringify(current.object['spec']) === JSON.stringify(previous.object['spec']);
}

function isExempt({resource}: AdmissionAttributes): boolean {
  if (exemptGroups.has(resource.group)) return true;
  return resource.group === ADMISSION_GROUP && exemptKinds.has(resource.kind);
}

function readBinding(object: KubeObject): Binding {
  const spec = isJsonObject(object['spec']) ? object['spec'] : {};
  const resources = spec['matchResources'];
  const actions = Array.isArray(spec['validationActions']) ? spec['validationActions'] : [];
  const binding: Binding = {
    name: object.metadata.name ?? '',
    policyName: typeof spec['policyName'] === 'string' ? spec['policyName'] : '',
    actions: actions.filter((each) => typeof each === 'string'),
    paramRef: isJsonObject(spec['paramRef']) ? spec['paramRef'] : undefined,
    match: undefined,
    problem: undefined,
  };
  if (!isJsonObject(resources)) return binding;
  try {
    return {...binding, match: new MatchResources(resources)};
  } catch (error) {
    return {...binding, problem: error instanceof Error ? error.message : String(error)};
  }
}

function namespaceOf(stores: Stores, {context}: AdmissionAttributes): KubeObject | undefined {
  return context.namespace === '' ? undefined : findObject(stores, '', 'namespaces', context.namespace)?.object;
}

function policyInput(
  attributes: AdmissionAttributes,
  namespace: KubeObject | undefined,
  checks: PolicyChecks,
): Omit<PolicyInput, 'params'> {
  const {context, resource, object, oldObject} = attributes;
  const authorizer = new CelAuthorizer(checks, context.user);
  const {group, subresource, name} = context;
  const isNamespace = group === '' && resource.plural === 'namespaces';
  return {
    object: object ? celJson(object) : null,
    oldObject: oldObject ? celJson(oldObject) : null,
    request: celJson(requestVariable(attributes)),
    namespaceObject: namespace && !isNamespace ? celJson(namespaceVariable(namespace)) : null,
    authorizer,
    requestResource: new ResourceCheck(authorizer, {
      group,
      resource: resource.plural,
      subresource,
      namespace: context.namespace,
      name: name === '' ? (object?.metadata.name ?? '') : name,
    }),
  };
}

/** The objects that a binding gives its policy, one of which is null where there are to be none; or what is wrong. */
function collectParams(
  stores: PolicyStores,
  {paramKind}: CompiledPolicy,
  {paramRef}: Binding,
  namespace: string,
): (KubeObject | null)[] | string {
  if (!paramKind || !paramRef) return [null];
  const found = findKind(stores, paramKind);
  const cache = found && stores.get(found.resource.group, found.resource.plural)?.cache;
  if (!found || !cache) return `paramKind kind \`${paramKind.apiVersion}, Kind=${paramKind.kind}\` not known`;
  const {name, selector, parameterNotFoundAction} = paramRef;
  const given = typeof paramRef['namespace'] === 'string' ? paramRef['namespace'] : '';
  let prefix = '';
  if (found.resource.namespaced) {
    const home = given === '' ? namespace : given;
    if (home === '') return 'cannot use namespaced paramRef in policy binding that matches cluster-scoped resources';
    prefix = `${home}/`;
  } else if (given !== '') return 'paramRef.namespace must not be provided for a cluster-scoped `paramKind`';
  let objects: (KubeObject | undefined)[];
  if (typeof name === 'string' && name !== '') objects = [cache.get(`${prefix}${name}`)?.object];
  else if (isJsonObject(selector)) {
    try {
      const labels = toLabelSelector(selector);
      const {items} = cache.list(prefix === '' ? {} : {prefix});
      objects = items.map(({object}) => object).filter(({metadata}) => labels.matches(metadata.labels ?? {}));
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  } else return 'one of name or selector must be provided';
  const params = objects.filter((each) => each !== undefined).map((each) => ({...each, ...paramKind}));
  if (params.length === 0 && parameterNotFoundAction === 'Deny') {
    return 'no params found for policy binding with `Deny` parameterNotFoundAction';
  }
  return params;
}

function findKind(
  stores: PolicyStores,
  {apiVersion, kind}: {apiVersion: string; kind: string},
): {resource: Resource} | undefined {
  for (const resource of stores.resources()) {
    if (resource.kind !== kind || resource.review) continue;
    const served = resource.versions.some(
      ({name, served: isServed}) => isServed && apiVersionOf(resource.group, name) === apiVersion,
    );
    if (served) return {resource};
  }
  return undefined;
}

/** Does what the binding says is to be done. @returns whether the write is refused */
function act({context}: AdmissionAttributes, policy: CompiledPolicy, binding: Binding, denial: Denial): boolean {
  if (binding.actions.includes('Warn')) {
    const where = `ValidatingAdmissionPolicy '${policy.name}' with binding '${binding.name}'`;
    context.warn(`Validation failed for ${where}: ${denial.message}`);
  }
  if (binding.actions.includes('Audit')) {
    const failure = {
      message: denial.message,
      policy: policy.name,
      binding: binding.name,
      expressionIndex: Math.max(denial.index, 0),
      validationActions: binding.actions,
    };
    context.annotate?.(FAILURE_ANNOTATION, JSON.stringify([failure]));
  }
  return binding.actions.includes('Deny');
}

function refusalError(attributes: AdmissionAttributes, refusal: Refusal): StatusError {
  const {policy, binding, message} = refusal;
  const where = `ValidatingAdmissionPolicy '${policy.name}'${binding ? ` with binding '${binding.name}'` : ''}`;
  const why = `${where} denied request: ${message}`;
  const forbidden = refuse(attributes, why);
  const reason = refusal.reason === '' ? 'Invalid' : refusal.reason;
  return new StatusError(codes[reason] ?? 422, reason, forbidden.message, {
    ...forbidden.details,
    causes: [{message: why}],
  });
}
