import {closeSync, existsSync, openSync, readFileSync} from 'node:fs';
import {mkdtemp, readFile, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterEach, beforeEach, describe, expect, test} from '@jest/globals';
import {Client, type DeepReadonly, EventRecorder, type KindClient, kinds, Transport} from '@kruntimes/reconciler-kit';
import {
  ProcessGuard,
  sharedControlPlane,
  waitFor,
  waitForDeletion,
  waitForObject,
} from '@kruntimes/reconciler-kit/testing';
import type {Container, Pod} from 'kubernetes-types/core/v1.d.ts';
import type {Event} from 'kubernetes-types/events/v1.d.ts';
import type {ImageMap} from './image-map.ts';
import {NodeAgent} from './node-agent.ts';
import {processTable} from './process-table.ts';

/** A program that says when it is told to end, waits `$LINGER` ms and ends. */
const server = `
  console.log('hello from ' + process.env.NAME);
  process.on('SIGTERM', () => setTimeout(() => { console.log('bye'); process.exit(0); }, Number(process.env.LINGER ?? 0)));
  setInterval(() => {}, 1000);`;

const images: ImageMap = {
  server: {command: [process.execPath, '-e', server]},
  node: {command: [process.execPath, '-e']},
  sh: {command: ['/bin/sh', '-c']},
};

describe('NodeAgent', () => {
  let directory: string;
  let namespace: string;
  let pods: KindClient<Pod>;
  let client: Client;
  let agent: NodeAgent;
  let stop: AbortController;
  let running: Promise<void>;
  let guard: ProcessGuard;
  let events: EventRecorder;
  let transport: Transport;

  beforeEach(async () => {
    const controlPlane = await sharedControlPlane();
    directory = await mkdtemp(join(tmpdir(), 'na-'));
    namespace = await controlPlane.createNamespace();
    transport = new Transport(controlPlane.userConfig({user: `system:node:${namespace}`, groups: ['system:masters']}));
    client = new Client(transport);
    pods = client.kind(kinds.Pod);
    events = new EventRecorder({client, controller: 'kruntimes.io/node-agent'});
    guard = new ProcessGuard();
    agent = newAgent();
    stop = new AbortController();
    running = agent.start(stop.signal);

    function newAgent(): NodeAgent {
      return new NodeAgent({
        nodeName: namespace,
        namespace,
        client,
        events,
        images,
        guard,
        directory,
        clusterCa: controlPlane.ca,
        apiServer: controlPlane.server,
        serving: controlPlane.issueCertificate({commonName: `system:node:${namespace}`, hosts: ['127.0.0.1']}),
        backOff: {initialMs: 20, maxMs: 100, resetAfterMs: 60_000},
      });
    }
  });

  afterEach(async () => {
    stop.abort();
    await running;
    await events.close();
    await guard.close();
    await client.kind(kinds.Node).delete({name: namespace});
    await transport.close();
    await rm(directory, {recursive: true});
  });

  async function createPod(
    spec: Omit<NonNullable<Pod['spec']>, 'containers'> & {containers: Container[]},
  ): Promise<string> {
    const pod = await pods.create({metadata: {generateName: 'p-', namespace}, spec});
    return pod.metadata?.name ?? '';
  }

  const when = (name: string, predicate: (pod: Pod) => boolean, description: string): Promise<Pod> =>
    waitForObject(pods, {name, namespace}, predicate, {description});
  const isReady = (pod: Pod): boolean =>
    pod.status?.conditions?.some(({type, status}) => type === 'Ready' && status === 'True') ?? false;
  const stateOf = (pod: Pod, index = 0) => pod.status?.containerStatuses?.[index]?.state;

  async function logs(name: string, options: Parameters<Client['podLogs']>[1] = {}): Promise<string> {
    const parts: Uint8Array[] = [];
    for await (const part of client.podLogs({name, namespace}, options)) parts.push(part);
    return Buffer.concat(parts).toString();
  }

  test('starts the sidecar first, opens Ready with the gate, serves logs, and ends in order', async () => {
    const name = await createPod({
      terminationGracePeriodSeconds: 20,
      readinessGates: [{conditionType: 'example.org/Up'}],
      initContainers: [
        {
          name: 'sidecar',
          image: 'registry.example/x/server:1',
          restartPolicy: 'Always',
          env: [{name: 'NAME', value: 'sidecar'}],
        },
      ],
      containers: [
        {
          name: 'main',
          image: 'server:latest',
          env: [
            {name: 'IP', valueFrom: {fieldRef: {fieldPath: 'status.podIP'}}},
            {name: 'NAME', value: '$(IP)'},
            {name: 'LINGER', value: '50'},
          ],
        },
      ],
    });
    const up = await when(name, (pod) => pod.status?.containerStatuses?.[0]?.ready === true, 'container ready');
    expect(isReady(up)).toBe(false);
    expect(up.spec?.nodeName).toBe(namespace);
    expect(up.status).toMatchObject({
      phase: 'Running',
      hostIP: '127.0.0.1',
      podIP: expect.stringMatching(/^127\.77\./),
      initContainerStatuses: [{name: 'sidecar', started: true, ready: true, restartCount: 0}],
    });
    await pods.patchStatus(
      {name, namespace},
      {type: 'strategic', body: {status: {conditions: [{type: 'example.org/Up', status: 'True'}]}}},
    );
    await when(name, isReady, 'Ready');

    // Both have printed their line: both know what to do on SIGTERM.
    for (const container of ['sidecar', 'main'])
      await firstLines(client.podLogs({name, namespace}, {container, follow: true}), 1);
    const followed = logs(name, {container: 'main', follow: true});
    const sidecar = logs(name, {container: 'sidecar', follow: true, timestamps: true});
    const worker = agent.worker(namespace, name)!;
    await pods.delete({name, namespace});
    await waitForDeletion(pods, {name, namespace});
    expect(existsSync(worker.directory)).toBe(false);
    expect(await followed).toBe(`hello from ${up.status?.podIP}\nbye\n`);
    const [, , lastOfSidecar] = (await sidecar).split('\n');
    expect(lastOfSidecar).toBe('');
    expect((await sidecar).replaceAll(/^\S+ /gm, '')).toBe('hello from sidecar\nbye\n');
    await worker.done;
    expect(agent.worker(namespace, name)).toBeUndefined();
  });

  test('an init container runs before the others; a Pod that never restarts succeeds or fails', async () => {
    const pod = (command: string): Promise<string> =>
      createPod({
        restartPolicy: 'Never',
        volumes: [{name: 'shared', emptyDir: {}}],
        initContainers: [
          {
            name: 'init',
            image: 'sh',
            args: ['echo prepared > /data/file'],
            volumeMounts: [{name: 'shared', mountPath: '/data'}],
          },
        ],
        containers: [
          {name: 'main', image: 'sh', args: [command], volumeMounts: [{name: 'shared', mountPath: '/other'}]},
        ],
      });
    const good = await pod('cat /other/file; echo problem >&2');
    const bad = await pod('kill -9 $$$$');
    expect(stateOf(await when(good, ({status}) => status?.phase === 'Succeeded', 'Succeeded'))).toMatchObject({
      terminated: {exitCode: 0, reason: 'Completed'},
    });
    expect((await logs(good)).split('\n').toSorted()).toEqual(['', 'prepared', 'problem']);
    expect(stateOf(await when(bad, ({status}) => status?.phase === 'Failed', 'Failed'))).toMatchObject({
      terminated: {exitCode: 137, signal: 9, reason: 'Error'},
    });
  });

  test('a killed container takes its children with it and is started again', async () => {
    const spawnChild = `
      const child = require('node:child_process').spawn('setsid', ['sleep', '1000'], {env: {}, detached: true, stdio: 'ignore'});
      require('node:fs').writeFileSync('/data/' + (process.env.FIRST = 'x') + Date.now(), String(child.pid));
      console.log(child.pid); setInterval(() => {}, 1000);`;
    const name = await createPod({
      terminationGracePeriodSeconds: 0,
      volumes: [{name: 'data', emptyDir: {}}],
      containers: [
        {name: 'main', image: 'node', args: [spawnChild], volumeMounts: [{name: 'data', mountPath: '/data'}]},
      ],
    });
    await when(name, isReady, 'Ready');
    const runner = agent.worker(namespace, name)?.container('main');
    // Its first line says that the child is there.
    const [line] = await firstLines(runner!.log()!.read({follow: true}), 1);
    const child = Number(line);
    runner!.kill('SIGKILL');
    const again = await when(
      name,
      ({status}) => status?.containerStatuses?.[0]?.restartCount === 1 && isReady({status}),
      'restarted',
    );
    expect(again.status?.containerStatuses?.[0]?.lastState).toMatchObject({terminated: {exitCode: 137}});
    expect((await processTable()).map(({pid}) => pid)).not.toContain(child);
    expect(await logs(name, {previous: true})).toBe(`${child}\n`);
  });

  test('a container that keeps failing backs off; one without a program says so', async () => {
    const failing = await createPod({containers: [{name: 'main', image: 'sh', args: ['exit 3']}]});
    const strange = await createPod({containers: [{name: 'main', image: 'example.org/unknown:1'}]});
    const backing = await when(
      failing,
      (pod) => stateOf(pod)?.waiting?.reason === 'CrashLoopBackOff',
      'CrashLoopBackOff',
    );
    expect(backing.status).toMatchObject({
      phase: 'Running',
      containerStatuses: [{lastState: {terminated: {exitCode: 3}}}],
    });
    const pulling = await when(strange, (pod) => stateOf(pod)?.waiting?.reason === 'ErrImagePull', 'ErrImagePull');
    expect(pulling.status?.phase).toBe('Pending');
    expect(stateOf(pulling)?.waiting?.message).toMatch(
      /no program for image example\.org\/unknown:1; it has server, node, sh/,
    );
  });

  test('a projected token is bound to the Pod and good for the API server', async () => {
    const name = await createPod({
      containers: [{name: 'main', image: 'server', volumeMounts: [{name: 'token', mountPath: '/var/run/secrets/x'}]}],
      volumes: [
        {
          name: 'token',
          projected: {
            sources: [
              {serviceAccountToken: {path: 'token', expirationSeconds: 600}},
              {configMap: {name: 'kube-root-ca.crt', items: [{key: 'ca.crt', path: 'ca.crt'}]}},
              {downwardAPI: {items: [{path: 'namespace', fieldRef: {fieldPath: 'metadata.namespace'}}]}},
            ],
          },
        },
      ],
    });
    const pod = await when(name, isReady, 'Ready');
    const folder = join(agent.worker(namespace, name)!.directory, 'token');
    const read = (file: string): Promise<string> => readFile(join(folder, file), 'utf8');
    const controlPlane = await sharedControlPlane();
    expect(await read('namespace')).toBe(namespace);
    expect(await read('ca.crt')).toBe(controlPlane.ca);
    const review = await client.transport.request<{
      status: {user: {username: string; extra: Record<string, string[]>}};
    }>({
      method: 'POST',
      path: '/apis/authentication.k8s.io/v1/tokenreviews',
      body: {apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec: {token: await read('token')}},
    });
    expect(review.status.user).toMatchObject({
      username: `system:serviceaccount:${namespace}:default`,
      extra: {'authentication.kubernetes.io/pod-uid': [pod.metadata?.uid]},
    });
  });

  test('preStop comes before SIGTERM, and SIGKILL when the grace period is over', async () => {
    const stubborn = `
      require('node:http').createServer((request, answer) => { console.log('asked ' + request.url); answer.end(); }).listen(8000, process.env.IP, () => console.log('up'));
      process.on('SIGTERM', () => console.log('no'));`;
    const name = await createPod({
      terminationGracePeriodSeconds: 1,
      containers: [
        {
          name: 'main',
          image: 'node',
          args: [stubborn],
          ports: [{name: 'web', containerPort: 8000}],
          env: [{name: 'IP', valueFrom: {fieldRef: {fieldPath: 'status.podIP'}}}],
          readinessProbe: {httpGet: {path: '/ready', port: 'web'}},
          lifecycle: {preStop: {httpGet: {path: '/drain', port: 8000}}},
        },
      ],
    });
    await when(name, isReady, 'Ready by its probe');
    const log = logs(name, {follow: true});
    await pods.delete({name, namespace});
    await waitForDeletion(pods, {name, namespace});
    expect(await log).toMatch(/^up\n(asked \/ready\n)+asked \/drain\nno\n$/);
  });

  test('hooks of all containers come at once; sidecars get their SIGTERM after the others, the first one last', async () => {
    const program = `
      const say = (text) => { require('node:fs').appendFileSync('/data/log', process.env.NAME + ' ' + text + '\\n'); };
      require('node:http').createServer((request, answer) => {
        say('hook');
        const wait = setInterval(() => {
          if (require('node:fs').readFileSync('/data/log', 'utf8').match(/hook/g).length === 3) { clearInterval(wait); answer.end(); }
        }, 20);
      }).listen(Number(process.env.PORT), process.env.IP, () => console.log('up'));
      process.on('SIGTERM', () => { say('term'); setTimeout(() => { say('end'); process.exit(0); }, 200); });`;
    const container = (name: string, port: number): Container => ({
      name,
      image: 'node',
      args: [program],
      volumeMounts: [{name: 'data', mountPath: '/data'}],
      env: [
        {name: 'NAME', value: name},
        {name: 'PORT', value: String(port)},
        {name: 'IP', valueFrom: {fieldRef: {fieldPath: 'status.podIP'}}},
      ],
      lifecycle: {preStop: {httpGet: {path: '/', port}}},
    });
    const name = await createPod({
      terminationGracePeriodSeconds: 60,
      volumes: [{name: 'data', emptyDir: {}}],
      initContainers: [
        {...container('first', 8001), restartPolicy: 'Always'},
        {...container('second', 8002), restartPolicy: 'Always'},
      ],
      containers: [container('main', 8000)],
    });
    await when(name, isReady, 'Ready');
    for (const one of ['first', 'second', 'main'])
      await firstLines(client.podLogs({name, namespace}, {container: one, follow: true}), 1);
    const worker = agent.worker(namespace, name)!;
    const log = openSync(join(worker.directory, 'data', 'log'), 'a+');
    await pods.delete({name, namespace});
    await worker.done;
    const lines = readFileSync(log, 'utf8').trim().split('\n');
    closeSync(log);
    expect(lines.slice(0, 3).toSorted()).toEqual(['first hook', 'main hook', 'second hook']);
    expect(lines.slice(3)).toEqual(['main term', 'main end', 'second term', 'second end', 'first term', 'first end']);
  });

  test('a hook that fails is told in an event; one that never answers is cut off by the grace period', async () => {
    const listening = `
      require('node:http').createServer((request, answer) => { if (request.url === '/no') { answer.statusCode = 409; answer.end(); } })
        .listen(8000, process.env.IP, () => console.log('up'));
      process.on('SIGTERM', () => { console.log('term'); process.exit(0); });`;
    for (const path of ['/no', '/never']) {
      const name = await createPod({
        terminationGracePeriodSeconds: 1,
        containers: [
          {
            name: 'main',
            image: 'node',
            args: [listening],
            env: [{name: 'IP', valueFrom: {fieldRef: {fieldPath: 'status.podIP'}}}],
            lifecycle: {preStop: {httpGet: {path, port: 8000}}},
          },
        ],
      });
      await when(name, isReady, 'Ready');
      await firstLines(client.podLogs({name, namespace}, {follow: true}), 1);
      const log = logs(name, {follow: true});
      await pods.delete({name, namespace});
      await waitForDeletion(pods, {name, namespace}, {timeoutMs: 60_000});
      const isHook = ({regarding, reason}: DeepReadonly<Event>): boolean =>
        regarding?.name === name && reason === 'FailedPreStopHook';
      const told = await waitFor(client.kind(kinds.Event), (all) => all.some(isHook), {namespace, timeoutMs: 60_000});
      expect(told.find(isHook)?.note).toContain(path === '/no' ? 'statuscode: 409' : 'abort');
      expect(await log).toBe('up\nterm\n');
    }
  });

  test('a grace period that is shortened on the way counts', async () => {
    const name = await createPod({
      terminationGracePeriodSeconds: 3600,
      initContainers: [
        {
          name: 'sidecar',
          image: 'node',
          args: ["process.on('SIGTERM', () => {}); console.log('up'); setInterval(() => {}, 1000)"],
          restartPolicy: 'Always',
        },
      ],
      containers: [{name: 'main', image: 'server'}],
    });
    await when(name, isReady, 'Ready');
    await firstLines(client.podLogs({name, namespace}, {container: 'sidecar', follow: true}), 1);
    const worker = agent.worker(namespace, name)!;
    await pods.delete({name, namespace});
    await worker.container('main')!.ended();
    await pods.delete({name, namespace}, {gracePeriodSeconds: 1});
    await worker.done;
    expect(existsSync(worker.directory)).toBe(false);
  });

  test('a Pod whose object is gone at once leaves no process', async () => {
    const name = await createPod({containers: [{name: 'main', image: 'server'}]});
    await when(name, isReady, 'Ready');
    const worker = agent.worker(namespace, name)!;
    const pid = worker.container('main')!.pid!;
    await pods.delete({name, namespace}, {gracePeriodSeconds: 0});
    await worker.done;
    expect(() => process.kill(pid, 0)).toThrow('ESRCH');
  });

  test('a container that is added for debugging runs once, beside the others', async () => {
    const name = await createPod({containers: [{name: 'main', image: 'server', env: [{name: 'NAME', value: 'main'}]}]});
    await when(name, isReady, 'Ready');
    const ephemeralContainers = [
      {name: 'debug', image: 'busybox', command: ['sh', '-c', 'echo looked; exit 3'], targetContainerName: 'main'},
      {name: 'unknown', image: 'busybox'},
    ];
    await client.transport.request({
      method: 'PATCH',
      path: `/api/v1/namespaces/${namespace}/pods/${name}/ephemeralcontainers`,
      contentType: 'application/strategic-merge-patch+json',
      body: {spec: {ephemeralContainers}},
    });
    const debugged = await when(
      name,
      ({status}) => {
        const [first, second] = status?.ephemeralContainerStatuses ?? [];
        return first?.state?.terminated !== undefined && second?.state?.waiting?.reason === 'ErrImagePull';
      },
      'debugged',
    );
    expect(debugged.status).toMatchObject({
      phase: 'Running',
      ephemeralContainerStatuses: [
        {name: 'debug', restartCount: 0, state: {terminated: {exitCode: 3}}},
        {name: 'unknown'},
      ],
    });
    expect(isReady(debugged)).toBe(true);
    expect(await logs(name, {container: 'debug'})).toBe('looked\n');
  });

  test('an idle node asks the API server for nothing', async () => {
    const controlPlane = await sharedControlPlane();
    const name = await createPod({containers: [{name: 'main', image: 'server'}]});
    await when(name, isReady, 'Ready');
    const mark = await controlPlane.auditMark();
    // Time enough for anything that follows a change on its heels.
    await when(
      await createPod({restartPolicy: 'Never', containers: [{name: 'main', image: 'sh', args: ['sleep 0.5']}]}),
      ({status}) => status?.phase === 'Succeeded',
      'over',
    );
    const audited = await controlPlane.auditEvents(mark);
    const mine = audited.filter(
      ({user, verb, objectRef}) =>
        user.username === `system:node:${namespace}` && verb !== 'watch' && objectRef?.name === name,
    );
    expect(mine).toEqual([]);
  });
});

async function firstLines(source: AsyncIterable<Uint8Array>, count: number): Promise<string[]> {
  const lines: string[] = [];
  for await (const line of source) {
    lines.push(Buffer.from(line).toString().trimEnd());
    if (lines.length === count) break;
  }
  return lines;
}
