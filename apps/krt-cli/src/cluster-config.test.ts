import {mkdtemp, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterAll, beforeAll, describe, expect, test} from '@jest/globals';
import {resolveClusterConfig} from './cluster-config.ts';
import {contextNames} from './kubeconfig-contexts.ts';

const base64 = (text: string): string => Buffer.from(text).toString('base64');
let directory: string;
let path: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'krt-'));
  path = join(directory, 'config');
  const cluster = {server: 'https://prod:6443', 'certificate-authority-data': base64('CA')};
  const user = {'client-certificate-data': base64('CERT'), 'client-key-data': base64('KEY')};
  const kubeconfig = {
    'current-context': 'prod',
    clusters: [{name: 'c', cluster}],
    users: [{name: 'u', user}],
    contexts: [
      {name: 'prod', context: {cluster: 'c', user: 'u', namespace: 'team'}},
      {name: 'other', context: {cluster: 'c', user: 'u'}},
    ],
  };
  await writeFile(path, JSON.stringify(kubeconfig));
  await writeFile(join(directory, 'ca.crt'), 'OTHER CA');
});
afterAll(async () => {
  await rm(directory, {recursive: true});
});

describe('resolveClusterConfig', () => {
  test('the kubeconfig, its context and its namespace', async () => {
    const config = await resolveClusterConfig({}, {KUBECONFIG: path});
    expect(config).toMatchObject({server: 'https://prod:6443', ca: 'CA', cert: 'CERT', key: 'KEY', namespace: 'team'});
    expect((await resolveClusterConfig({context: 'other', kubeconfig: path}, {})).namespace).toBe('default');
    expect((await resolveClusterConfig({namespace: 'mine'}, {KUBECONFIG: path})).namespace).toBe('mine');
  });

  test('flags win', async () => {
    const flags = {
      server: 'https://else',
      certificateAuthority: join(directory, 'ca.crt'),
      token: 't',
      as: 'bob',
      asGroup: ['a', 'b'],
    };
    const config = await resolveClusterConfig(flags, {KUBECONFIG: path});
    expect(config).toMatchObject({
      server: 'https://else',
      ca: 'OTHER CA',
      headers: {'Impersonate-User': 'bob', 'Impersonate-Group': ['a', 'b']},
    });
    // Whoever shows a token does not want to be known by the certificate.
    expect([config.cert, config.key]).toEqual([undefined, undefined]);
    expect(await config.authorization?.({refresh: false})).toBe('Bearer t');
    const insecure = await resolveClusterConfig({insecureSkipTlsVerify: true}, {KUBECONFIG: path});
    expect([insecure.insecureSkipTlsVerify, insecure.ca]).toEqual([true, undefined]);
  });

  test('--server needs no kubeconfig', async () => {
    const nowhere = {KUBECONFIG: join(directory, 'none')};
    expect(await resolveClusterConfig({server: 'https://else'}, nowhere)).toEqual({
      server: 'https://else',
      namespace: 'default',
    });
    await expect(resolveClusterConfig({}, nowhere)).rejects.toMatchObject({
      code: 'KUBECONFIG',
      exitCode: 125,
      message: `no kubeconfig at ${nowhere.KUBECONFIG}: set KUBECONFIG or give the path of one`,
      hint: expect.stringContaining('--server'),
    });
    const broken = join(directory, 'broken');
    await writeFile(broken, '{{{');
    await expect(resolveClusterConfig({kubeconfig: broken}, {})).rejects.toMatchObject({
      message: expect.stringMatching(/^kubeconfig .* is not YAML: .* at line 1, column \d+$/),
    });
  });

  test('what does not exist or makes no sense is said', async () => {
    const env = {KUBECONFIG: path};
    await expect(resolveClusterConfig({context: 'nope'}, env)).rejects.toMatchObject({code: 'KUBECONFIG'});
    await expect(resolveClusterConfig({kubeconfig: '/no/such'}, env)).rejects.toMatchObject({code: 'KUBECONFIG'});
    await expect(resolveClusterConfig({certificateAuthority: '/no/such'}, env)).rejects.toThrow('ENOENT');
    await expect(resolveClusterConfig({asGroup: ['a']}, env)).rejects.toMatchObject({code: 'USAGE', exitCode: 2});
  });
});

describe('contextNames', () => {
  test('of all files', async () => {
    expect(await contextNames(undefined, {KUBECONFIG: `${path}:/no/such`})).toEqual(['prod', 'other']);
  });
});
