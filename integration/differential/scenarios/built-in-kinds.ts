import {get, type Json, part, patch, post, put, quiet, remove, type Scenario, watch} from '../scenario.ts';

const core = '/api/v1/namespaces/{ns}';
const apps = '/apis/apps/v1/namespaces/{ns}';
const table = {headers: {accept: 'application/json;as=Table;g=meta.k8s.io;v=v1'}};

function pod(name: string, spec: object = {}, metadata: object = {}) {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {name, ...metadata},
    spec: {containers: [{name: 'main', image: 'example.com/app:1'}], automountServiceAccountToken: false, ...spec},
  };
}

function deployment(name: string, spec: object = {}) {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: {name},
    spec: {
      selector: {matchLabels: {app: name}},
      template: {metadata: {labels: {app: name}}, spec: {containers: [{name: 'main', image: 'app'}]}},
      ...spec,
    },
  };
}

function service(name: string, spec: object = {}) {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: {name},
    spec: {ports: [{port: 80}], selector: {a: 'b'}, ...spec},
  };
}

const ephemeral = (container: {[key: string]: Json}) => ({spec: {ephemeralContainers: [container]}});
const ephemeralPath = `${core}/pods/one/ephemeralcontainers`;
const container = (more: object) => ({containers: [{name: 'main', image: 'app', ...more}]});

/** What is special about the kinds that come with the server. */
export const builtInKindScenarios: readonly Scenario[] = [
  {
    name: 'ephemeral-containers',
    steps: [
      post(`${core}/pods`, pod('one')),
      get(ephemeralPath),
      patch('strategic', ephemeralPath, ephemeral({name: 'debug', image: 'busybox', targetContainerName: 'main'})),
      patch('strategic', ephemeralPath, ephemeral({name: 'shell', image: 'busybox', stdin: true, tty: true})),
      get(`${core}/pods/one`),
      patch('merge', ephemeralPath, {metadata: {labels: {a: 'b'}, annotations: {c: 'd'}}}),
      patch('merge', ephemeralPath, {spec: {nodeName: 'x'}}),
      patch('merge', ephemeralPath, {spec: {ephemeralContainers: []}}),
      patch('strategic', ephemeralPath, ephemeral({name: 'main', image: 'busybox'})),
      patch('strategic', ephemeralPath, ephemeral({name: 'Bad_Name', image: ''})),
      patch('strategic', ephemeralPath, ephemeral({name: 'x'})),
      patch('strategic', ephemeralPath, ephemeral({name: 'target', image: 'x', targetContainerName: 'nobody'})),
      patch(
        'strategic',
        ephemeralPath,
        ephemeral({
          name: 'much',
          image: 'x',
          ports: [{containerPort: 80}],
          lifecycle: {preStop: {exec: {command: ['x']}}},
          livenessProbe: {exec: {command: ['x']}},
          resources: {limits: {cpu: '1'}},
        }),
      ),
      patch('strategic', `${core}/pods/none/ephemeralcontainers`, ephemeral({name: 'x', image: 'x'})),
      post(ephemeralPath, pod('one')),
      remove(ephemeralPath),
    ],
  },
  {
    name: 'pods',
    steps: [
      post(`${core}/pods`, pod('one')),
      post(
        `${core}/pods`,
        pod('full', {
          containers: [
            {
              name: 'main',
              image: 'app:latest',
              command: ['sh', '-c', 'true'],
              ports: [
                {containerPort: 80, name: 'http'},
                {containerPort: 53, protocol: 'UDP'},
              ],
              env: [
                {name: 'A', value: 'b'},
                {name: 'P', valueFrom: {fieldRef: {fieldPath: 'metadata.name'}}},
              ],
              resources: {requests: {cpu: '100m', memory: '64Mi'}, limits: {cpu: '1', memory: '0.5Gi'}},
              readinessProbe: {httpGet: {path: '/', port: 'http'}},
              livenessProbe: {exec: {command: ['true']}, periodSeconds: 3},
              volumeMounts: [{name: 'data', mountPath: '/data'}],
            },
          ],
          initContainers: [{name: 'init', image: 'init', restartPolicy: 'Always'}],
          volumes: [
            {name: 'data', emptyDir: {sizeLimit: '1Gi'}},
            {name: 'config', configMap: {name: 'x'}},
            {name: 'secret', secret: {secretName: 'y'}},
            {name: 'both', projected: {sources: [{serviceAccountToken: {path: 'token'}}]}},
          ],
          nodeName: 'node-1',
          tolerations: [{operator: 'Exists'}],
          hostAliases: [{ip: '1.2.3.4', hostnames: ['x']}],
        }),
      ),
      get(`${core}/pods/full`, table),
      get(`${core}/pods`, table),
      get(`${core}/pods?fieldSelector=spec.nodeName%3Dnode-1`, {view: part('items.0.metadata.name')}),
      get(`${core}/pods?fieldSelector=status.phase%3DPending`, {view: (body) => part('items.1.metadata.name')(body)}),
      get(`${core}/pods?fieldSelector=spec.restartPolicy%3DNever`, {view: part('items')}),
      get(`${core}/pods?fieldSelector=spec.image%3Dx`),
      post(`${core}/pods`, pod('bad', {containers: []})),
      post(`${core}/pods`, {apiVersion: 'v1', kind: 'Pod', metadata: {name: 'bad'}}),
      post(`${core}/pods`, pod('bad', container({name: 'Bad_Name'}))),
      post(`${core}/pods`, pod('bad', container({image: ''}))),
      post(
        `${core}/pods`,
        pod('bad', {
          containers: [
            {name: 'a', image: 'x'},
            {name: 'a', image: 'x'},
          ],
        }),
      ),
      post(`${core}/pods`, pod('bad', container({ports: [{containerPort: 0}, {containerPort: 70000}]}))),
      post(`${core}/pods`, pod('bad', container({ports: [{containerPort: 80, protocol: 'ICMP'}]}))),
      post(`${core}/pods`, pod('bad', container({env: [{name: 'A=B', value: 'x'}, {name: ''}]}))),
      post(`${core}/pods`, pod('bad', container({resources: {requests: {cpu: '2'}, limits: {cpu: '1'}}}))),
      post(`${core}/pods`, pod('bad', container({resources: {requests: {cpu: 'many'}}}))),
      post(`${core}/pods`, pod('bad', container({resources: {requests: {cpu: '-1'}}}))),
      post(`${core}/pods`, pod('bad', container({volumeMounts: [{name: 'none', mountPath: '/x'}]}))),
      post(`${core}/pods`, pod('bad', container({imagePullPolicy: 'Sometimes'}))),
      post(`${core}/pods`, pod('bad', container({readinessProbe: {}}))),
      post(`${core}/pods`, pod('bad', {restartPolicy: 'Sometimes'})),
      post(
        `${core}/pods`,
        pod('bad', {
          volumes: [
            {name: 'a', emptyDir: {}},
            {name: 'a', emptyDir: {}},
            {name: 'b', emptyDir: {}, secret: {secretName: 'x'}},
          ],
        }),
      ),
      post(`${core}/pods`, pod('bad', {terminationGracePeriodSeconds: -1, activeDeadlineSeconds: 0})),
      post(`${core}/pods`, pod('bad', {dnsPolicy: 'Magic'})),
      post(`${core}/pods`, pod('bad', {nodeSelector: {'a b': 'c'}})),
      post(`${core}/pods`, pod('bad', {serviceAccountName: 'nobody'})),
      post(`${core}/pods`, pod('bad', {hostNetwork: 'yes'})),
      post(
        `${core}/pods?fieldValidation=Strict`,
        pod('bad', {unknown: 1, containers: [{name: 'a', image: 'x', imagePullpolicy: 'Always'}]}),
      ),
      post(`${core}/pods?fieldValidation=Warn&dryRun=All`, pod('warned', {unknown: 1})),
      patch(
        'strategic',
        `${core}/pods/one`,
        {spec: {containers: [{name: 'main', image: 'example.com/app:2'}]}},
        {view: part('spec.containers')},
      ),
      patch('strategic', `${core}/pods/one`, {spec: {containers: [{name: 'main', command: ['x']}]}}),
      patch('strategic', `${core}/pods/one`, {spec: {containers: [{name: 'new', image: 'x'}]}}),
      patch(
        'merge',
        `${core}/pods/one`,
        {spec: {activeDeadlineSeconds: 30}},
        {view: part('spec.activeDeadlineSeconds')},
      ),
      patch('merge', `${core}/pods/one`, {spec: {nodeName: 'node-2'}}),
      patch('strategic', `${core}/pods/one`, ephemeral({name: 'other', image: 'x'})),
      patch('merge', `${core}/pods/one`, {status: {phase: 'Running'}}, {view: part('status')}),
      patch(
        'merge',
        `${core}/pods/one/status`,
        {status: {phase: 'Running', podIP: '10.1.1.1', conditions: [{type: 'Ready', status: 'True'}]}},
        {view: part('status')},
      ),
      patch(
        'strategic',
        `${core}/pods/one/status`,
        {
          status: {
            conditions: [
              {type: 'Ready', status: 'False'},
              {type: 'Other', status: 'True'},
            ],
          },
        },
        {view: part('status')},
      ),
      patch('strategic', `${core}/pods/one/status`, {status: {phase: 'Dancing'}}, {view: part('status.phase')}),
      patch('merge', `${core}/pods/one/status`, {spec: {containers: []}}, {view: part('spec.containers.0.name')}),
      post(`${core}/pods/one/binding`, {
        apiVersion: 'v1',
        kind: 'Binding',
        metadata: {name: 'one'},
        target: {kind: 'Node', name: 'node-1'},
      }),
      get(`${core}/pods/one`, {view: part('spec.nodeName')}),
      post(`${core}/pods/one/binding`, {
        apiVersion: 'v1',
        kind: 'Binding',
        metadata: {name: 'one'},
        target: {kind: 'Node', name: 'node-2'},
      }),
      remove(`${core}/pods/one?dryRun=All`, undefined, {view: part('metadata.deletionGracePeriodSeconds')}),
      remove(`${core}/pods/one`),
      remove(`${core}/pods/one`, {gracePeriodSeconds: 5}, {view: part('metadata.deletionGracePeriodSeconds')}),
      get(`${core}/pods/one`, table),
      patch('merge', `${core}/pods/one`, {metadata: {labels: {still: 'here'}}}, {view: part('metadata.labels')}),
      remove(`${core}/pods/one`, {gracePeriodSeconds: 0}, {view: part('metadata.name')}),
      get(`${core}/pods/one`),
      quiet(post(`${core}/pods`, pod('unscheduled'))),
      remove(`${core}/pods/unscheduled`, undefined, {view: part('metadata.name')}),
      get(`${core}/pods/unscheduled`),
    ],
  },
  {
    name: 'deployments',
    steps: [
      post(`${apps}/deployments`, deployment('one')),
      get(`${apps}/deployments/one`, table),
      post(`${apps}/deployments`, deployment('bad', {selector: {matchLabels: {app: 'other'}}})),
      post(`${apps}/deployments`, deployment('bad', {selector: null})),
      post(`${apps}/deployments`, deployment('bad', {replicas: -1})),
      post(`${apps}/deployments`, deployment('bad', {template: null})),
      post(`${apps}/deployments`, deployment('bad', {strategy: {type: 'Recreate', rollingUpdate: {}}})),
      post(`${apps}/deployments`, deployment('bad', {strategy: {rollingUpdate: {maxSurge: 0, maxUnavailable: 0}}})),
      post(`${apps}/deployments`, deployment('bad', {strategy: {rollingUpdate: {maxSurge: '10'}}})),
      post(
        `${apps}/deployments`,
        deployment('bad', {
          template: {
            metadata: {labels: {app: 'bad'}},
            spec: {restartPolicy: 'Never', containers: [{name: 'a', image: 'b'}]},
          },
        }),
      ),
      patch('merge', `${apps}/deployments/one`, {spec: {replicas: 3}}, {view: part('metadata.generation')}),
      patch('merge', `${apps}/deployments/one`, {metadata: {labels: {a: 'b'}}}, {view: part('metadata.generation')}),
      patch('merge', `${apps}/deployments/one`, {spec: {selector: {matchLabels: {app: 'x'}}}}),
      patch(
        'strategic',
        `${apps}/deployments/one`,
        {spec: {template: {spec: {containers: [{name: 'main', env: [{name: 'A', value: 'b'}]}]}}}},
        {view: part('spec.template.spec.containers')},
      ),
      patch(
        'strategic',
        `${apps}/deployments/one`,
        {
          spec: {
            template: {
              spec: {
                containers: [{name: 'side', image: 'side'}],
                $setElementOrder: 'x',
                '$setElementOrder/containers': [{name: 'side'}, {name: 'main'}],
              },
            },
          },
        },
        {view: part('spec.template.spec.containers')},
      ),
      patch(
        'strategic',
        `${apps}/deployments/one`,
        {
          spec: {
            template: {
              spec: {
                '$setElementOrder/containers': [{name: 'side'}, {name: 'main'}],
                containers: [{name: 'side', image: 'side'}],
              },
            },
          },
        },
        {view: part('spec.template.spec.containers')},
      ),
      patch(
        'strategic',
        `${apps}/deployments/one`,
        {spec: {template: {spec: {containers: [{name: 'side', $patch: 'delete'}]}}}},
        {view: part('spec.template.spec.containers')},
      ),
      patch(
        'strategic',
        `${apps}/deployments/one`,
        {spec: {strategy: {$retainKeys: ['type'], type: 'Recreate'}}},
        {view: part('spec.strategy')},
      ),
      patch('strategic', `${apps}/deployments/one`, {spec: {template: {spec: {containers: [{image: 'nameless'}]}}}}),
      get(`${apps}/deployments/one/scale`),
      put(`${apps}/deployments/one/scale`, {
        apiVersion: 'autoscaling/v1',
        kind: 'Scale',
        metadata: {name: 'one', namespace: '{ns}'},
        spec: {replicas: 5},
      }),
      patch('merge', `${apps}/deployments/one/scale`, {spec: {replicas: 2}}),
      patch('merge', `${apps}/deployments/one/scale`, {spec: {replicas: -2}}),
      patch('merge', `${apps}/deployments/missing/scale`, {spec: {replicas: 2}}),
      put(
        `${apps}/deployments/one/status`,
        {...deployment('one'), status: {replicas: 2, readyReplicas: 1, observedGeneration: 4}},
        {view: part('status')},
      ),
      get(`${apps}/deployments`, table),
      remove(`${apps}/deployments/one`, {propagationPolicy: 'Foreground'}, {view: part('metadata.finalizers')}),
      post(`${apps}/replicasets`, {...deployment('rs'), kind: 'ReplicaSet'}),
      get(`${apps}/replicasets`, table),
    ],
  },
  {
    name: 'services',
    steps: [
      post(`${core}/services`, service('one')),
      post(
        `${core}/services`,
        service('headless', {
          clusterIP: 'None',
          ports: [
            {name: 'a', port: 1, targetPort: 'x'},
            {name: 'b', port: 2, protocol: 'UDP'},
          ],
        }),
      ),
      post(`${core}/services`, service('external', {type: 'ExternalName', externalName: 'example.com', ports: []})),
      post(`${core}/services`, service('bad', {ports: [{port: 80}, {port: 81}]})),
      post(`${core}/services`, service('bad', {ports: [{port: 0}]})),
      post(`${core}/services`, service('bad', {ports: []})),
      post(`${core}/services`, service('bad', {type: 'Magic'})),
      post(`${core}/services`, service('bad', {clusterIP: 'text'})),
      post(`${core}/services`, service('1bad')),
      patch('strategic', `${core}/services/one`, {spec: {ports: [{port: 81, name: 'more'}]}}),
      patch(
        'strategic',
        `${core}/services/one`,
        {
          spec: {
            ports: [
              {port: 80, name: 'first'},
              {port: 81, name: 'second'},
            ],
          },
        },
        {view: part('spec.ports')},
      ),
      patch('merge', `${core}/services/one`, {spec: {clusterIP: 'None'}}),
      patch('merge', `${core}/services/one`, {spec: {selector: null}}, {view: part('spec.selector')}),
      get(`${core}/services`, table),
      remove(`${core}/services/one`, undefined, {view: part('status')}),
    ],
  },
  {
    name: 'secrets',
    steps: [
      post(`${core}/secrets`, {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: {name: 'one'},
        stringData: {a: 'b'},
        data: {c: 'ZA=='},
      }),
      post(`${core}/secrets`, {apiVersion: 'v1', kind: 'Secret', metadata: {name: 'bad'}, data: {c: 'text!'}}),
      post(`${core}/secrets`, {apiVersion: 'v1', kind: 'Secret', metadata: {name: 'bad'}, data: {'c d': ''}}),
      post(`${core}/secrets`, {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: {name: 'bad'},
        type: 'kubernetes.io/tls',
        data: {},
      }),
      post(`${core}/secrets`, {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: {name: 'bad'},
        type: 'kubernetes.io/dockerconfigjson',
        data: {'.dockerconfigjson': 'bm8='},
      }),
      post(`${core}/secrets`, {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: {name: 'bad'},
        type: 'kubernetes.io/basic-auth',
        data: {},
      }),
      post(`${core}/secrets`, {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: {name: 'typed'},
        type: 'example.com/mine',
        data: {a: ''},
      }),
      patch('merge', `${core}/secrets/typed`, {type: 'Opaque'}),
      patch('merge', `${core}/secrets/typed`, {stringData: {x: 'y'}}, {view: part('data')}),
      patch('merge', `${core}/secrets/typed`, {immutable: true}, {view: part('immutable')}),
      patch('merge', `${core}/secrets/typed`, {data: {a: 'YQ=='}}),
      get(`${core}/secrets?fieldSelector=type%3Dexample.com%2Fmine`, {view: part('items.0.metadata.name')}),
      get(`${core}/secrets`, table),
    ],
  },
  {
    name: 'namespaces',
    steps: [
      post('/api/v1/namespaces', {apiVersion: 'v1', kind: 'Namespace', metadata: {generateName: 'd-made-'}}),
      post('/api/v1/namespaces', {apiVersion: 'v1', kind: 'Namespace', metadata: {name: 'd-extra', labels: {a: 'b'}}}),
      post('/api/v1/namespaces', {apiVersion: 'v1', kind: 'Namespace', metadata: {name: 'd-extra'}}),
      post('/api/v1/namespaces', {apiVersion: 'v1', kind: 'Namespace', metadata: {name: 'has.dot'}}),
      post(
        '/api/v1/namespaces',
        {apiVersion: 'v1', kind: 'Namespace', metadata: {name: 'd-spec'}, spec: {finalizers: ['example.com/f']}},
        {view: part('spec')},
      ),
      get('/api/v1/namespaces/d-extra', table),
      patch('merge', '/api/v1/namespaces/d-extra', {metadata: {labels: {'kubernetes.io/metadata.name': 'other'}}}),
      patch('merge', '/api/v1/namespaces/d-extra', {metadata: {labels: null}}, {view: part('metadata.labels')}),
      quiet(
        post('/api/v1/namespaces/d-extra/configmaps', {
          apiVersion: 'v1',
          kind: 'ConfigMap',
          metadata: {name: 'inside'},
        }),
      ),
      remove('/api/v1/namespaces/d-extra?dryRun=All', undefined, {view: part('status')}),
      remove('/api/v1/namespaces/d-extra'),
      remove('/api/v1/namespaces/d-extra'),
      post('/api/v1/namespaces/d-extra/configmaps', {apiVersion: 'v1', kind: 'ConfigMap', metadata: {name: 'late'}}),
      get('/api/v1/namespaces/d-extra/configmaps', {view: part('items.0.metadata.name')}),
      get('/api/v1/namespaces/d-extra', table),
      put(
        '/api/v1/namespaces/d-extra/finalize',
        {apiVersion: 'v1', kind: 'Namespace', metadata: {name: 'd-extra'}, spec: {}},
        {view: part('spec')},
      ),
      get('/api/v1/namespaces/d-extra'),
      remove('/api/v1/namespaces/default'),
      remove('/api/v1/namespaces/kube-system'),
      remove('/api/v1/namespaces'),
      get('/api/v1/namespaces?fieldSelector=status.phase%3DTerminating', {view: part('items')}),
    ],
  },
  {
    name: 'leases',
    steps: [
      post('/apis/coordination.k8s.io/v1/namespaces/{ns}/leases', {
        apiVersion: 'coordination.k8s.io/v1',
        kind: 'Lease',
        metadata: {name: 'one'},
        spec: {
          holderIdentity: 'me',
          leaseDurationSeconds: 15,
          renewTime: '2020-01-01T00:00:00.000000Z',
          acquireTime: '2020-01-01T00:00:00Z',
          leaseTransitions: 1,
        },
      }),
      post('/apis/coordination.k8s.io/v1/namespaces/{ns}/leases', {
        apiVersion: 'coordination.k8s.io/v1',
        kind: 'Lease',
        metadata: {name: 'bad'},
        spec: {leaseDurationSeconds: 0, leaseTransitions: -1},
      }),
      put('/apis/coordination.k8s.io/v1/namespaces/{ns}/leases/new', {
        apiVersion: 'coordination.k8s.io/v1',
        kind: 'Lease',
        metadata: {name: 'new'},
        spec: {holderIdentity: 'me'},
      }),
      patch('merge', '/apis/coordination.k8s.io/v1/namespaces/{ns}/leases/one', {spec: {renewTime: 'now'}}),
      patch('merge', '/apis/coordination.k8s.io/v1/namespaces/{ns}/leases/one', {spec: {holderIdentity: ''}}),
      get('/apis/coordination.k8s.io/v1/namespaces/{ns}/leases', table),
    ],
  },
  {
    name: 'events',
    steps: [
      post(`${core}/events`, {
        apiVersion: 'v1',
        kind: 'Event',
        metadata: {name: 'one'},
        involvedObject: {kind: 'Pod', name: 'p', namespace: '{ns}', uid: 'u'},
        reason: 'Tested',
        message: 'something happened',
        type: 'Normal',
        source: {component: 'test'},
        firstTimestamp: '2020-01-01T00:00:00Z',
        lastTimestamp: '2020-01-01T00:00:00Z',
        count: 1,
      }),
      post(`${core}/events`, {
        apiVersion: 'v1',
        kind: 'Event',
        metadata: {name: 'bad'},
        involvedObject: {namespace: 'other'},
      }),
      post('/apis/events.k8s.io/v1/namespaces/{ns}/events', {
        apiVersion: 'events.k8s.io/v1',
        kind: 'Event',
        metadata: {name: 'two'},
        regarding: {kind: 'Pod', name: 'p', namespace: '{ns}'},
        reason: 'Tested',
        note: 'again',
        type: 'Warning',
        action: 'Test',
        reportingController: 'example.com/test',
        reportingInstance: 'test-1',
        eventTime: '2020-01-01T00:00:00.123456Z',
      }),
      post('/apis/events.k8s.io/v1/namespaces/{ns}/events', {
        apiVersion: 'events.k8s.io/v1',
        kind: 'Event',
        metadata: {name: 'bad'},
        regarding: {namespace: '{ns}'},
      }),
      get(`${core}/events/two`),
      get('/apis/events.k8s.io/v1/namespaces/{ns}/events/one'),
      get(`${core}/events?fieldSelector=involvedObject.name%3Dp,type%3DWarning`, {view: part('items')}),
      get(`${core}/events?fieldSelector=involvedObject.uid%3Du`, {view: part('items.0.metadata.name')}),
      get(`${core}/events?fieldSelector=reason%3DTested,source%3Dtest`, {view: part('items.0.metadata.name')}),
      get('/apis/events.k8s.io/v1/namespaces/{ns}/events?fieldSelector=regarding.name%3Dp', {
        view: part('items.0.metadata.name'),
      }),
    ],
  },
  {
    name: 'service-accounts',
    steps: [
      post(`${core}/serviceaccounts`, {
        apiVersion: 'v1',
        kind: 'ServiceAccount',
        metadata: {name: 'one'},
        automountServiceAccountToken: false,
        imagePullSecrets: [{name: 'x'}],
      }),
      get(`${core}/serviceaccounts`, table),
      post(
        `${core}/serviceaccounts/one/token`,
        {
          apiVersion: 'authentication.k8s.io/v1',
          kind: 'TokenRequest',
          spec: {audiences: ['me'], expirationSeconds: 600},
        },
        {view: part('spec')},
      ),
      post(`${core}/serviceaccounts/one/token`, {
        apiVersion: 'authentication.k8s.io/v1',
        kind: 'TokenRequest',
        spec: {expirationSeconds: 5},
      }),
      post(`${core}/serviceaccounts/one/token`, {
        apiVersion: 'authentication.k8s.io/v1',
        kind: 'TokenRequest',
        spec: {boundObjectRef: {kind: 'Pod', apiVersion: 'v1', name: 'none'}},
      }),
      post(`${core}/serviceaccounts/one/token`, {
        apiVersion: 'authentication.k8s.io/v1',
        kind: 'TokenRequest',
        spec: {boundObjectRef: {kind: 'ConfigMap', apiVersion: 'v1', name: 'x'}},
      }),
      post(`${core}/serviceaccounts/none/token`, {
        apiVersion: 'authentication.k8s.io/v1',
        kind: 'TokenRequest',
        spec: {},
      }),
      get(`${core}/serviceaccounts/one/token`),
      post(
        `${core}/pods`,
        {
          apiVersion: 'v1',
          kind: 'Pod',
          metadata: {name: 'mounted'},
          spec: {containers: [{name: 'main', image: 'app'}]},
        },
        {
          view: (body) =>
            JSON.parse(JSON.stringify(part('spec')(body) ?? null).replaceAll(/kube-api-access-\w+/g, '<volume>')),
        },
      ),
    ],
  },
  {
    name: 'volumes-and-nodes',
    steps: [
      post(`${core}/persistentvolumeclaims`, {
        apiVersion: 'v1',
        kind: 'PersistentVolumeClaim',
        metadata: {name: 'one'},
        spec: {accessModes: ['ReadWriteOnce'], resources: {requests: {storage: '1Gi'}}},
      }),
      post(`${core}/persistentvolumeclaims`, {
        apiVersion: 'v1',
        kind: 'PersistentVolumeClaim',
        metadata: {name: 'bad'},
        spec: {accessModes: [], resources: {}},
      }),
      patch('merge', `${core}/persistentvolumeclaims/one`, {spec: {accessModes: ['ReadWriteMany']}}),
      get(`${core}/persistentvolumeclaims`, table),
      post('/api/v1/nodes', {
        apiVersion: 'v1',
        kind: 'Node',
        metadata: {name: 'd-node'},
        spec: {podCIDR: '10.0.1.0/24'},
      }),
      patch(
        'strategic',
        '/api/v1/nodes/d-node/status',
        {
          status: {
            conditions: [{type: 'Ready', status: 'True'}],
            addresses: [{type: 'InternalIP', address: '127.0.0.1'}],
            capacity: {cpu: '2', memory: '1Gi'},
          },
        },
        {view: part('status')},
      ),
      get('/api/v1/nodes/d-node', table),
      patch('merge', '/api/v1/nodes/d-node', {spec: {unschedulable: true}}, {view: part('spec')}),
      remove('/api/v1/nodes/d-node', undefined, {view: part('status')}),
    ],
  },
  {
    name: 'watch-built-in',
    steps: [
      quiet(post(`${core}/pods`, pod('one', {nodeName: 'node-1'}))),
      watch(`${core}/pods?watch=true&fieldSelector=spec.nodeName%3Dnode-1,status.phase%3DPending`, 2, {
        after: 1,
        during: [quiet(patch('merge', `${core}/pods/one/status`, {status: {phase: 'Running'}}))],
      }),
      watch(`${core}/pods?watch=true`, 1, table),
      watch(`${apps}/deployments?watch=true`, 1, {during: [quiet(post(`${apps}/deployments`, deployment('one')))]}),
    ],
  },
];
