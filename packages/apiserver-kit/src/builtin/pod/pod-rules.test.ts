import {describe, expect, it} from '@jest/globals';
import type {JsonObject} from '../../json/json-value.ts';
import type {KubeObject} from '../../kube-object.ts';
import {create, resourceOf, update} from '../builtin.fixture.ts';

const main = {name: 'a', image: 'i:1'};
const pod = (spec: JsonObject = {}): JsonObject => ({spec: {containers: [main], ...spec}});
const container = (fields: JsonObject): JsonObject => pod({containers: [{...main, ...fields}]});
const at = 'spec.containers[0]';
const label =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";

describe('a new Pod', () => {
  it('is filled in as kube-apiserver does', async () => {
    const {object, errors} = await create(
      'pods',
      pod({
        containers: [
          {
            ...main,
            image: 'registry.example.com:5000/x',
            ports: [{containerPort: 80}],
            readinessProbe: {httpGet: {port: 80}},
            resources: {limits: {cpu: 1, memory: '1024Mi'}, requests: {memory: '5Mi'}},
          },
        ],
        serviceAccount: 'default',
        volumes: [{name: 'none'}, {name: 'config', configMap: {name: 'c'}}],
      }),
    );
    expect(errors).toEqual([]);
    expect(object).toEqual({
      kind: 'Pod',
      apiVersion: 'v1',
      metadata: {name: 'x', namespace: 'team', generation: 1},
      spec: {
        volumes: [
          {name: 'none', emptyDir: {}},
          {name: 'config', configMap: {name: 'c', defaultMode: 420}},
        ],
        containers: [
          {
            name: 'a',
            image: 'registry.example.com:5000/x',
            ports: [{containerPort: 80, protocol: 'TCP'}],
            resources: {limits: {cpu: '1', memory: '1Gi'}, requests: {cpu: '1', memory: '5Mi'}},
            readinessProbe: {
              httpGet: {path: '/', port: 80, scheme: 'HTTP'},
              timeoutSeconds: 1,
              periodSeconds: 10,
              successThreshold: 1,
              failureThreshold: 3,
            },
            terminationMessagePath: '/dev/termination-log',
            terminationMessagePolicy: 'File',
            imagePullPolicy: 'Always',
          },
        ],
        restartPolicy: 'Always',
        terminationGracePeriodSeconds: 30,
        dnsPolicy: 'ClusterFirst',
        serviceAccountName: 'default',
        serviceAccount: 'default',
        securityContext: {},
        schedulerName: 'default-scheduler',
        enableServiceLinks: true,
      },
      status: {phase: 'Pending', qosClass: 'Burstable'},
    });
  });

  it.each<[JsonObject, string]>([
    [{}, 'BestEffort'],
    [{resources: {limits: {cpu: '1', memory: '1Gi'}}}, 'Guaranteed'],
    [{resources: {requests: {cpu: '1'}}}, 'Burstable'],
  ])('%j has the quality of service %s', async (fields, wanted) => {
    const {object} = await create('pods', container(fields));
    expect(object['status']).toMatchObject({qosClass: wanted});
  });

  // Each text was taken from kube-apiserver 1.36.3.
  it.each<[JsonObject, string[]]>([
    [pod({containers: []}), ['spec.containers: Required value']],
    [container({name: 'Bad_Name'}), [`${at}.name: Invalid value: "Bad_Name": ${label}`]],
    [container({image: ''}), [`${at}.image: Required value`]],
    [container({image: ' x'}), [`${at}.image: Invalid value: " x": must not have leading or trailing whitespace`]],
    [pod({containers: [main, main]}), ['spec.containers[1].name: Duplicate value: "a"']],
    [
      container({ports: [{containerPort: 0}, {containerPort: 70_000}]}),
      [
        `${at}.ports[0].containerPort: Required value`,
        `${at}.ports[1].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive`,
      ],
    ],
    [
      container({ports: [{containerPort: 80, protocol: 'ICMP'}]}),
      [`${at}.ports[0].protocol: Unsupported value: "ICMP": supported values: "SCTP", "TCP", "UDP"`],
    ],
    [
      pod({hostNetwork: true, containers: [{...main, ports: [{containerPort: 1, hostPort: 2}]}]}),
      [`${at}.ports[0].hostPort: Invalid value: 2: must match \`containerPort\` when \`hostNetwork\` is true`],
    ],
    [
      container({env: [{name: 'A=B'}, {name: ''}, {name: 'C', valueFrom: {fieldRef: {fieldPath: 'spec.foo'}}}]}),
      [
        `${at}.env[0].name: Invalid value: "A=B": a valid environment variable name must consist only of printable ASCII characters other than '='`,
        `${at}.env[1].name: Required value`,
        `${at}.env[2].valueFrom.fieldRef.fieldPath: Invalid value: "spec.foo": error converting fieldPath: field label not supported: spec.foo`,
      ],
    ],
    [
      container({resources: {requests: {cpu: '2'}, limits: {cpu: '1'}}}),
      [`${at}.resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1`],
    ],
    [
      container({resources: {requests: {cpu: '-1'}}}),
      [`${at}.resources.requests[cpu]: Invalid value: "-1": must be greater than or equal to 0`],
    ],
    [
      container({resources: {requests: {'a.b/c': '2'}}}),
      [`${at}.resources.limits: Required value: Limit must be set for non overcommitable resources`],
    ],
    [container({volumeMounts: [{name: 'none', mountPath: '/x'}]}), [`${at}.volumeMounts[0].name: Not found: "none"`]],
    [container({readinessProbe: {}}), [`${at}.readinessProbe: Required value: must specify a handler type`]],
    [
      container({lifecycle: {preStop: {sleep: {seconds: -1}}}}),
      [
        `${at}.lifecycle.preStop.sleep: Invalid value: -1: must be non-negative and less than terminationGracePeriodSeconds (30)`,
      ],
    ],
    [
      pod({initContainers: [{name: 'b', image: 'x', livenessProbe: {exec: {command: ['x']}}}]}),
      [
        'spec.initContainers[0].livenessProbe: Forbidden: may not be set for init containers without restartPolicy=Always',
      ],
    ],
    [
      pod({
        volumes: [
          {name: 'a', emptyDir: {}},
          {name: 'a', emptyDir: {}},
          {name: 'b', emptyDir: {}, secret: {secretName: 'x'}},
        ],
      }),
      [
        'spec.volumes[1].name: Duplicate value: "a"',
        'spec.volumes[2].secret: Forbidden: may not specify more than 1 volume type',
      ],
    ],
    [
      pod({restartPolicy: 'Sometimes', activeDeadlineSeconds: 0}),
      [
        'spec.restartPolicy: Unsupported value: "Sometimes": supported values: "Always", "OnFailure", "Never"',
        'spec.activeDeadlineSeconds: Invalid value: 0: must be between 1 and 2147483647, inclusive',
      ],
    ],
    [
      pod({tolerations: [{key: 'a', operator: 'Exists', value: 'x'}]}),
      ['spec.tolerations[0].operator: Invalid value: "x": value must be empty when `operator` is \'Exists\''],
    ],
    [
      pod({securityContext: {runAsUser: -1}}),
      ['spec.securityContext.runAsUser: Invalid value: -1: must be between 0 and 2147483647, inclusive'],
    ],
    [
      pod({affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: []}}}}),
      [
        'spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms: Required value: must have at least one node selector term',
      ],
    ],
    [pod({dnsPolicy: 'None'}), ['spec.dnsConfig: Required value: must provide `dnsConfig` when `dnsPolicy` is None']],
  ])('is refused: %j', async (body, wanted) => {
    expect((await create('pods', body)).errors).toEqual(wanted);
  });
});

describe('a Pod that is there', () => {
  const existing = async (spec: JsonObject = {}): Promise<KubeObject> => (await create('pods', pod(spec))).object;
  const spec = (object: KubeObject): JsonObject => object['spec'] as JsonObject;

  it('may have another image, and nearly nothing else', async () => {
    const old = await existing();
    const image = await update('pods', old, {spec: {...spec(old), containers: [{...main, image: 'j:2'}]}});
    expect(image.errors).toEqual([]);
    expect(image.object.metadata.generation).toBe(2);
    const node = await update('pods', old, {spec: {...spec(old), nodeName: 'n'}});
    expect(node.errors).toEqual([
      expect.stringMatching(/^spec: Forbidden: pod updates may not change fields other than/),
    ]);
    const more = await update('pods', old, {spec: {...spec(old), containers: [main, {name: 'b', image: 'x'}]}});
    expect(more.errors).toEqual(['spec.containers: Forbidden: pod updates may not add or remove containers']);
  });

  it('keeps its tolerations and its scheduling gates go', async () => {
    const old = await existing({tolerations: [{key: 'x', operator: 'Exists'}], schedulingGates: [{name: 'a.b/c'}]});
    expect(old['status']).toMatchObject({conditions: [{type: 'PodScheduled', reason: 'SchedulingGated'}]});
    const removed = await update('pods', old, {spec: {...spec(old), tolerations: []}});
    expect(removed.errors).toEqual([
      'spec.tolerations: Forbidden: existing toleration can not be modified except its tolerationSeconds',
    ]);
    const gate = await update('pods', old, {spec: {...spec(old), schedulingGates: [{name: 'x.y/z'}]}});
    expect(gate.errors).toEqual([
      "spec.schedulingGates[0].name: Forbidden: only deletion is allowed, but found new scheduling gate 'x.y/z'",
    ]);
    const open = await update('pods', old, {spec: {...spec(old), schedulingGates: null, nodeSelector: {a: 'b'}}});
    expect(open.errors).toEqual([]);
  });

  it('keeps its status from writes of the object, and its spec from writes of the status', async () => {
    const old = await existing();
    const object = await update('pods', old, {status: {phase: 'Running'}});
    expect(object.object['status']).toEqual(old['status']);
    const status = await update(
      'pods',
      old,
      {status: {podIP: '1.2.3.4', phase: 'Running'}, spec: {containers: []}},
      'status',
    );
    expect(status.object['spec']).toEqual(old['spec']);
    expect(status.object['status']).toEqual({
      phase: 'Running',
      podIP: '1.2.3.4',
      podIPs: [{ip: '1.2.3.4'}],
      qosClass: 'BestEffort',
    });
    const qos = await update('pods', old, {status: {qosClass: 'Guaranteed'}}, 'status');
    expect(qos.errors).toEqual(['status.qosClass: Invalid value: "Guaranteed": field is immutable']);
  });

  it('is given time to end only where a node runs it', async () => {
    const {strategy} = resourceOf('pods');
    const grace = (object: KubeObject, asked?: number): number => strategy.gracePeriodSeconds!(object, asked);
    const pending = await existing({terminationGracePeriodSeconds: 7});
    expect(grace(pending)).toBe(0);
    const running = await existing({terminationGracePeriodSeconds: 7, nodeName: 'n'});
    expect([grace(running), grace(running, 3), grace(running, 0), grace(running, -5)]).toEqual([7, 3, 0, 1]);
    expect(grace({...running, status: {phase: 'Succeeded'}})).toBe(0);
  });
});
