import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {readFile} from 'node:fs/promises';
import {join} from 'node:path';
import {createInterface} from 'node:readline';
import {fileURLToPath} from 'node:url';
import {afterAll, beforeAll, describe, expect, test} from '@jest/globals';
import {command} from '@kruntimes/command';
import {ImageArchive} from '@kruntimes/images/image-archive';
import {IMAGES} from '@kruntimes/images/images';
import {type SpdxDocument, spdxProblems} from '@kruntimes/images/spdx';
import {kinds} from '@kruntimes/reconciler-kit';
import {waitForObject} from '@kruntimes/reconciler-kit/testing';
import type {Container, Pod} from 'kubernetes-types/core/v1.d.ts';
import {patient, World} from './support/world.ts';

const dist = fileURLToPath(new URL('../deploy/images/dist/', import.meta.url));
const node = '/usr/local/bin/node';
/** Of one test or set-up: nothing is judged by it. */
const limitMs = 600_000;

describe.each(IMAGES)('$name', ({name, target, packages, maxMebibytes}) => {
  let archive: ImageArchive;
  beforeAll(async () => {
    archive = await ImageArchive.open(join(dist, `${name}.tar`));
  }, limitMs);

  test('nobody is root in it, and its program is the first process or below tini', () => {
    const {User, Entrypoint, Labels} = archive.config.config;
    const first = target === 'system' ? ['/usr/bin/tini', '--'] : [];
    expect({User, Entrypoint}).toEqual({User: '65532:65532', Entrypoint: [...first, node, '/app/dist/main.js']});
    expect(Labels).toMatchObject({
      'org.opencontainers.image.title': expect.stringMatching(/./),
      'org.opencontainers.image.version': expect.stringMatching(/^\d+\.\d+\.\d+/),
      'org.opencontainers.image.revision': expect.stringMatching(/^[0-9a-f]{40}$/),
      'org.opencontainers.image.licenses': 'Apache-2.0',
      'org.opencontainers.image.source': 'https://github.com/kruntimes/kruntimes',
    });
  });

  test('no file makes its reader somebody else, and none can be changed by everybody', () => {
    const files = [...archive.files.values()].filter(({type}) => type !== 'l');
    const dangerous = files.filter(
      ({type, mode}) =>
        (type !== 'd' && (mode & 0o6000) !== 0) ||
        // Others can't take away what somebody has in /tmp.
        ((mode & 0o002) !== 0 && !(type === 'd' && (mode & 0o1000) !== 0)),
    );
    expect(dangerous).toEqual([]);
    const owned = files.filter(({uid}) => uid === 65_532).map(({path}) => path);
    expect(owned).toEqual(['home/nonroot']);
  });

  test('it is as small as it may be, and without what only its making needed', () => {
    expect(archive.sizeBytes).toBeLessThan(maxMebibytes * 2 ** 20);
    const paths = [...archive.files.values()].filter(({type}) => type === '-').map(({path}) => path);
    expect(paths.filter((path) => /^var\/(?:cache|lib\/apt\/lists|log)\/.|\.map$/.test(path))).toEqual([]);
    expect(paths).toContain('app/dist/main.js');
    expect(paths.some((path) => /^(?:usr\/)?bin\/(?:ba|da)?sh$/.test(path))).toBe(target === 'system');
  });

  test('its bill of materials is valid and has what is in it', async () => {
    const bill = JSON.parse(await readFile(join(dist, `${name}.spdx.json`), 'utf8')) as SpdxDocument;
    expect(spdxProblems(bill)).toEqual([]);
    expect(bill.documentNamespace).toContain(archive.id.replace('sha256:', ''));
    const names = bill.packages.map((each) => each.name);
    expect(names).toEqual(expect.arrayContaining([name, 'node', 'libc6', 'commander', ...packages]));
  });
});

describe('in a namespace with Pod Security restricted', () => {
  const namespace = 'images';
  let world: World;
  beforeAll(async () => {
    world = await World.open();
    await world.createNamespace(namespace);
  }, limitMs);
  afterAll(() => world?.close(), limitMs);

  const kubectl = async (...args: string[]): Promise<string> => {
    const {code, stdout, stderr} = await command('kubectl', [
      '--kubeconfig',
      world.cluster.kubeconfig,
      '-n',
      namespace,
      ...args,
    ]);
    if (code !== 0) throw new Error(`kubectl ${args.join(' ')} ended with ${code}: ${stderr}`);
    return stdout;
  };

  test(
    'the images run as they are meant to, and kubectl reaches what runs in them',
    async () => {
      const container = (name: string, more: Partial<Container>): Container => ({
        name: name.replace('kruntimes-', ''),
        image: `${name}:${world.version}`,
        imagePullPolicy: 'Never',
        securityContext: {readOnlyRootFilesystem: true, allowPrivilegeEscalation: false, capabilities: {drop: ['ALL']}},
        ...more,
      });
      const serve = `require('http').createServer((_, answer) => answer.end('served by ' + process.getuid())).listen(8080, () => console.log('listening'))`;
      const spec: Pod['spec'] = {
        securityContext: {runAsNonRoot: true, seccompProfile: {type: 'RuntimeDefault'}},
        terminationGracePeriodSeconds: 1,
        automountServiceAccountToken: false,
        restartPolicy: 'Never',
        volumes: ['run', 'workspace'].map((name) => ({name, emptyDir: {}})),
        // Their programs, as the images start them.
        initContainers: IMAGES.filter(({name}) => name !== 'kruntimes-bash-runtime').map(({name}) =>
          container(name, {name: `${name.replace('kruntimes-', '')}-version`, args: ['--version']}),
        ),
        containers: [
          container('kruntimes-controller', {
            command: [node, '-e', serve],
            readinessProbe: {httpGet: {path: '/', port: 8080}, periodSeconds: 1},
          }),
          container('kruntimes-runtimed', {command: ['tini', '--', 'sleep', 'infinity']}),
          container('kruntimes-bash-runtime', {
            env: [{name: 'KRUNTIME_SOCKET', value: '/run/kruntimes/runtime.sock'}],
            volumeMounts: [
              {name: 'run', mountPath: '/run/kruntimes'},
              {name: 'workspace', mountPath: '/workspace'},
            ],
            readinessProbe: {exec: {command: ['test', '-S', '/run/kruntimes/runtime.sock']}, periodSeconds: 1},
          }),
        ],
      };
      const pods = world.client.kind(kinds.Pod);
      await pods.create({metadata: {name: 'images', namespace}, spec});
      await world.reported(() =>
        waitForObject(
          pods,
          {namespace, name: 'images'},
          ({status}) => {
            if (status?.phase === 'Failed') throw new Error('a container has failed');
            return status?.conditions?.some(({type, status: is}) => type === 'Ready' && is === 'True') ?? false;
          },
          {...patient, description: 'Pod images ready'},
        ),
      );

      expect(await kubectl('logs', 'images', '-c', 'controller')).toBe('listening\n');
      expect(await kubectl('logs', 'images', '-c', 'krt-version')).toMatch(/\d+\.\d+\.\d+/);
      const versions = 'set -e; git --version; ssh -V 2>&1; test -s /etc/ssl/certs/ca-certificates.crt; id -u';
      expect(await kubectl('exec', 'images', '-c', 'runtimed', '--', 'sh', '-c', versions)).toMatch(
        /git version .*OpenSSH.*\n65532\n$/s,
      );
      const tools = 'for each in curl git jq ps tar unzip; do type -P "$each"; done; cat /proc/1/comm';
      const found = await kubectl('exec', 'images', '-c', 'bash-runtime', '--', 'bash', '-euc', tools);
      expect(found.trim().split('\n')).toEqual([
        ...['curl', 'git', 'jq', 'ps', 'tar', 'unzip'].map((each) => `/usr/bin/${each}`),
        'tini',
      ]);
      expect(await throughPortForward(world.cluster.kubeconfig, namespace)).toBe('served by 65532');
    },
    limitMs,
  );
});

/** What the first port of the Pod answers. */
async function throughPortForward(kubeconfig: string, namespace: string): Promise<string> {
  const args = ['--kubeconfig', kubeconfig, '-n', namespace, 'port-forward', 'images', ':8080'];
  const forward = spawn('kubectl', args, {stdio: ['ignore', 'pipe', 'inherit']});
  try {
    const [line] = (await once(createInterface(forward.stdout), 'line')) as [string];
    const [, port] = /127\.0\.0\.1:(\d+)/.exec(line) ?? [];
    return await (await fetch(`http://127.0.0.1:${port}/`)).text();
  } finally {
    const ended = once(forward, 'exit');
    forward.kill();
    await ended;
  }
}
