import {mkdtemp, rm} from 'node:fs/promises';
import {get} from 'node:https';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterEach, beforeEach, describe, expect, test} from '@jest/globals';
import {CertificateAuthority} from '@kruntimes/reconciler-kit/testing';
import {ContainerLog} from './container-log.ts';
import {KubeletServer, logOptions} from './kubelet-server.ts';

describe('KubeletServer', () => {
  const authority = CertificateAuthority.create();
  let directory: string;
  let log: ContainerLog;
  let server: KubeletServer;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'kubelet-'));
    log = new ContainerLog(join(directory, '0.log'));
    log.append('stdout', Buffer.from('one\ntwo\n'));
    server = new KubeletServer({
      ...authority.issue({commonName: 'node', hosts: ['127.0.0.1']}),
      ca: authority.certificate,
      clientName: 'kube-apiserver',
      findLog: ({namespace, pod, container, previous}) =>
        `${namespace}/${pod}/${container}` === 'ns/p/c' && !previous ? log : 'no such container',
    });
    await server.start();
  });

  afterEach(async () => {
    await server.close();
    log.close();
    await rm(directory, {recursive: true});
  });

  async function ask(path: string, user = 'kube-apiserver', from = authority): Promise<[number | undefined, string]> {
    return await new Promise((resolve, reject) => {
      const identity = from.issue({commonName: user});
      const options = {...identity, ca: authority.certificate, agent: false};
      get(`https://127.0.0.1:${server.port}${path}`, options, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
        response.on('end', () => resolve([response.statusCode, text]));
      }).on('error', reject);
    });
  }

  test('serves the logs of containers to the API server', async () => {
    expect(await ask('/containerLogs/ns/p/c')).toEqual([200, 'one\ntwo\n']);
    expect(await ask('/containerLogs/ns/p/c?tailLines=1')).toEqual([200, 'two\n']);
    expect(await ask('/containerLogs/ns/p/other')).toEqual([404, 'no such container\n']);
    expect(await ask('/containerLogs/ns/p/c?previous=true')).toEqual([404, 'no such container\n']);
    expect(await ask('/containerLogs/ns/p/c?tailLines=x')).toEqual([400, 'tailLines must be a number, not negative\n']);
    expect((await ask('/exec/ns/p/c'))[0]).toBe(501);
  });

  test('serves nothing to anybody else', async () => {
    expect((await ask('/containerLogs/ns/p/c', 'bob'))[0]).toBe(403);
    await expect(ask('/containerLogs/ns/p/c', 'kube-apiserver', CertificateAuthority.create())).rejects.toThrow(
      /certificate|hang up|reset/i,
    );
  });
});

describe('logOptions', () => {
  const options = (query: string) => logOptions(new URLSearchParams(query), () => 100_000);

  test('understands the query of pods/log', () => {
    expect(options('')).toEqual({follow: false, timestamps: false});
    expect(options('follow=true&timestamps=true&tailLines=5&limitBytes=10')).toEqual({
      follow: true,
      timestamps: true,
      tailLines: 5,
      limitBytes: 10,
    });
    expect(options('sinceSeconds=30')).toMatchObject({sinceMs: 70_000});
    expect(options('sinceTime=1970-01-01T00:00:05Z')).toMatchObject({sinceMs: 5_000});
  });

  test.each([
    ['tailLines=-1', /tailLines/],
    ['limitBytes=1.5', /limitBytes/],
    ['sinceTime=yesterday', /sinceTime/],
  ])('%s is refused', (query, sentence) => {
    expect(options(query)).toMatch(sentence);
  });
});
