import {once} from 'node:events';
import {mkdtemp, rm} from 'node:fs/promises';
import {get} from 'node:https';
import {createServer} from 'node:net';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterEach, beforeEach, describe, expect, test} from '@jest/globals';
import {CertificateAuthority} from '@kruntimes/reconciler-kit/testing';
import {WebSocket} from 'ws';
import {ContainerLog} from './container-log.ts';
import {forwardedPorts, KubeletServer, logOptions} from './kubelet-server.ts';

describe('KubeletServer', () => {
  const authority = CertificateAuthority.create();
  let directory: string;
  let log: ContainerLog;
  let server: KubeletServer;
  const podIP = '127.77.250.3';

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
      findContainer: () => 'container not found',
      podAddress: (namespace, pod) => (`${namespace}/${pod}` === 'ns/p' ? podIP : undefined),
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
    expect(await ask('/exec/ns/p/c')).toEqual([400, 'Upgrade request required\n']);
    expect((await ask('/pods'))[0]).toBe(404);
  });

  /** What the API server sends for a WebSocket: its status, and what the connection then gives. */
  async function forward(path: string, user = 'kube-apiserver'): Promise<{status: number; received: Buffer}> {
    const socket = new WebSocket(`wss://127.0.0.1:${server.port}${path}`, 'v4.channel.k8s.io', {
      ...authority.issue({commonName: user}),
      ca: authority.certificate,
    });
    return await new Promise((resolve, reject) => {
      const messages: Buffer[] = [];
      socket.on('unexpected-response', (_request, response) => {
        resolve({status: response.statusCode ?? 0, received: Buffer.alloc(0)});
        socket.terminate();
      });
      socket.on('message', (message) => messages.push(message as Buffer));
      socket.on('open', () => socket.send(Buffer.from('\0ping')));
      socket.on('close', () => resolve({status: 101, received: Buffer.concat(messages)}));
      socket.on('error', (error) => (messages.length === 0 ? reject(error) : undefined));
    });
  }

  test('forwards a port of a Pod over WebSocket channels', async () => {
    const echo = createServer((socket) => {
      socket.once('data', (chunk) => socket.end(`${chunk.toString()} pong`));
    }).listen(0, podIP);
    await once(echo, 'listening');
    const {port} = echo.address() as {port: number};
    const portBytes = [port & 0xff, port >> 8];
    const preamble = Buffer.from([0, ...portBytes, 1, ...portBytes]);
    try {
      const {received} = await forward(`/portForward/ns/p?port=${port}`);
      expect(received).toEqual(Buffer.concat([preamble, Buffer.from('\0ping pong')]));
    } finally {
      echo.close();
    }
    const refused = await forward(`/portForward/ns/p?port=${port}`);
    expect(refused.received.toString('latin1')).toContain(`\u0001error forwarding port ${port}`);
    expect((await forward('/portForward/ns/p')).status).toBe(400);
    expect((await forward('/portForward/ns/other?port=1')).status).toBe(404);
    expect((await forward(`/portForward/ns/p?port=${port}`, 'bob')).status).toBe(403);
  });

  test('serves nothing to anybody else', async () => {
    expect((await ask('/containerLogs/ns/p/c', 'bob'))[0]).toBe(403);
    await expect(ask('/containerLogs/ns/p/c', 'kube-apiserver', CertificateAuthority.create())).rejects.toThrow(
      /certificate|hang up|reset/i,
    );
  });
});

describe('forwardedPorts', () => {
  test.each([
    ['port=80', [80]],
    ['port=80&port=81,82', [80, 81, 82]],
    ['', /required/],
    ['port=0', /65535/],
    ['port=x', /65535/],
  ])('%s', (query, expected) => {
    const ports = forwardedPorts(new URLSearchParams(query));
    if (expected instanceof RegExp) expect(ports).toMatch(expected);
    else expect(ports).toEqual(expected);
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
