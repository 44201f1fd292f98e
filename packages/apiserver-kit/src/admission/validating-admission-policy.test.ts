import {readdirSync, readFileSync} from 'node:fs';
import {beforeEach, describe, expect, test} from '@jest/globals';
import {parseAllDocuments} from 'yaml';
import type {AccessAttributes, Authorizer} from '../auth/authorization.ts';
import {FixtureStores} from '../auth/stores.fixture.ts';
import type {UserInfo} from '../auth/user-info.ts';
import type {JsonObject} from '../json/json-value.ts';
import type {KubeObject} from '../kube-object.ts';
import {type AdmissionFixture, admissionAttributes, fixtureResource} from './admission.fixture.ts';
import type {AdmissionPlugin} from './admission.ts';
import {bindingErrors, policyErrors} from './policy-validation.ts';
import {validatingAdmissionPolicies} from './validating-admission-policy.ts';

const apiVersion = 'admissionregistration.k8s.io/v1';
const user: UserInfo = {username: 'alice', uid: 'u', groups: ['system:authenticated'], extra: {'a/b': ['c']}};
const everything = {apiGroups: ['*'], apiVersions: ['*'], resources: ['*'], operations: ['*'], scope: '*'};

let stores: FixtureStores;
let plugin: AdmissionPlugin;
let asked: AccessAttributes[];
let rights: (access: AccessAttributes) => boolean;
let warnings: string[];
let annotations: Record<string, string>;

const authorizer: Authorizer = async (access) => {
  asked.push(access);
  return {allowed: rights(access), reason: 'as asked'};
};

beforeEach(() => {
  asked = [];
  warnings = [];
  annotations = {};
  rights = () => false;
  stores = new FixtureStores();
  plugin = validatingAdmissionPolicies(stores, authorizer);
  stores.put('namespaces', {apiVersion: 'v1', kind: 'Namespace', metadata: {name: 'ns', labels: {team: 'a'}}});
});

const policy = (spec: JsonObject, name = 'p'): KubeObject => ({
  apiVersion,
  kind: 'ValidatingAdmissionPolicy',
  metadata: {name},
  spec: {matchConstraints: {resourceRules: [everything]}, ...spec},
});
const bindingOf = (spec: JsonObject = {}, name = 'b', policyName = 'p'): KubeObject => ({
  apiVersion,
  kind: 'ValidatingAdmissionPolicyBinding',
  metadata: {name},
  spec: {policyName, validationActions: ['Deny'], ...spec},
});
const enforce = (spec: JsonObject, bindingSpec: JsonObject = {}): void => {
  stores.put('validatingadmissionpolicies', policy(spec));
  stores.put('validatingadmissionpolicybindings', bindingOf(bindingSpec));
};
const pod = (spec: JsonObject = {}, metadata: JsonObject = {}): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {name: 'x', namespace: 'ns', ...metadata},
  spec,
});
const write = async (fixture: AdmissionFixture = {}): Promise<void> => {
  const context = {
    warn: (text: string) => void warnings.push(text),
    annotate: (key: string, value: string) => void (annotations[key] = value),
    ...fixture.context,
  };
  await plugin.validate?.(admissionAttributes({object: pod(), user, ...fixture, context}));
};
const refusal = async (fixture?: AdmissionFixture): Promise<string | undefined> =>
  await write(fixture).then(
    () => undefined,
    (error: Error) => error.message,
  );

describe('a policy', () => {
  test('refuses in the words of kube-apiserver, from the write after its creation on until it is gone', async () => {
    expect(await refusal()).toBeUndefined();
    enforce({validations: [{expression: 'object.metadata.name != "x"', message: ' not x '}]});
    await expect(write()).rejects.toMatchObject({
      code: 422,
      reason: 'Invalid',
      message: `pods "x" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: not x`,
      details: {
        name: 'x',
        kind: 'pods',
        causes: [{message: `ValidatingAdmissionPolicy 'p' with binding 'b' denied request: not x`}],
      },
    });
    enforce({validations: [{expression: 'object.metadata.name == "x"'}]});
    expect(await refusal()).toBeUndefined();
    enforce({validations: [{expression: 'false'}]});
    expect(await refusal()).toContain('denied request: failed expression: false');
    stores.delete('admissionregistration.k8s.io', 'validatingadmissionpolicybindings', 'b');
    expect(await refusal()).toBeUndefined();
  });

  test.each([
    ['Forbidden', 403],
    ['RequestEntityTooLarge', 413],
    ['Invalid', 422],
  ])('may answer with the reason %s', async (reason, code) => {
    enforce({validations: [{expression: 'false', reason}]});
    await expect(write()).rejects.toMatchObject({code, reason});
  });

  test('makes its message, unless that is none', async () => {
    const messages = async (messageExpression: string): Promise<string | undefined> => {
      enforce({
        variables: [{name: 'who', expression: 'request.userInfo.username'}],
        validations: [{expression: 'false', message: 'plain', messageExpression}],
      });
      return (await refusal())?.split('denied request: ')[1];
    };
    expect(await messages("'sorry, ' + variables.who")).toBe('sorry, alice');
    for (const none of ["' '", "'a\\nb'", 'object.none', "string(authorizer.path('/').check('get').allowed())", '1']) {
      expect(await messages(none)).toBe('plain');
    }
  });

  test('sees the write', async () => {
    const oldObject = pod({a: 1});
    const seen = async (expression: string): Promise<string | undefined> => {
      enforce({validations: [{expression: 'false', messageExpression: `string(${expression})`}]});
      const fixture = {operation: 'UPDATE', object: pod({b: [1.5, 2]}), oldObject} as const;
      return (await refusal(fixture))?.split('denied request: ')[1];
    };
    expect(await seen('request.operation')).toBe('UPDATE');
    expect(await seen('request.userInfo.extra["a/b"][0]')).toBe('c');
    expect(await seen('request.kind.kind')).toBe('Pod');
    expect(await seen('request.resource.resource')).toBe('pods');
    expect(await seen('request.namespace')).toBe('ns');
    expect(await seen('oldObject.spec.a')).toBe('1');
    expect(await seen('object.spec.b[0] + double(object.spec.b[1])')).toBe('3.5');
    expect(await seen('namespaceObject.metadata.labels["team"]')).toBe('a');
    expect(await seen('has(request.subResource)')).toBe('false');
  });

  test('fails closed, or open where it says so', async () => {
    const validations = [{expression: 'object.spec.none == 1'}];
    enforce({validations});
    expect(await refusal()).toContain("expression 'object.spec.none == 1' resulted in error: no such key: none");
    enforce({validations, failurePolicy: 'Ignore'});
    expect(await refusal()).toBeUndefined();
    enforce({variables: [{name: 'v', expression: 'object.none'}], validations: [{expression: 'variables.v == 1'}]});
    expect(await refusal()).toContain('composited variable "v" fails to evaluate: no such key: none');
  });

  test('is asked only where its conditions hold, whatever is wrong with the others', async () => {
    const validations = [{expression: 'false'}];
    const condition = (name: string, expression: string): JsonObject => ({name, expression});
    enforce({validations, matchConditions: [condition('a', 'object.none'), condition('b', 'false')]});
    expect(await refusal()).toBeUndefined();
    enforce({validations, matchConditions: [condition('a', 'object.none == 1'), condition('b', 'true')]});
    expect(await refusal()).toContain("expression 'object.none == 1' resulted in error: no such key: none");
    enforce({validations, matchConditions: [condition('a', 'true')]});
    expect(await refusal()).toContain('failed expression: false');
  });

  test('asks the authorizer, once for each question, and only what is read', async () => {
    rights = ({verb, name}) => verb === 'use' && name === 'bash';
    const check = (name: string): string =>
      `authorizer.group('g').resource('rs').subresource('s').namespace('ns').name('${name}').check('use').allowed()`;
    enforce({
      variables: [{name: 'may', expression: check('bash')}],
      validations: [{expression: `variables.may && ${check('bash')} && !${check('other')}`}],
    });
    expect(await refusal()).toBeUndefined();
    expect(asked.map(({name}) => name)).toEqual(['bash', 'other']);
    expect(asked[0]).toEqual({
      user,
      verb: 'use',
      group: 'g',
      version: '*',
      resource: 'rs',
      subresource: 's',
      namespace: 'ns',
      name: 'bash',
    });
    asked = [];
    enforce({validations: [{expression: `true || ${check('bash')}`}]});
    expect(await refusal()).toBeUndefined();
    expect(asked).toEqual([]);
    enforce({
      validations: [
        {
          expression: `authorizer.serviceAccount('a', 'b').path('/x').check('get').allowed()
            || authorizer.requestResource.check('get').reason() == 'none'`,
        },
      ],
    });
    expect(await refusal()).toBeDefined();
    expect(asked.map((access) => [access.user.username, access.path, access.resource, access.name])).toEqual([
      ['system:serviceaccount:a:b', '/x', '', ''],
      ['alice', undefined, 'pods', 'x'],
    ]);
  });

  test('that takes too long is refused like one that is wrong', async () => {
    enforce({
      validations: [{expression: 'object.spec.l.all(a, object.spec.l.all(b, object.spec.l.all(c, a != "z")))'}],
    });
    const spec = {l: Array.from({length: 200}, (_, index) => `v${index}`)};
    expect(await refusal({object: pod(spec)})).toMatch(/cost|budget/);
  });

  test('asks no more than two questions in one expression', async () => {
    rights = () => true;
    const asks = (count: number): string =>
      Array.from({length: count}, (_, index) => `!authorizer.path('/${index}').check('get').allowed()`).join(' || ');
    enforce({validations: [{expression: asks(2), message: 'all allowed'}]});
    expect(await refusal()).toContain('all allowed');
    enforce({validations: [{expression: asks(3)}]});
    expect(await refusal()).toContain('resulted in error: operation cancelled: actual cost limit exceeded');
    enforce({
      variables: [
        {name: 'a', expression: asks(2)},
        {name: 'b', expression: asks(2)},
      ],
      validations: [{expression: 'variables.a || variables.b', message: 'all allowed'}],
    });
    expect(await refusal()).toContain('all allowed');
  });

  test('warns and is written down instead of refusing, where the binding says so', async () => {
    enforce({validations: [{expression: 'false', message: 'no'}]}, {validationActions: ['Warn', 'Audit']});
    expect(await refusal()).toBeUndefined();
    expect(warnings).toEqual(["Validation failed for ValidatingAdmissionPolicy 'p' with binding 'b': no"]);
    const failure = annotations['validation.policy.admission.k8s.io/validation_failure'] ?? '';
    expect(JSON.parse(failure)).toEqual([
      {message: 'no', policy: 'p', binding: 'b', expressionIndex: 0, validationActions: ['Warn', 'Audit']},
    ]);
  });

  test('writes annotations of the audit log', async () => {
    enforce({
      auditAnnotations: [
        {key: 'who', valueExpression: 'request.userInfo.username'},
        {key: 'none', valueExpression: 'null'},
      ],
    });
    await write();
    expect(annotations).toEqual({'p/who': 'alice'});
  });
});

describe('what a policy is about', () => {
  const about = async (match: JsonObject, fixture: AdmissionFixture = {}): Promise<boolean> => {
    enforce({matchConstraints: match, validations: [{expression: 'false'}]});
    return (await refusal(fixture)) !== undefined;
  };
  const rule = (change: JsonObject): JsonObject => ({resourceRules: [{...everything, ...change}]});

  test('rules', async () => {
    expect(await about(rule({resources: ['pods']}))).toBe(true);
    expect(await about(rule({resources: ['pods/status']}))).toBe(false);
    expect(await about(rule({resources: ['pods/status']}), {context: {subresource: 'status'}})).toBe(true);
    // So it is in kube-apiserver: the star is also no subresource at all.
    expect(await about(rule({resources: ['pods/*']}))).toBe(true);
    expect(await about(rule({resources: ['*/*']}), {context: {subresource: 'status'}})).toBe(true);
    expect(await about(rule({resources: ['*']}), {context: {subresource: 'status'}})).toBe(false);
    expect(await about(rule({apiGroups: ['apps']}))).toBe(false);
    expect(await about(rule({apiVersions: ['v2']}))).toBe(false);
    expect(await about(rule({operations: ['UPDATE']}))).toBe(false);
    expect(await about(rule({scope: 'Cluster'}))).toBe(false);
    expect(await about(rule({scope: 'Namespaced'}))).toBe(true);
    expect(await about(rule({resourceNames: ['x']}))).toBe(true);
    expect(await about(rule({resourceNames: ['y']}))).toBe(false);
    expect(await about({...rule({}), excludeResourceRules: [{...everything, resources: ['pods']}]})).toBe(false);
  });

  test('selectors of namespaces and objects', async () => {
    const namespaces = (matchLabels: JsonObject): JsonObject => ({...rule({}), namespaceSelector: {matchLabels}});
    expect(await about(namespaces({team: 'a'}))).toBe(true);
    expect(await about(namespaces({team: 'b'}))).toBe(false);
    const objects = {...rule({}), objectSelector: {matchLabels: {app: 'z'}}};
    expect(await about(objects)).toBe(false);
    expect(await about(objects, {object: pod({}, {labels: {app: 'z'}})})).toBe(true);
    expect(
      await about(objects, {operation: 'DELETE', object: undefined, oldObject: pod({}, {labels: {app: 'z'}})}),
    ).toBe(true);
  });

  test('is never a policy or a question about rights', async () => {
    const resource = {group: 'admissionregistration.k8s.io', plural: 'x', kind: 'ValidatingAdmissionPolicyBinding'};
    expect(await about(rule({}), {resource})).toBe(false);
    const review = {group: 'authorization.k8s.io', plural: 'subjectaccessreviews', kind: 'SubjectAccessReview'};
    expect(await about(rule({}), {resource: review})).toBe(false);
  });
});

describe('parameters', () => {
  const paramKind = {apiVersion: 'v1', kind: 'ConfigMap'};
  const configMap = (name: string, limit: string, namespace = 'ns'): KubeObject => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: {name, namespace, labels: {limit: 'true'}},
    data: {limit},
  });
  const validations = [{expression: 'params == null || object.metadata.name.size() < int(params.data.limit)'}];
  beforeEach(() => stores.install(fixtureResource({group: '', plural: 'configmaps', kind: 'ConfigMap'})));

  test('come by name, from the namespace of the object', async () => {
    enforce({paramKind, validations}, {paramRef: {name: 'c', parameterNotFoundAction: 'Deny'}});
    expect(await refusal()).toContain(
      'failed to configure binding: no params found for policy binding with `Deny` parameterNotFoundAction',
    );
    stores.put('configmaps', configMap('c', '2'));
    expect(await refusal()).toBeUndefined();
    stores.put('configmaps', configMap('c', '1'));
    expect(await refusal()).toContain('failed expression');
  });

  test('come by selector, each of them counts', async () => {
    const selector = {matchLabels: {limit: 'true'}};
    enforce({paramKind, validations}, {paramRef: {selector, parameterNotFoundAction: 'Allow'}});
    expect(await refusal()).toBeUndefined();
    stores.put('configmaps', configMap('c', '2'), configMap('d', '1', 'other'));
    expect(await refusal()).toBeUndefined();
    stores.put('configmaps', configMap('d', '1'));
    expect(await refusal()).toBeDefined();
  });

  test('of a kind that is not there are a mistake', async () => {
    const unknown = {apiVersion: 'example.com/v1', kind: 'Limit'};
    enforce({paramKind: unknown, validations}, {paramRef: {name: 'c', parameterNotFoundAction: 'Allow'}});
    expect(await refusal()).toContain('paramKind kind `example.com/v1, Kind=Limit` not known');
  });
});

describe('the policies of this repository', () => {
  const folder = new URL('../../../../charts/kruntimes/files/admission/', import.meta.url);
  const objects = readdirSync(folder)
    .filter((name) => name.endsWith('.yaml') && name !== 'kustomization.yaml')
    .flatMap((name) => parseAllDocuments(readFileSync(new URL(name, folder), 'utf8')))
    .map((document) => document.toJS() as KubeObject);

  test('are valid', () => {
    expect(objects.length).toBeGreaterThan(8);
    for (const object of objects) {
      const problems = object.kind === 'ValidatingAdmissionPolicy' ? policyErrors(object) : bindingErrors(object);
      expect([object.metadata.name, problems]).toEqual([object.metadata.name, []]);
    }
  });

  const podUid = (uid: string): UserInfo => ({
    username: 'system:serviceaccount:ns:kruntimes-runtimed',
    groups: [],
    extra: {'authentication.kubernetes.io/pod-uid': [uid]},
  });
  const run = (status: JsonObject, metadata: JsonObject = {}, spec: JsonObject = {runtime: 'bash'}): KubeObject => ({
    apiVersion: 'kruntimes.io/v1alpha1',
    kind: 'Run',
    metadata: {name: 'r', namespace: 'ns', ...metadata},
    spec,
    status,
  });
  const resource = {group: 'kruntimes.io', plural: 'runs', kind: 'Run'};
  const update = (object: KubeObject, oldObject: KubeObject, caller: UserInfo, subresource = ''): AdmissionFixture => ({
    operation: 'UPDATE',
    resource,
    object,
    oldObject,
    user: caller,
    context: {subresource, version: 'v1alpha1'},
  });

  beforeEach(() => {
    stores.put('validatingadmissionpolicies', ...objects.filter(({kind}) => kind === 'ValidatingAdmissionPolicy'));
    stores.put(
      'validatingadmissionpolicybindings',
      ...objects.filter(({kind}) => kind === 'ValidatingAdmissionPolicyBinding'),
    );
    // A runtimed: it may write the status of Runs, and bind none.
    rights = ({resource: plural, subresource, verb}) =>
      plural === 'runs' && subresource === 'status' && verb === 'update';
  });

  test('a Pod writes the status of its own Runs', async () => {
    const bound = run({assignedPodUID: 'a', assignedPod: 'pod-a', attempt: 1});
    const done = run({assignedPodUID: 'a', assignedPod: 'pod-a', attempt: 1, phase: 'Succeeded'});
    expect(await refusal(update(done, bound, podUid('a'), 'status'))).toBeUndefined();
    expect(asked).toEqual([]);
    expect(await refusal(update(done, bound, podUid('b'), 'status'))).toContain(
      'the Run is bound to the Pod with UID a and the token of the caller is that of the Pod with UID b',
    );
    const moved = run({assignedPodUID: 'b', assignedPod: 'pod-a', attempt: 1});
    expect(await refusal(update(moved, bound, podUid('a'), 'status'))).toContain(
      'only holders of the verb bind on runs may bind a Run to another Pod',
    );
    const later = run({assignedPodUID: 'a', assignedPod: 'pod-a', attempt: 2});
    expect(await refusal(update(later, bound, podUid('a'), 'status'))).toContain(
      'the Run is at attempt 1, and this is the status of attempt 2',
    );
  });

  test('a Pod adds one finalizer to its own Runs', async () => {
    const bound = run({assignedPodUID: 'a'});
    const marked = run({assignedPodUID: 'a'}, {finalizers: ['kruntimes.io/artifacts']});
    expect(await refusal(update(marked, bound, podUid('a')))).toBeUndefined();
    expect(await refusal(update(marked, bound, podUid('b')))).toContain('the Run is bound to the Pod with UID a');
    expect(await refusal(update(bound, marked, podUid('a')))).toContain('and change no other');
    const changed = run({assignedPodUID: 'a'}, {}, {runtime: 'python'});
    expect(await refusal(update(changed, bound, podUid('a')))).toContain('may not change the spec of a Run');
  });

  test('who makes a Run may use its Runtime', async () => {
    const create: AdmissionFixture = {resource, object: run({}), context: {version: 'v1alpha1'}};
    expect(await refusal(create)).toContain('user "alice" may not use Runtime "bash" in namespace "ns"');
    rights = ({verb, name}) => verb === 'use' && name === 'bash';
    expect(await refusal(create)).toBeUndefined();
  });
});
