import {type FieldError, fieldErrors} from '../errors/field-error.ts';
import {isJsonObject, type JsonObject, type JsonValue} from '../json/json-value.ts';
import type {KubeObject} from '../kube-object.ts';
import {toLabelSelector} from '../selectors/label-selector.ts';
import {labelKeyProblems} from '../selectors/label-syntax.ts';
import {type CompiledExpression, PolicyCompiler} from './policy-compiler.ts';

const OPERATIONS = ['*', 'CONNECT', 'CREATE', 'DELETE', 'UPDATE'];
const REASONS = ['Forbidden', 'Invalid', 'RequestEntityTooLarge'];
const MAX_CONDITIONS = 64;
const IDENTIFIER = /^[_a-zA-Z][_a-zA-Z0-9]*$/;
/** Words of CEL that no variable can have as name. */
const RESERVED = new Set(
  'true false null in as break const continue else for function if import let loop package namespace return var void while'.split(
    ' ',
  ),
);

/** What is wrong with a ValidatingAdmissionPolicy, beyond its schema. */
export function policyErrors(policy: KubeObject): FieldError[] {
  const spec = objectIn(policy, 'spec');
  const errors: FieldError[] = [];
  checkSupported(errors, 'spec.failurePolicy', spec['failurePolicy'], ['Fail', 'Ignore']);
  const paramKind = spec['paramKind'];
  if (isJsonObject(paramKind)) checkParamKind(errors, paramKind);
  const compiler = new PolicyCompiler({hasParams: isJsonObject(paramKind)});
  if (isJsonObject(spec['matchConstraints'])) {
    checkMatchResources(errors, 'spec.matchConstraints', spec['matchConstraints'], {needsRules: true});
  } else errors.push(fieldErrors.required('spec.matchConstraints'));
  // Variables come first, since conditions may read them; their errors come behind, as in kube-apiserver.
  const variableErrors = checkVariables(compiler, objectsIn(spec['variables']));
  checkConditions(errors, compiler, objectsIn(spec['matchConditions']));
  errors.push(...variableErrors);
  const validations = objectsIn(spec['validations']);
  const annotations = objectsIn(spec['auditAnnotations']);
  if (validations.length + annotations.length === 0) {
    const detail = 'validations or auditAnnotations must contain at least one item';
    for (const field of ['validations', 'auditAnnotations']) errors.push(fieldErrors.required(`spec.${field}`, detail));
  }
  for (const [index, validation] of validations.entries()) {
    checkValidation(errors, compiler, `spec.validations[${index}]`, validation);
  }
  checkAnnotations(errors, compiler, annotations, policy.metadata.name ?? '');
  return errors;
}

/** What is wrong with a ValidatingAdmissionPolicyBinding, beyond its schema. */
export function bindingErrors(binding: KubeObject): FieldError[] {
  const spec = objectIn(binding, 'spec');
  const errors: FieldError[] = [];
  if (textIn(spec, 'policyName') === '') errors.push(fieldErrors.required('spec.policyName'));
  const paramRef = spec['paramRef'];
  if (isJsonObject(paramRef)) checkParamRef(errors, paramRef);
  if (isJsonObject(spec['matchResources'])) {
    checkMatchResources(errors, 'spec.matchResources', spec['matchResources'], {needsRules: false});
  }
  checkActions(errors, stringsIn(spec, 'validationActions'));
  return errors;
}

function checkParamKind(errors: FieldError[], paramKind: JsonObject): void {
  const apiVersion = textIn(paramKind, 'apiVersion');
  if (apiVersion === '') errors.push(fieldErrors.required('spec.paramKind.apiVersion'));
  if (apiVersion.split('/').length > 2) {
    const detail = `unexpected GroupVersion string: ${apiVersion}`;
    errors.push(fieldErrors.invalid('spec.paramKind.apiVersion', apiVersion, detail));
  }
  if (textIn(paramKind, 'kind') === '') errors.push(fieldErrors.required('spec.paramKind.kind'));
}

function checkParamRef(errors: FieldError[], paramRef: JsonObject): void {
  const name = textIn(paramRef, 'name');
  const {selector} = paramRef;
  if (name !== '' && isJsonObject(selector)) {
    const detail = 'name and selector are mutually exclusive';
    errors.push(fieldErrors.forbidden('spec.paramRef.name', detail));
  } else if (name === '' && !isJsonObject(selector)) {
    const detail = 'one of name or selector must be specified';
    errors.push(fieldErrors.required('spec.paramRef', detail));
  }
  const action = paramRef['parameterNotFoundAction'];
  if (typeof action !== 'string' || action === '') {
    errors.push(fieldErrors.required('spec.paramRef.parameterNotFoundAction'));
  } else checkSupported(errors, 'spec.paramRef.parameterNotFoundAction', action, ['Deny', 'Allow']);
}

function checkActions(errors: FieldError[], actions: readonly string[]): void {
  const field = 'spec.validationActions';
  if (actions.length === 0) errors.push(fieldErrors.required(field, 'at least one validation action is required'));
  const seen = new Set<string>();
  for (const [index, action] of actions.entries()) {
    checkSupported(errors, `${field}[${index}]`, action, ['Audit', 'Deny', 'Warn']);
    if (seen.has(action)) errors.push(fieldErrors.duplicate(`${field}[${index}]`, action));
    seen.add(action);
  }
  if (!seen.has('Deny') || !seen.has('Warn')) return;
  const why = 'repeating the same validation failure information in the API response and headers serves no purpose';
  errors.push(fieldErrors.invalid(field, actions, `must not contain both Deny and Warn (${why})`));
}

function checkMatchResources(
  errors: FieldError[],
  path: string,
  match: JsonObject,
  {needsRules}: {needsRules: boolean},
): void {
  checkSupported(errors, `${path}.matchPolicy`, match['matchPolicy'], ['Equivalent', 'Exact']);
  for (const key of ['namespaceSelector', 'objectSelector']) {
    const selector = match[key];
    if (!isJsonObject(selector)) continue;
    try {
      toLabelSelector(selector);
    } catch (error) {
      errors.push(fieldErrors.invalid(`${path}.${key}`, selector, error instanceof Error ? error.message : ''));
    }
  }
  if (needsRules && objectsIn(match['resourceRules']).length === 0) {
    errors.push(fieldErrors.required(`${path}.resourceRules`));
  }
  for (const key of ['resourceRules', 'excludeResourceRules']) {
    for (const [index, rule] of objectsIn(match[key]).entries()) checkRule(errors, `${path}.${key}[${index}]`, rule);
  }
}

function checkRule(errors: FieldError[], path: string, rule: JsonObject): void {
  const names = stringsIn(rule, 'resourceNames');
  for (const [index, name] of names.entries()) {
    if (names.indexOf(name) < index) errors.push(fieldErrors.duplicate(`${path}.resourceNames[${index}]`, name));
  }
  const operations = stringsIn(rule, 'operations');
  if (operations.length === 0) errors.push(fieldErrors.required(`${path}.operations`));
  if (operations.length > 1 && operations.includes('*')) {
    const detail = "if '*' is present, must not specify other operations";
    errors.push(fieldErrors.invalid(`${path}.operations`, operations, detail));
  }
  for (const [index, operation] of operations.entries()) {
    checkSupported(errors, `${path}.operations[${index}]`, operation, OPERATIONS);
  }
  for (const [key, title] of [
    ['apiGroups', 'API groups'],
    ['apiVersions', 'API versions'],
  ] as const) {
    const values = stringsIn(rule, key);
    if (values.length === 0) errors.push(fieldErrors.required(`${path}.${key}`));
    if (values.length > 1 && values.includes('*')) {
      const detail = `if '*' is present, must not specify other ${title}`;
      errors.push(fieldErrors.invalid(`${path}.${key}`, values, detail));
    }
  }
  for (const [index, version] of stringsIn(rule, 'apiVersions').entries()) {
    if (version === '') errors.push(fieldErrors.required(`${path}.apiVersions[${index}]`));
  }
  const resources = stringsIn(rule, 'resources');
  if (resources.length === 0) errors.push(fieldErrors.required(`${path}.resources`));
  for (const [index, resource] of resources.entries()) {
    if (resource === '') errors.push(fieldErrors.required(`${path}.resources[${index}]`));
  }
  checkSupported(errors, `${path}.scope`, rule['scope'], ['*', 'Cluster', 'Namespaced']);
}

function checkVariables(compiler: PolicyCompiler, variables: readonly JsonObject[]): FieldError[] {
  const errors: FieldError[] = [];
  const seen = new Set<string>();
  for (const [index, variable] of variables.entries()) {
    const path = `spec.variables[${index}]`;
    const name = textIn(variable, 'name');
    if (name === '') errors.push(fieldErrors.required(`${path}.name`, 'name is not specified'));
    else if (!IDENTIFIER.test(name) || RESERVED.has(name)) {
      errors.push(fieldErrors.invalid(`${path}.name`, name, 'must be a valid CEL identifier'));
    }
    if (seen.has(name)) errors.push(fieldErrors.duplicate(`${path}.name`, name));
    seen.add(name);
    const expression = textIn(variable, 'expression');
    if (expression.trim() === '') {
      errors.push(fieldErrors.required(`${path}.expression`, 'expression is not specified'));
    } else checkCompiled(errors, `${path}.expression`, compiler.variable({name, expression}));
  }
  return errors;
}

function checkConditions(errors: FieldError[], compiler: PolicyCompiler, conditions: readonly JsonObject[]): void {
  if (conditions.length > MAX_CONDITIONS) {
    errors.push(fieldErrors.tooMany('spec.matchConditions', conditions.length, MAX_CONDITIONS));
  }
  const seen = new Set<string>();
  for (const [index, condition] of conditions.entries()) {
    const path = `spec.matchConditions[${index}]`;
    const expression = textIn(condition, 'expression');
    if (expression.trim() === '') errors.push(fieldErrors.required(`${path}.expression`));
    else checkCompiled(errors, `${path}.expression`, compiler.condition(expression));
    const name = textIn(condition, 'name');
    if (name === '') errors.push(fieldErrors.required(`${path}.name`));
    else {
      const problems = labelKeyProblems(name);
      if (problems.length > 0) errors.push(fieldErrors.invalid(`${path}.name`, name, problems.join(',')));
      if (seen.has(name)) errors.push(fieldErrors.duplicate(`${path}.name`, name));
    }
    seen.add(name);
  }
}

function checkValidation(errors: FieldError[], compiler: PolicyCompiler, path: string, validation: JsonObject): void {
  const expression = textIn(validation, 'expression');
  if (expression.trim() === '') {
    errors.push(fieldErrors.required(`${path}.expression`, 'expression is not specified'));
  } else checkCompiled(errors, `${path}.expression`, compiler.condition(expression));
  const messageExpression = textIn(validation, 'messageExpression');
  if (messageExpression !== '') {
    if (messageExpression.trim() === '') {
      const detail = 'must be non-empty if specified';
      errors.push(fieldErrors.invalid(`${path}.messageExpression`, messageExpression, detail));
    } else checkCompiled(errors, `${path}.messageExpression`, compiler.message(messageExpression));
  }
  const message = textIn(validation, 'message');
  if (message !== '' && message.trim() === '') {
    errors.push(fieldErrors.invalid(`${path}.message`, message, 'message must be non-empty if specified'));
  } else if (/[\n\r]/.test(message.trim())) {
    errors.push(fieldErrors.invalid(`${path}.message`, message, 'must not contain line breaks'));
  } else if (message === '' && /[\n\r]/.test(expression.trim())) {
    const detail = 'message must be specified if expression contains line breaks';
    errors.push(fieldErrors.required(`${path}.message`, detail));
  }
  checkSupported(errors, `${path}.reason`, validation['reason'], REASONS);
}

function checkAnnotations(
  errors: FieldError[],
  compiler: PolicyCompiler,
  annotations: readonly JsonObject[],
  policy: string,
): void {
  const seen = new Set<string>();
  for (const [index, annotation] of annotations.entries()) {
    const path = `spec.auditAnnotations[${index}]`;
    const key = textIn(annotation, 'key');
    if (key === '') errors.push(fieldErrors.required(`${path}.key`));
    else {
      const full = `${policy}/${key}`;
      const problems = labelKeyProblems(full);
      if (problems.length > 0) errors.push(fieldErrors.invalid(`${path}.key`, full, problems.join(',')));
      if (seen.has(key)) errors.push(fieldErrors.duplicate(`${path}.key`, key));
    }
    seen.add(key);
    const expression = textIn(annotation, 'valueExpression');
    if (expression.trim() === '') {
      errors.push(fieldErrors.required(`${path}.valueExpression`, 'valueExpression is not specified'));
    } else checkCompiled(errors, `${path}.valueExpression`, compiler.annotation(expression));
  }
}

function checkCompiled(errors: FieldError[], path: string, compiled: CompiledExpression): void {
  if ('problem' in compiled) errors.push(fieldErrors.invalid(path, compiled.source, compiled.problem));
}

/** Nothing is wrong with what is not there. */
function checkSupported(
  errors: FieldError[],
  path: string,
  value: JsonValue | undefined,
  supported: readonly string[],
): void {
  if (typeof value === 'string' && !supported.includes(value)) {
    errors.push(fieldErrors.notSupported(path, value, supported));
  }
}

function objectIn(object: JsonObject, key: string): JsonObject {
  const value = object[key];
  return isJsonObject(value) ? value : {};
}

function objectsIn(value: JsonValue | undefined): JsonObject[] {
  return Array.isArray(value) ? value.filter(isJsonObject) : [];
}

function textIn(object: JsonObject, key: string): string {
  const value = object[key];
  return typeof value === 'string' ? value : '';
}

function stringsIn(object: JsonObject, key: string): string[] {
  const value = object[key];
  return Array.isArray(value) ? value.filter((each) => typeof each === 'string') : [];
}
