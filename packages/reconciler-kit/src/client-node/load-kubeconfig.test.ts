import {mkdir, mkdtemp, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {delimiter, join} from 'node:path';
import {afterEach, beforeEach, describe, expect, test} from '@jest/globals';
import {ManualClock} from '../testing/manual-clock.ts';
import {loadKubeconfig} from './index.ts';
import {kubeconfigPaths} from './kubeconfig.ts';

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'kubeconfig-'));
});

afterEach(async () => {
  await rm(directory, {recursive: true});
});

async function file(name: string, content: object | string): Promise<string> {
  const path = join(directory, name);
  await mkdir(join(path, '..'), {recursive: true});
  await writeFile(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}

/** A kubeconfig with one of each, all of that name. */
function named(name: string, user: object = {}, cluster: object = {}, context: object = {}): object {
  return {
    'current-context': name,
    contexts: [{name, context: {cluster: name, user: name, ...context}}],
    clusters: [{name, cluster: {server: `https://${name}:6443`, ...cluster}}],
    users: [{name, user}],
  };
}

const base64 = (text: string): string => Buffer.from(text).toString('base64');
const header = async (config: {authorization?(o: {refresh: boolean}): Promise<string | undefined>}) =>
  await config.authorization?.({refresh: false});

describe('where the kubeconfig is', () => {
  test.each([
    ['a path before everything', '/p', {KUBECONFIG: '/a'}, ['/p'], true],
    ['then KUBECONFIG', undefined, {KUBECONFIG: ['/a', '', '/b', '/a'].join(delimiter)}, ['/a', '/b'], false],
    ['then the home directory', undefined, {}, ['/home/u/.kube/config'], false],
    ['an empty KUBECONFIG is none', '', {KUBECONFIG: ''}, ['/home/u/.kube/config'], false],
  ] as const)('%s', (_, path, env, paths, required) => {
    expect(kubeconfigPaths(path, env, '/home/u')).toEqual({paths, required});
  });

  test('files of KUBECONFIG are merged, the first to say something wins, missing ones are passed over', async () => {
    const one = await file('one', {...named('one'), users: []});
    const two = await file('two', {
      ...named('two'),
      users: [
        {name: 'one', user: {token: 'from two'}},
        {name: 'two', user: {token: 'two'}},
      ],
      clusters: [
        {name: 'one', cluster: {server: 'https://not-this'}},
        {name: 'two', cluster: {server: 'https://two:6443'}},
      ],
    });
    const env = {KUBECONFIG: [join(directory, 'missing'), one, two].join(delimiter)};
    const config = await loadKubeconfig({env});
    expect(config.server).toBe('https://one:6443');
    await expect(header(config)).resolves.toBe('Bearer from two');
    expect((await loadKubeconfig({env, context: 'two'})).server).toBe('https://two:6443');
  });
});

describe('what it says', () => {
  test('certificates, from data before files, files relative to the kubeconfig', async () => {
    await file('pki/ca.crt', 'CA');
    await file('pki/key', 'KEY');
    const user = {
      'client-certificate': 'pki/not-there',
      'client-certificate-data': base64('CERT'),
      'client-key': 'pki/key',
    };
    const path = await file(
      'config',
      named('x', user, {'certificate-authority': 'pki/ca.crt', 'tls-server-name': 'n'}),
    );
    expect(await loadKubeconfig({path})).toEqual({
      server: 'https://x:6443',
      ca: 'CA',
      cert: 'CERT',
      key: 'KEY',
      tlsServerName: 'n',
      namespace: 'default',
    });
  });

  test('namespace of the option, of the context, or default', async () => {
    const path = await file('config', named('x', {}, {'insecure-skip-tls-verify': true}, {namespace: 'team'}));
    expect(await loadKubeconfig({path})).toMatchObject({namespace: 'team', insecureSkipTlsVerify: true});
    expect((await loadKubeconfig({path, namespace: 'other'})).namespace).toBe('other');
  });

  test('tokens, passwords and impersonation', async () => {
    const token = await loadKubeconfig({path: await file('token', named('x', {token: 't'}))});
    await expect(header(token)).resolves.toBe('Bearer t');
    const basic = await loadKubeconfig({path: await file('basic', named('x', {username: 'u', password: 'p'}))});
    await expect(header(basic)).resolves.toBe(`Basic ${base64('u:p')}`);
    const user = {as: 'jane', 'as-groups': ['dev', 'ops'], 'as-uid': '7', 'as-user-extra': {'a.b/c': ['d']}};
    expect((await loadKubeconfig({path: await file('as', named('x', user))})).headers).toEqual({
      'Impersonate-User': 'jane',
      'Impersonate-Group': ['dev', 'ops'],
      'Impersonate-Uid': '7',
      'Impersonate-Extra-a.b%2Fc': ['d'],
    });
  });

  test('a token file is read again after a minute', async () => {
    const clock = new ManualClock();
    await file('token', 'one\n');
    const config = await loadKubeconfig({path: await file('config', named('x', {tokenFile: 'token'})), clock});
    await expect(header(config)).resolves.toBe('Bearer one');
    await file('token', 'two\n');
    await expect(header(config)).resolves.toBe('Bearer one');
    await clock.advance(60_000);
    await expect(header(config)).resolves.toBe('Bearer two');
  });

  test('YAML, as kubectl writes it', async () => {
    const path = await file(
      'config',
      `apiVersion: v1
kind: Config
preferences: {}
current-context: "1"
contexts:
- context: {cluster: c, user: ""}
  name: "1"
clusters:
- name: c
  cluster:
    server: https://h:1
users: null
`,
    );
    expect(await loadKubeconfig({path})).toEqual({server: 'https://h:1', namespace: 'default'});
  });
});

/** A kubeconfig whose user logs in by running this program. */
async function execConfig(script: string): Promise<string> {
  await file('log-in.cjs', script);
  return await file('config', named('x', {exec: {command: process.execPath, args: [join(directory, 'log-in.cjs')]}}));
}

describe('log-in plugins', () => {
  test('are run once, and again when the server does not take what they gave', async () => {
    const path = await execConfig(`
      const fs = require('node:fs'), path = require('node:path'), count = path.join(__dirname, 'count');
      const n = (fs.existsSync(count) ? Number(fs.readFileSync(count)) : 0) + 1;
      fs.writeFileSync(count, String(n));
      console.log(JSON.stringify({status: {token: 't' + n, clientCertificateData: 'CERT', clientKeyData: 'KEY'}}));
    `);
    const config = await loadKubeconfig({path});
    expect(config).toMatchObject({cert: 'CERT', key: 'KEY'});
    await expect(header(config)).resolves.toBe('Bearer t1');
    await expect(header(config)).resolves.toBe('Bearer t1');
    await expect(config.authorization?.({refresh: true})).resolves.toBe('Bearer t2');
    await expect(header(config)).resolves.toBe('Bearer t2');
  });

  test('that fail say why', async () => {
    const path = await execConfig(`console.error('log in with your browser first'); process.exit(1);`);
    await expect(loadKubeconfig({path})).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: 'the log-in plugin of context "x" failed: log in with your browser first',
    });
  });
});

describe('what is wrong is said', () => {
  test('no kubeconfig at all', async () => {
    const env = {KUBECONFIG: join(directory, 'none')};
    await expect(loadKubeconfig({env})).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: `no kubeconfig at ${join(directory, 'none')}: set KUBECONFIG or give the path of one`,
    });
  });

  test.each([
    ['a path that does not exist', undefined, {}, /cannot read kubeconfig .*ENOENT/],
    ['no YAML', 'a: [', {}, /is not YAML/],
    ['a list', '[]', {}, /is no mapping/],
    ['an empty file', '', {}, /has no current-context/],
    ['no current context', {...named('x'), 'current-context': ''}, {}, /has no current-context: name a context \(x\)/],
    ['an unknown context', named('x'), {context: 'y'}, /has no context "y": it has x/],
    ['a context without cluster', {...named('x'), clusters: []}, {}, /no cluster "x" with a server/],
    ['a context without user', {...named('x'), users: []}, {}, /no user "x"/],
    ['a missing certificate', named('x', {'client-key': 'nowhere'}), {}, /cannot read .*nowhere/],
    ['a proxy', named('x', {}, {'proxy-url': 'http://p'}), {}, /proxy-url is not supported/],
  ])('%s', async (_, content, options, message) => {
    const path = content === undefined ? join(directory, 'missing') : await file('config', content);
    await expect(loadKubeconfig({path, ...options})).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(message),
    });
  });
});
