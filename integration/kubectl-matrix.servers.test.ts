import {type ChildProcessWithoutNullStreams, spawn} from 'node:child_process';
import {once} from 'node:events';
import {mkdir, mkdtemp, readFile, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterAll, beforeAll, expect, jest, test} from '@jest/globals';
import {type CommandResult, command} from '@kruntimes/command';
import {type ControlPlaneAccess, sharedControlPlane} from '@kruntimes/reconciler-kit/testing';
import {kubectlDescribe} from './support/kubectl.ts';
import {kubectlPrograms} from './support/kubectl-versions.ts';
import {type LocalNode, startLocalNode} from './support/local-node.ts';

// A test runs up to twenty programs, on a machine that may have other things to do.
jest.setTimeout(600_000);

const TARGET_PORT = 18_193;
/** Writes a line for each request. */
const program = `
  console.log('serving');
  require('http').createServer((request, response) => {
    console.log('asked for ' + request.url);
    response.end('answer');
  }).listen(${TARGET_PORT}, process.env.POD_IP);`;

let controlPlane: ControlPlaneAccess;
let directory: string;
/** For logs, port-forward, exec, attach and cp. */
let node: LocalNode;

beforeAll(async () => {
  controlPlane = await sharedControlPlane();
  directory = await mkdtemp(join(tmpdir(), 'kubectl-'));
  node = await startLocalNode(controlPlane, {
    images: {
      server: [process.execPath, '-e', program],
      echo: ['sh', '-c', 'while read line; do echo "read $line"; done'],
    },
    spec: {
      containers: [
        {
          name: 'main',
          image: 'server',
          env: [{name: 'POD_IP', valueFrom: {fieldRef: {fieldPath: 'status.podIP'}}}],
          readinessProbe: {tcpSocket: {port: TARGET_PORT}, periodSeconds: 1},
          volumeMounts: [{name: 'data', mountPath: '/data'}],
        },
        {name: 'echo', image: 'echo', stdin: true},
      ],
      volumes: [{name: 'data', emptyDir: {}}],
    },
  });
}, 180_000);

afterAll(async () => {
  await node?.[Symbol.asyncDispose]();
  await rm(directory, {recursive: true, force: true});
});

/** A definition of which each release has its own, so that none waits for another. */
function definition(group: string): object {
  const text = {type: 'string'};
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: {name: `crontabs.${group}`},
    spec: {
      group,
      scope: 'Namespaced',
      names: {plural: 'crontabs', singular: 'crontab', kind: 'CronTab', shortNames: ['ct'], categories: ['all']},
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          subresources: {
            status: {},
            scale: {specReplicasPath: '.spec.replicas', statusReplicasPath: '.status.replicas'},
          },
          additionalPrinterColumns: [
            {name: 'Spec', type: 'string', jsonPath: '.spec.cronSpec'},
            {name: 'Replicas', type: 'integer', jsonPath: '.spec.replicas', priority: 1},
            {name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp'},
          ],
          selectableFields: [{jsonPath: '.spec.color'}],
          schema: {
            openAPIV3Schema: {
              type: 'object',
              description: 'A table of times.',
              properties: {
                spec: {
                  type: 'object',
                  description: 'What is done when.',
                  required: ['cronSpec'],
                  properties: {
                    cronSpec: {type: 'string', description: 'When it is done.'},
                    replicas: {type: 'integer', format: 'int32', default: 1},
                    color: text,
                  },
                },
                status: {type: 'object', properties: {replicas: {type: 'integer'}, phase: text}},
              },
            },
          },
        },
      ],
    },
  };
}

kubectlDescribe.each(kubectlPrograms())('kubectl $name', ({name, path}) => {
  const group = `${name.replace('.', '-')}.kubectl.example.com`;
  const resource = `crontabs.${group}`;
  let namespace: string;
  let home: string;

  const crontab = (of: string, spec: object, labels = {app: 'x'}): string =>
    JSON.stringify({apiVersion: `${group}/v1`, kind: 'CronTab', metadata: {name: of, labels}, spec});
  const environment = (): NodeJS.ProcessEnv => ({...process.env, HOME: home, KUBECONFIG: controlPlane.kubeconfigPath});

  async function attempt(args: readonly string[], input?: string, env: NodeJS.ProcessEnv = {}): Promise<CommandResult> {
    const inNamespace = args.includes('--namespace') ? args : ['--namespace', namespace, ...args];
    return await command(path, inNamespace, {
      env: {...environment(), ...env},
      timeoutMs: 120_000,
      ...(input !== undefined && {input}),
    });
  }

  /** What it prints on standard output; it must have done what it was asked for. */
  async function kubectl(args: string, input?: string, env?: NodeJS.ProcessEnv): Promise<string> {
    const result = await attempt(args.split(' '), input, env);
    if (result.code !== 0) throw new Error(`kubectl ${args}: ${result.stderr}${result.stdout}`);
    return result.stdout;
  }

  /** Columns of a printed table, without its head. */
  async function rows(args: string): Promise<string[][]> {
    return (await kubectl(`${args} --no-headers`))
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => line.split(/\s{2,}/));
  }

  const field = async (what: string, jsonPath: string): Promise<string> =>
    await kubectl(`get ${what} -o jsonpath={${jsonPath}}`);

  beforeAll(async () => {
    home = await mkdtemp(join(directory, 'home-'));
    namespace = await controlPlane.createNamespace();
    await kubectl('apply -f -', JSON.stringify(definition(group)));
    await kubectl(`wait --for condition=established crd/${resource} --timeout=60s`);
    // kubectl refuses what the document does not have, and a server publishes it when it gets to it.
    await waitUntil(async () => (await attempt(['explain', resource])).code === 0);
  }, 180_000);

  afterAll(async () => {
    await attempt(['delete', 'crd', resource, '--wait=false']);
  }, 120_000);

  test('version, api-versions and api-resources', async () => {
    const version = JSON.parse(await kubectl('version -o json')) as {serverVersion: {major: string; minor: string}};
    expect(version.serverVersion).toMatchObject({major: '1', minor: expect.stringMatching(/^\d+$/)});
    expect((await kubectl('api-versions')).split('\n')).toEqual(
      expect.arrayContaining(['v1', 'apps/v1', 'rbac.authorization.k8s.io/v1', `${group}/v1`]),
    );
    const [crontabs] = await rows(`api-resources --api-group=${group}`);
    expect(crontabs).toEqual(['crontabs', 'ct', `${group}/v1`, 'true', 'CronTab']);
    const core = await kubectl('api-resources --api-group= --namespaced=true -o name');
    expect(core.split('\n')).toEqual(expect.arrayContaining(['configmaps', 'events', 'pods', 'secrets', 'services']));
  });

  test('explain', async () => {
    const custom = await kubectl(`explain ${resource}.spec`);
    expect(custom).toContain('What is done when.');
    expect(custom).toMatch(/cronSpec\s+<string> -required-\s+When it is done\./);
    expect(await kubectl('explain deployment.spec.template.spec.containers')).toMatch(/image\s+<string>/);
    expect(await kubectl('explain pods --recursive')).toMatch(/initContainers\s+<\[\]Container>/);
  });

  test('create, and create what is there already', async () => {
    expect(await kubectl('create -f -', crontab('created', {cronSpec: '* *'}))).toBe(
      `crontab.${group}/created created\n`,
    );
    expect(await attempt(['create', '-f', '-'], crontab('created', {cronSpec: '* *'}))).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(`crontabs.${group} "created" already exists`),
    });
    // The server validates fields, and says which one is not known.
    expect(await attempt(['create', '-f', '-'], crontab('wrong', {cronSpec: '* *', crnSpec: 1}))).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('unknown field "spec.crnSpec"'),
    });
    expect(await attempt(['create', '-f', '-'], crontab('wrong', {}))).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('spec.cronSpec: Required value'),
    });
    expect(await attempt(['create', '-f', '-'], '{"apiVersion":"v1","kind":')).toMatchObject({code: 1});
  });

  test('create of built-in kinds', async () => {
    expect(await kubectl('create configmap made --from-literal=a=b')).toBe('configmap/made created\n');
    expect(await kubectl('create secret generic made --from-literal=a=b')).toBe('secret/made created\n');
    expect(await kubectl('create serviceaccount made')).toBe('serviceaccount/made created\n');
    expect(await kubectl('create deployment made --image=nginx')).toBe('deployment.apps/made created\n');
    expect(await kubectl('create service clusterip made --tcp=80')).toBe('service/made created\n');
    expect(await kubectl('create role made --verb=get,list --resource=pods')).toBe(
      'role.rbac.authorization.k8s.io/made created\n',
    );
    expect(await kubectl(`create rolebinding made --role=made --serviceaccount=${namespace}:made`)).toBe(
      'rolebinding.rbac.authorization.k8s.io/made created\n',
    );
    expect(await kubectl(`create namespace ${namespace}-made`)).toBe(`namespace/${namespace}-made created\n`);
    expect(await kubectl('create token made')).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+\n?$/);
    expect(await kubectl('run made --image=nginx')).toBe('pod/made created\n');
    expect(await rows('get configmap/made secret/made serviceaccount/made')).toHaveLength(3);
    expect(await field('configmap made', '.data.a')).toBe('b');
    expect(await field('deployment made', '.spec.strategy.rollingUpdate.maxSurge')).toBe('25%');
    expect((await kubectl(`delete namespace ${namespace}-made --wait=false`)).startsWith('namespace ')).toBe(true);
  });

  test('apply, diff, and apply again', async () => {
    const first = crontab('applied', {cronSpec: '* *', replicas: 2});
    const second = crontab('applied', {cronSpec: '1 *', color: 'red'});
    expect(await kubectl('apply -f -', first)).toBe(`crontab.${group}/applied created\n`);
    expect(await kubectl('apply -f -', first)).toBe(`crontab.${group}/applied unchanged\n`);
    expect(await attempt(['diff', '-f', '-'], first)).toMatchObject({code: 0, stdout: ''});
    const diff = await attempt(['diff', '-f', '-'], second);
    expect(diff.code).toBe(1);
    expect(diff.stdout).toMatch(/^-\s+cronSpec: '\* \*'$/m);
    expect(diff.stdout).toMatch(/^\+\s+cronSpec: 1 \*$/m);
    expect(await kubectl('apply -f - --dry-run=server', second)).toContain('(server dry run)');
    expect(await kubectl('apply -f -', second)).toBe(`crontab.${group}/applied configured\n`);
    // What was applied and is not any more is taken away: the default comes back.
    expect(await field('ct applied', '.spec')).toBe('{"color":"red","cronSpec":"1 *","replicas":1}');
  });

  test('apply of a built-in kind merges lists', async () => {
    const service = (ports: object[]): string =>
      JSON.stringify({apiVersion: 'v1', kind: 'Service', metadata: {name: 'ports'}, spec: {clusterIP: 'None', ports}});
    const [http, https] = [
      {name: 'http', port: 80},
      {name: 'https', port: 443},
    ];
    expect(await kubectl('apply -f -', service([http]))).toBe('service/ports created\n');
    await kubectl('patch service ports -p {"spec":{"ports":[{"name":"other","port":81}]}}');
    expect(await kubectl('apply -f -', service([http, https]))).toBe('service/ports configured\n');
    expect((await field('service ports', '.spec.ports[*].port')).split(' ').sort()).toEqual(['443', '80', '81']);
  });

  test('apply --server-side, conflicts and force', async () => {
    const mine = crontab('owned', {cronSpec: '* *', color: 'red'});
    const theirs = crontab('owned', {cronSpec: '* *', color: 'blue'});
    const apply = ['apply', '--server-side', '-f', '-'];
    expect(await attempt(apply, mine)).toMatchObject({stdout: `crontab.${group}/owned serverside-applied\n`});
    const refused = await attempt([...apply, '--field-manager=other'], theirs);
    expect(refused).toMatchObject({code: 1, stderr: expect.stringContaining('conflict with "kubectl"')});
    expect(refused.stderr).toContain('.spec.color');
    expect(await attempt([...apply, '--field-manager=other', '--force-conflicts'], theirs)).toMatchObject({code: 0});
    expect(await field('ct owned', '.spec.color')).toBe('blue');
    expect(await field('ct owned --show-managed-fields', '.metadata.managedFields[*].manager')).toContain('other');
  });

  test('edit', async () => {
    await kubectl('create -f -', crontab('edited', {cronSpec: '* *', color: 'red'}));
    const env = {KUBE_EDITOR: 'sed -i s/red/green/'};
    expect(await kubectl('edit ct edited', undefined, env)).toBe(`crontab.${group}/edited edited\n`);
    expect(await field('ct edited', '.spec.color')).toBe('green');
  });

  test('patch', async () => {
    await kubectl('create -f -', crontab('patched', {cronSpec: '* *'}));
    expect(await kubectl('patch ct patched --type=merge -p {"spec":{"replicas":4}}')).toBe(
      `crontab.${group}/patched patched\n`,
    );
    await kubectl('patch ct patched --type=json -p [{"op":"add","path":"/spec/color","value":"red"}]');
    await kubectl('patch ct patched --subresource=status --type=merge -p {"status":{"phase":"On"}}');
    expect(await field('ct patched', '.spec.replicas')).toBe('4');
    expect(await field('ct patched', '.status.phase')).toBe('On');
    expect(await attempt(['patch', 'ct', 'patched', '-p', '{"spec":{"replicas":5}}'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('strategic-merge-patch+json is not supported'),
    });
    await kubectl('create deployment patched --image=nginx');
    await kubectl(
      'patch deployment patched -p {"spec":{"template":{"spec":{"containers":[{"name":"more","image":"x"}]}}}}',
    );
    expect(await field('deployment patched', '.spec.template.spec.containers[*].name')).toBe('more nginx');
    expect(await kubectl('set image deployment/patched nginx=other')).toBe('deployment.apps/patched image updated\n');
  });

  test('label and annotate', async () => {
    await kubectl('create configmap marked');
    expect(await kubectl('label configmap marked tier=front')).toBe('configmap/marked labeled\n');
    expect(await attempt(['label', 'configmap', 'marked', 'tier=back'])).toMatchObject({code: 1});
    await kubectl('label configmap marked tier=back --overwrite');
    expect(await kubectl('annotate configmap marked note=x')).toBe('configmap/marked annotated\n');
    expect(await field('configmap marked', '.metadata.labels.tier')).toBe('back');
    await kubectl('label configmap marked tier-');
    expect(await field('configmap marked', '.metadata.labels')).toBe('');
  });

  test('replace', async () => {
    await kubectl('create -f -', crontab('replaced', {cronSpec: '* *', color: 'red'}));
    expect(await kubectl('replace -f -', crontab('replaced', {cronSpec: '2 *'}))).toBe(
      `crontab.${group}/replaced replaced\n`,
    );
    expect(await field('ct replaced', '.spec')).toBe('{"cronSpec":"2 *","replicas":1}');
    const file = join(home, 'stale.json');
    await writeFile(file, await kubectl('get ct replaced -o json'));
    await kubectl('patch ct replaced --type=merge -p {"spec":{"replicas":9}}');
    expect(await attempt(['replace', '-f', file])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('the object has been modified'),
    });
  });

  test('get: tables, formats, selectors and chunks', async () => {
    const each = [1, 2, 3, 4, 5];
    const list = each.map((index) =>
      crontab(`listed-${index}`, {cronSpec: `${index} *`, color: `c${index % 2}`}, {app: 'list'}),
    );
    await kubectl('create -f -', `{"apiVersion":"v1","kind":"List","items":[${list.join()}]}`);
    const head = (await kubectl('get ct -l app=list')).split('\n')[0]!;
    expect(head.split(/\s+/)).toEqual(['NAME', 'SPEC', 'AGE']);
    const wide = await rows('get ct -l app=list -o wide');
    expect(wide.map((row) => row.slice(0, 3))).toEqual(each.map((index) => [`listed-${index}`, `${index} *`, '1']));
    expect(wide[0]![3]).toMatch(/^\d+[smh]/);
    expect(await kubectl('get ct -l app=list --chunk-size=2 -o name')).toBe(
      each.map((index) => `crontab.${group}/listed-${index}\n`).join(''),
    );
    expect(await rows('get ct -l app=list --chunk-size=2')).toHaveLength(5);
    expect(await kubectl('get ct --field-selector spec.color=c1,metadata.name!=listed-1 -o name')).toBe(
      `crontab.${group}/listed-3\ncrontab.${group}/listed-5\n`,
    );
    expect(await kubectl('get ct -l app=list --sort-by=.spec.cronSpec -o jsonpath={.items[-1].metadata.name}')).toBe(
      'listed-5',
    );
    expect(await kubectl('get ct listed-1 -o yaml')).toContain('cronSpec: 1 *');
    expect(JSON.parse(await kubectl('get ct listed-1 -o json'))).toMatchObject({spec: {cronSpec: '1 *', replicas: 1}});
    expect(await kubectl('get all')).toContain(`crontab.${group}/listed-1`);
    expect(await attempt(['get', 'ct', 'nope'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(`Error from server (NotFound): crontabs.${group} "nope" not found`),
    });
    expect(await attempt(['get', 'ct', '-l', 'a b'])).toMatchObject({code: 1});
    expect(await kubectl('get --raw /readyz')).toBe('ok');
  });

  test('get -w', async () => {
    await kubectl('create configmap watched --from-literal=a=b');
    const watching = following(['get', 'configmap', '-w', '-o', 'name', '--field-selector', 'metadata.name=watched']);
    await watching.until(/configmap\/watched\n/);
    await kubectl('label configmap watched x=y');
    await watching.until(/configmap\/watched\nconfigmap\/watched\n/);
    expect(await watching.stop()).toBe('configmap/watched\n'.repeat(2));
    const table = following(['get', 'configmap', '-w', '--output-watch-events', '-l', 'x=y']);
    await table.until(/ADDED\s+watched/);
    await kubectl('label configmap watched x-');
    await table.until(/DELETED\s+watched/);
    await table.stop();
  });

  test('describe', async () => {
    await kubectl('create -f -', crontab('described', {cronSpec: '* *'}));
    const described = await kubectl('describe ct described');
    expect(described).toMatch(/^API Version:\s+1-\d+\.kubectl\.example\.com\/v1$/m);
    expect(described).toMatch(/Cron Spec:\s+\* \*/);
    expect(described).toMatch(/^Events:\s+<none>$/m);
    await kubectl('create configmap described --from-literal=key=value');
    expect(await kubectl('describe configmap described')).toContain('value');
    await kubectl('create deployment described --image=nginx');
    expect(await kubectl('describe deployment described')).toMatch(/^StrategyType:\s+RollingUpdate$/m);
    expect(await kubectl(`describe namespace ${namespace}`)).toMatch(/^Status:\s+Active$/m);
  });

  test('wait', async () => {
    await kubectl('create -f -', crontab('awaited', {cronSpec: '* *'}));
    const waiting = kubectl('wait ct/awaited --for=jsonpath={.status.phase}=Done --timeout=90s');
    await kubectl('patch ct awaited --subresource=status --type=merge -p {"status":{"phase":"Done"}}');
    expect(await waiting).toBe(`crontab.${group}/awaited condition met\n`);
    const deleted = kubectl('wait ct/awaited --for=delete --timeout=90s');
    await kubectl('delete ct awaited');
    // Some releases say nothing of what was gone before they looked.
    expect(['', `crontab.${group}/awaited condition met\n`]).toContain(await deleted);
    expect(await attempt(['wait', `crd/${resource}`, '--for=condition=Nope', '--timeout=1s'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('timed out'),
    });
  });

  test('delete and its ways to treat dependents', async () => {
    const finalizers = '.metadata.finalizers';
    for (const each of ['background', 'orphan', 'foreground']) {
      await kubectl(`create configmap ${each}`);
      // Something else holds it, so that what the server did can be seen.
      await kubectl(`patch configmap ${each} --type=merge -p {"metadata":{"finalizers":["example.com/hold"]}}`);
      expect(await kubectl(`delete configmap ${each} --cascade=${each} --wait=false`)).toContain(`"${each}" deleted`);
    }
    expect(await field('configmap background', finalizers)).toBe('["example.com/hold"]');
    expect(await field('configmap orphan', finalizers)).toContain('"orphan"');
    expect(await field('configmap foreground', finalizers)).toContain('"foregroundDeletion"');
    for (const each of ['background', 'orphan', 'foreground']) {
      await kubectl(`patch configmap ${each} --type=merge -p {"metadata":{"finalizers":null}}`);
    }
    await kubectl('create configmap gone-1');
    await kubectl('create configmap gone-2');
    await kubectl('label configmap gone-1 gone-2 gone=yes');
    await kubectl('delete configmap -l gone=yes');
    expect(await kubectl('get configmap -l gone=yes -o name')).toBe('');
    expect(await attempt(['delete', 'configmap', 'gone-1'])).toMatchObject({code: 1});
    expect(await kubectl('delete configmap gone-1 --ignore-not-found')).toBe('');
  });

  test('scale', async () => {
    await kubectl('create -f -', crontab('scaled', {cronSpec: '* *', replicas: 2}));
    expect(await kubectl('scale ct scaled --replicas=5 --current-replicas=2')).toBe(`crontab.${group}/scaled scaled\n`);
    expect(await field('ct scaled', '.spec.replicas')).toBe('5');
    expect(await attempt(['scale', 'ct', 'scaled', '--replicas=6', '--current-replicas=2'])).toMatchObject({code: 1});
    await kubectl('create deployment scaled --image=nginx');
    expect(await kubectl('scale deployment scaled --replicas=3')).toBe('deployment.apps/scaled scaled\n');
    expect(await field('deployment scaled', '.spec.replicas')).toBe('3');
  });

  test('auth can-i and auth whoami', async () => {
    await kubectl('create serviceaccount reader');
    await kubectl('create role reader --verb=get --resource=pods');
    await kubectl(`create rolebinding reader --role=reader --serviceaccount=${namespace}:reader`);
    const asReader = `--as=system:serviceaccount:${namespace}:reader`;
    expect(await kubectl('auth can-i create pods')).toBe('yes\n');
    // A rule holds as soon as the server has seen it.
    await waitUntil(async () => (await attempt(['auth', 'can-i', 'get', 'pods', asReader])).stdout === 'yes\n');
    expect(await attempt(['auth', 'can-i', 'delete', 'pods', asReader])).toMatchObject({code: 1, stdout: 'no\n'});
    expect(await kubectl(`auth can-i --list ${asReader}`)).toMatch(/^pods\s+\[\]\s+\[\]\s+\[get\]$/m);
    const whoami = JSON.parse(await kubectl('auth whoami -o json')) as {status: {userInfo: {groups: string[]}}};
    expect(whoami.status.userInfo.groups).toEqual(expect.arrayContaining(['system:masters', 'system:authenticated']));
    expect(await attempt(['get', 'secrets', asReader])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(
        `Error from server (Forbidden): secrets is forbidden: User "system:serviceaccount:${namespace}:reader" cannot list resource "secrets"`,
      ),
    });
  });

  test('events', async () => {
    await kubectl('create configmap eventful');
    const uid = await field('configmap eventful', '.metadata.uid');
    const time = '2026-01-01T00:00:00Z';
    const event = {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: {name: 'happened', namespace},
      involvedObject: {apiVersion: 'v1', kind: 'ConfigMap', name: 'eventful', namespace, uid},
      reason: 'Happened',
      message: 'something happened',
      type: 'Normal',
      firstTimestamp: time,
      lastTimestamp: time,
      count: 1,
      source: {component: 'test'},
    };
    await kubectl('create -f -', JSON.stringify(event));
    expect(await kubectl('events --for configmap/eventful')).toContain('something happened');
    expect(await kubectl('get events --field-selector reason=Happened')).toMatch(
      /Normal\s+Happened\s+configmap\/eventful/,
    );
    expect(await kubectl('describe configmap eventful')).toContain('something happened');
    expect(await kubectl('get events.events.k8s.io happened -o jsonpath={.note}')).toBe('something happened');
  });

  test('logs -f and port-forward', async () => {
    const inNode = ['--namespace', node.namespace];
    const log = following([...inNode, 'logs', '-f', 'target', '-c', 'main']);
    await log.until(/serving\n/);
    const forward = following([...inNode, 'port-forward', 'pod/target', `:${TARGET_PORT}`]);
    const [, port] = await forward.until(/Forwarding from 127\.0\.0\.1:(\d+)/);
    const page = `/${namespace}`;
    const response = await fetch(`http://127.0.0.1:${port}${page}`, {headers: {connection: 'close'}});
    expect(await response.text()).toBe('answer');
    await log.until(new RegExp(`asked for ${page}\n`));
    await Promise.all([log.stop(), forward.stop()]);
    expect(await kubectl(`--namespace ${node.namespace} logs target -c main --tail=1`)).toMatch(/^asked for /);
  });

  test('exec', async () => {
    const exec = ['--namespace', node.namespace, 'exec', '-i', 'target', '-c', 'main', '--'];
    const talk = await attempt([...exec, 'sh', '-c', 'cat; echo "an error" >&2'], 'what comes in');
    expect(talk).toEqual({code: 0, stdout: 'what comes in', stderr: 'an error\n'});
    const failed = await attempt([...exec, 'sh', '-c', 'exit 3']);
    expect(failed).toMatchObject({code: 3, stderr: expect.stringContaining('exit code 3')});
    const missing = await attempt([...exec, 'no-such-program']);
    expect(missing).toMatchObject({code: 1, stderr: expect.stringContaining('executable file not found in $PATH')});
    const many = await attempt([...exec, 'head', '-c', '3000000', '/dev/zero']);
    expect([many.code, many.stdout.length]).toEqual([0, 3_000_000]);
    expect(await attempt([...exec.with(3, 'nobody'), 'true'])).toMatchObject({code: 1});
  });

  test('exec -it: a terminal of the size of the own one', async () => {
    const inside = 'stty size; test -t 2 && echo terminal; read line; echo "got $line"; exit 5';
    const line = `stty rows 41 cols 99; exec ${path} --namespace ${node.namespace} exec -it target -c main -- sh -c '${inside}'`;
    const typed = await command('script', ['-qefc', line, '/dev/null'], {
      env: {...environment(), SHELL: '/bin/sh'},
      input: 'typed\n',
      timeoutMs: 120_000,
    });
    expect(typed.stdout).toMatch(/41 99\r\n/);
    expect(typed.stdout).toMatch(/terminal\r\n/);
    expect(typed.stdout).toMatch(/got typed\r\n/);
    expect(typed.code).toBe(5);
  });

  test('attach', async () => {
    const attached = following(['--namespace', node.namespace, 'attach', '-i', 'target', '-c', 'echo']);
    attached.type(`${name}\n`);
    await attached.until(new RegExp(`read ${name}\n`));
    await attached.stop();
    expect(await kubectl(`--namespace ${node.namespace} logs target -c echo`)).toContain(`read ${name}\n`);
  });

  test('debug', async () => {
    const container = `debug-${name.replace('.', '-')}`;
    const debug = ['debug', 'target', '--image=busybox', '--target=main', `--container=${container}`, '-i', '--quiet'];
    const inNode = ['--namespace', node.namespace, ...debug, '--', 'sh', '-c', 'read line; echo "looked at $line"'];
    const debugging = following(inNode);
    debugging.type('all\n');
    await debugging.until(/looked at all\n/);
    expect(await debugging.stop()).toContain('looked at all\n');
  });

  test('debug -it', async () => {
    const container = `terminal-${name.replace('.', '-')}`;
    const debug = `debug target --image=busybox --target=main --container=${container} -it --quiet`;
    const inside = 'test -t 0 && echo terminal; read line; echo "got $line"';
    const line = `exec ${path} --namespace ${node.namespace} ${debug} -- sh -c '${inside}'`;
    const typed = await command('script', ['-qefc', line, '/dev/null'], {
      env: {...environment(), SHELL: '/bin/sh'},
      input: 'typed\n',
      timeoutMs: 120_000,
    });
    expect(typed.stdout).toMatch(/got typed\r\n/);
  });

  test('cp, both ways', async () => {
    const files = join(home, 'files');
    await mkdir(join(files, 'deep'), {recursive: true});
    await writeFile(join(files, 'deep', 'file'), name.repeat(50_000));
    const pod = `${node.namespace}/target`;
    await kubectl(`--namespace ${node.namespace} cp ${files} ${pod}:/data/${name} -c main`);
    await kubectl(`--namespace ${node.namespace} cp ${pod}:/data/${name}/deep ${home}/back -c main`);
    expect(await readFile(join(home, 'back', 'file'), 'utf8')).toBe(name.repeat(50_000));
    await kubectl(`--namespace ${node.namespace} cp ${pod}:/data/${name}/deep/file ${home}/one -c main`);
    expect(await readFile(join(home, 'one'), 'utf8')).toBe(name.repeat(50_000));
  });

  /** A kubectl that runs until it is stopped; then it gives what it has printed. */
  function following(args: readonly string[]): {
    type: (text: string) => void;
    until: (pattern: RegExp) => Promise<RegExpExecArray>;
    stop: () => Promise<string>;
  } {
    const inNamespace = args.includes('--namespace') ? args : ['--namespace', namespace, ...args];
    const child: ChildProcessWithoutNullStreams = spawn(path, inNamespace, {env: environment()});
    const closed = once(child, 'close');
    let output = '';
    let look = (): void => {};
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        output += chunk.toString();
        look();
      });
    }
    return {
      type: (text) => void child.stdin.write(text),
      until: async (pattern) =>
        await new Promise((resolve, reject) => {
          look = () => {
            const found = pattern.exec(output);
            if (found) resolve(found);
          };
          void closed.then(() => reject(new Error(`kubectl ${args.join(' ')} ended: ${output}`)));
          look();
        }),
      stop: async () => {
        child.kill();
        await closed;
        return output;
      },
    };
  }
});

/** Asks again until it is so; the test's own time limit ends it. */
async function waitUntil(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise((resolve) => setTimeout(resolve, 100));
}
