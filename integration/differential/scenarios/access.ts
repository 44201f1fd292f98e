import {get, type Json, part, patch, post, put, quiet, remove, type Scenario, untilStatus} from '../scenario.ts';

const rbac = '/apis/rbac.authorization.k8s.io/v1';
const inNs = `${rbac}/namespaces/{ns}`;
const configMaps = '/api/v1/namespaces/{ns}/configmaps';

const role = (name: string, rules: Json, kind = 'Role'): Json => ({
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind,
  metadata: {name},
  rules,
});
const binding = (name: string, roleName: string, subject: Json, kind = 'Role'): Json => ({
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind: 'RoleBinding',
  metadata: {name},
  roleRef: {apiGroup: 'rbac.authorization.k8s.io', kind, name: roleName},
  subjects: [subject],
});
const alice: Json = {kind: 'User', name: 'alice', apiGroup: 'rbac.authorization.k8s.io'};
const review = (kind: string, spec: Json): Json => ({apiVersion: 'authorization.k8s.io/v1', kind, spec});
const reviews = '/apis/authorization.k8s.io/v1';

/** Who may do what, and how it is said. */
export const accessScenarios: readonly Scenario[] = [
  {
    name: 'authentication',
    steps: [
      get('/api/v1/namespaces', {headers: {authorization: 'Bearer nonsense'}}),
      get('/api/v1/namespaces', {headers: {authorization: 'Basic YTpi'}}),
      get('/api/v1/namespaces', {headers: {authorization: 'Bearer '}}),
      get('/api/v1/namespaces', {as: ''}),
      get('/apis', {as: ''}),
      get('/version', {as: '', view: part('major')}),
      get('/healthz', {as: ''}),
      get('/livez', {as: ''}),
      get('/readyz', {as: ''}),
      get('/metrics', {as: ''}),
      get('/apis', {as: 'alice', view: part('kind')}),
      get('/nothing/here', {as: 'alice'}),
      get('/nothing/here'),
      get('/apis/none.example.com/v1/things', {as: 'alice'}),
      get('/apis/none.example.com/v1/things'),
      get('/api/v1/namespaces', {headers: {'impersonate-user': 'alice'}}),
      get('/api/v1/namespaces', {
        headers: {'impersonate-user': 'alice', 'impersonate-group': 'system:masters'},
        view: part('kind'),
      }),
      get('/api/v1/namespaces', {headers: {'impersonate-group': 'system:masters'}}),
      get('/api/v1/namespaces', {headers: {'impersonate-user': 'system:serviceaccount:default:x'}}),
      get('/api/v1/namespaces', {as: 'alice', headers: {'impersonate-user': 'bob'}}),
    ],
  },
  {
    name: 'forbidden',
    steps: [
      get(configMaps, {as: 'alice'}),
      get(`${configMaps}/one`, {as: 'alice'}),
      get('/api/v1/configmaps', {as: 'alice'}),
      get('/api/v1/nodes', {as: 'alice'}),
      get('/api/v1/nodes/x/status', {as: 'alice'}),
      get('/apis/apps/v1/namespaces/{ns}/deployments/x/scale', {as: 'bob'}),
      post(configMaps, {apiVersion: 'v1', kind: 'ConfigMap', metadata: {name: 'x'}}, {as: 'alice'}),
      remove(configMaps, undefined, {as: 'alice'}),
      patch('merge', `${configMaps}/one`, {}, {as: 'alice'}),
      get(`${configMaps}?watch=true`, {as: 'alice'}),
    ],
  },
  {
    name: 'rbac',
    steps: [
      post(
        `${inNs}/roles`,
        role('reader', [{apiGroups: [''], resources: ['configmaps'], verbs: ['get', 'list'], resourceNames: []}]),
      ),
      post(`${inNs}/rolebindings`, binding('alice-reads', 'reader', alice)),
      get(configMaps, {as: 'alice', until: untilStatus(200), view: part('kind')}),
      post(configMaps, {apiVersion: 'v1', kind: 'ConfigMap', metadata: {name: 'x'}}, {as: 'alice'}),
      get('/api/v1/namespaces/default/configmaps', {as: 'alice'}),
      quiet(
        post(
          `${rbac}/clusterroles`,
          role('d-viewer', [{apiGroups: [''], resources: ['pods'], verbs: ['list']}], 'ClusterRole'),
        ),
      ),
      quiet(
        post(
          `${inNs}/rolebindings`,
          binding(
            'bob-views',
            'd-viewer',
            {kind: 'Group', name: 'builders', apiGroup: 'rbac.authorization.k8s.io'},
            'ClusterRole',
          ),
        ),
      ),
      get('/api/v1/namespaces/{ns}/pods', {as: 'bob', until: untilStatus(200), view: part('kind')}),
      get('/api/v1/namespaces/{ns}/secrets', {as: 'bob'}),
      quiet(
        post(
          `${inNs}/roles`,
          role('role-maker', [
            {apiGroups: ['rbac.authorization.k8s.io'], resources: ['roles', 'rolebindings'], verbs: ['*']},
          ]),
        ),
      ),
      quiet(post(`${inNs}/rolebindings`, binding('alice-makes', 'role-maker', alice))),
      get(`${inNs}/roles`, {as: 'alice', until: untilStatus(200), view: part('kind')}),
      post(`${inNs}/roles`, role('too-much', [{apiGroups: [''], resources: ['secrets'], verbs: ['get']}]), {
        as: 'alice',
      }),
      post(`${inNs}/roles`, role('enough', [{apiGroups: [''], resources: ['configmaps'], verbs: ['get']}]), {
        as: 'alice',
        view: part('rules'),
      }),
      post(`${inNs}/rolebindings`, binding('grab', 'cluster-admin', alice, 'ClusterRole'), {as: 'alice'}),
      post(`${inNs}/rolebindings`, binding('none', 'not-there', alice), {as: 'alice'}),
      post(`${inNs}/rolebindings`, binding('again', 'reader', alice), {as: 'alice', view: part('subjects')}),
      put(`${inNs}/rolebindings/again`, binding('again', 'enough', alice)),
      patch('merge', `${inNs}/rolebindings/again`, {subjects: null}, {view: part('subjects')}),
      post(`${inNs}/rolebindings`, binding('bad', 'reader', {kind: 'Robot', name: 'x'})),
      post(`${inNs}/rolebindings`, binding('bad', '', {kind: 'ServiceAccount', name: 'x'})),
      post(
        `${inNs}/rolebindings`,
        binding('default-group', 'reader', {kind: 'ServiceAccount', name: 'x', namespace: '{ns}'}),
        {view: part('subjects')},
      ),
      post(`${inNs}/roles`, role('bad', [{apiGroups: [''], resources: ['configmaps'], verbs: []}])),
      post(`${inNs}/roles`, role('bad', [{nonResourceURLs: ['/x'], verbs: ['get']}])),
      post(`${inNs}/roles`, role('bad', [{verbs: ['get']}])),
      get(`${rbac}/clusterroles/cluster-admin`, {view: part('rules')}),
      get(`${rbac}/clusterroles/system:discovery`, {view: part('rules')}),
      get(`${rbac}/clusterroles/system:public-info-viewer`, {view: part('rules')}),
      get(`${rbac}/clusterroles/system:basic-user`, {view: part('rules')}),
      get(`${rbac}/clusterrolebindings/cluster-admin`),
      get(`${inNs}/roles`, {headers: {accept: 'application/json;as=Table;g=meta.k8s.io;v=v1'}}),
      get(`${inNs}/rolebindings`, {headers: {accept: 'application/json;as=Table;g=meta.k8s.io;v=v1'}}),
    ],
  },
  {
    name: 'reviews',
    steps: [
      post(
        `${reviews}/selfsubjectaccessreviews`,
        review('SelfSubjectAccessReview', {resourceAttributes: {verb: 'create', resource: 'pods', namespace: '{ns}'}}),
      ),
      post(
        `${reviews}/selfsubjectaccessreviews`,
        review('SelfSubjectAccessReview', {resourceAttributes: {verb: 'create', resource: 'pods', namespace: '{ns}'}}),
        {as: 'alice'},
      ),
      post(
        `${reviews}/selfsubjectaccessreviews`,
        review('SelfSubjectAccessReview', {nonResourceAttributes: {verb: 'get', path: '/apis'}}),
        {as: 'alice'},
      ),
      post(`${reviews}/selfsubjectaccessreviews`, review('SelfSubjectAccessReview', {}), {as: 'alice'}),
      post(
        `${reviews}/subjectaccessreviews`,
        review('SubjectAccessReview', {user: 'alice', resourceAttributes: {verb: 'get', resource: 'pods'}}),
      ),
      post(
        `${reviews}/subjectaccessreviews`,
        review('SubjectAccessReview', {
          user: 'x',
          groups: ['system:masters'],
          resourceAttributes: {verb: 'get', resource: 'pods'},
        }),
      ),
      post(
        `${reviews}/subjectaccessreviews`,
        review('SubjectAccessReview', {resourceAttributes: {verb: 'get', resource: 'pods'}}),
      ),
      post(`${reviews}/subjectaccessreviews`, review('SubjectAccessReview', {user: 'alice'}), {as: 'alice'}),
      post(
        `${reviews}/namespaces/{ns}/localsubjectaccessreviews`,
        review('LocalSubjectAccessReview', {
          user: 'alice',
          resourceAttributes: {verb: 'get', resource: 'pods', namespace: 'other'},
        }),
      ),
      post(
        `${reviews}/namespaces/{ns}/localsubjectaccessreviews`,
        review('LocalSubjectAccessReview', {
          user: 'alice',
          resourceAttributes: {verb: 'get', resource: 'pods', namespace: '{ns}'},
        }),
      ),
      post(`${reviews}/selfsubjectrulesreviews`, review('SelfSubjectRulesReview', {namespace: '{ns}'}), {
        as: 'alice',
        view: part('status.incomplete'),
      }),
      get(`${reviews}/selfsubjectaccessreviews`),
      post(
        '/apis/authentication.k8s.io/v1/selfsubjectreviews',
        {apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview'},
        {as: 'bob'},
      ),
      post('/apis/authentication.k8s.io/v1/tokenreviews', {
        apiVersion: 'authentication.k8s.io/v1',
        kind: 'TokenReview',
        spec: {token: 'bob-token'},
      }),
      post('/apis/authentication.k8s.io/v1/tokenreviews', {
        apiVersion: 'authentication.k8s.io/v1',
        kind: 'TokenReview',
        spec: {token: 'wrong'},
      }),
      post('/apis/authentication.k8s.io/v1/tokenreviews', {
        apiVersion: 'authentication.k8s.io/v1',
        kind: 'TokenReview',
        spec: {},
      }),
      post(
        '/apis/authentication.k8s.io/v1/tokenreviews',
        {apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec: {token: 'bob-token'}},
        {as: 'alice'},
      ),
    ],
  },
  {
    name: 'admission-policy',
    steps: [
      post(
        '/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies',
        {
          apiVersion: 'admissionregistration.k8s.io/v1',
          kind: 'ValidatingAdmissionPolicy',
          metadata: {name: 'd-policy'},
          spec: {
            failurePolicy: 'Fail',
            matchConstraints: {
              resourceRules: [
                {apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE', 'UPDATE'], resources: ['configmaps']},
              ],
            },
            matchConditions: [{name: 'ours', expression: 'request.namespace.startsWith("d-admission")'}],
            variables: [{name: 'size', expression: 'has(object.data) ? object.data.size() : 0'}],
            validations: [
              {expression: 'variables.size < 3', message: 'too many keys'},
              {
                expression: '!has(object.data) || !("forbidden" in object.data)',
                messageExpression: '"key forbidden by " + request.userInfo.username',
                reason: 'Forbidden',
              },
            ],
          },
        },
        {view: part('spec')},
      ),
      post(
        '/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings',
        {
          apiVersion: 'admissionregistration.k8s.io/v1',
          kind: 'ValidatingAdmissionPolicyBinding',
          metadata: {name: 'd-policy'},
          spec: {policyName: 'd-policy', validationActions: ['Deny', 'Audit']},
        },
        {view: part('spec')},
      ),
      post(
        `${configMaps}?dryRun=All`,
        {apiVersion: 'v1', kind: 'ConfigMap', metadata: {name: 'x'}, data: {a: '1', b: '2', c: '3'}},
        {until: untilStatus(422)},
      ),
      post(configMaps, {apiVersion: 'v1', kind: 'ConfigMap', metadata: {name: 'x'}, data: {forbidden: '1'}}),
      post(
        configMaps,
        {apiVersion: 'v1', kind: 'ConfigMap', metadata: {name: 'ok'}, data: {a: '1'}},
        {view: part('data')},
      ),
      patch('merge', `${configMaps}/ok`, {data: {b: '1', c: '2'}}),
      post('/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies', {
        apiVersion: 'admissionregistration.k8s.io/v1',
        kind: 'ValidatingAdmissionPolicy',
        metadata: {name: 'd-bad'},
        spec: {
          matchConstraints: {
            resourceRules: [{apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['configmaps']}],
          },
          validations: [{expression: 'object.x >'}, {expression: '1'}],
        },
      }),
      post('/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies', {
        apiVersion: 'admissionregistration.k8s.io/v1',
        kind: 'ValidatingAdmissionPolicy',
        metadata: {name: 'd-empty'},
        spec: {},
      }),
      post('/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings', {
        apiVersion: 'admissionregistration.k8s.io/v1',
        kind: 'ValidatingAdmissionPolicyBinding',
        metadata: {name: 'd-bad'},
        spec: {},
      }),
      quiet(remove('/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings/d-policy')),
      quiet(remove('/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies/d-policy')),
    ],
  },
];
