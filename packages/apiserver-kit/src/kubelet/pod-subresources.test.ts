import {once} from 'node:events';
import {createServer, type IncomingMessage, request, type Server, type ServerResponse} from 'node:http';
import {createServer as createTlsServer} from 'node:https';
import type {AddressInfo} from 'node:net';
import {Duplex} from 'node:stream';
import {text} from 'node:stream/consumers';
import type {TLSSocket} from 'node:tls';
import {afterEach, beforeEach, describe, expect, test} from '@jest/globals';
import {CertificateAuthority} from '../auth/certificate-authority.ts';
import {FixtureStores} from '../auth/stores.fixture.ts';
import {StatusError} from '../errors/status-error.ts';
import type {Exchange} from '../http/exchange.ts';
import type {JsonObject} from '../json/json-value.ts';
import type {KubeObject} from '../kube-object.ts';
import {systemContext} from '../registry/system-context.ts';
import {KubeletClient} from './kubelet-client.ts';
import {podSubresources} from './pod-subresources.ts';

const authority = CertificateAuthority.create();
const identity = authority.issue({commonName: 'api-server'});

let stores: FixtureStores;
let kubelet: Server;
let front: Server;
/** What the kubelet was asked, and by whom. */
let asked: {url: string | undefined; method: string | undefined; caller: string; headers: IncomingMessage['headers']}[];
let answer: (request: IncomingMessage, response: ServerResponse) => void;
let stopping: AbortController;
const connections = new Set<Duplex>();
let mayCreate: boolean;
/** Resolves when the kubelet's end of a connection is closed. */
let hungUp: PromiseWithResolvers<void>;
/** What the server takes for the client. */
let clientOf: (socket: Duplex) => Duplex;

const listen = async (server: Server): Promise<number> => {
  server.on('connection', (socket: Duplex) => {
    connections.add(socket);
    socket.once('close', () => connections.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
};
const note = ({url, method, headers, socket}: IncomingMessage): void => {
  const caller = (socket as TLSSocket).getPeerCertificate().subject.CN;
  asked.push({url, method, caller: String(caller), headers});
};
const pod = (name: string, spec: JsonObject): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {name, namespace: 'ns'},
  spec,
});
const node = (name: string, port: number): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: {name},
  status: {
    addresses: [
      {type: 'Hostname', address: 'nowhere.invalid'},
      {type: 'InternalIP', address: '127.0.0.1'},
    ],
    daemonEndpoints: {kubeletEndpoint: {Port: port}},
  },
});

beforeEach(async () => {
  asked = [];
  mayCreate = true;
  hungUp = Promise.withResolvers();
  clientOf = (socket) => socket;
  stopping = new AbortController();
  answer = (_, response) => void response.end('log\n');
  kubelet = createTlsServer(
    {
      ...authority.issue({commonName: 'kubelet', hosts: ['127.0.0.1']}),
      ca: authority.certificate,
      requestCert: true,
      rejectUnauthorized: true,
    },
    (received, response) => {
      note(received);
      answer(received, response);
    },
  );
  kubelet.on('upgrade', (received: IncomingMessage, socket: Duplex, head: Buffer) => {
    note(received);
    if (received.url?.includes('command=much')) {
      socket.once('close', () => hungUp.resolve());
      socket.end('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nthe last word');
      return;
    }
    if (received.url?.startsWith('/portForward')) {
      socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 6\r\nX-Why: rules\r\n\r\nno way');
      return;
    }
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nhello ');
    socket.write(head);
    socket.pipe(socket);
  });
  const port = await listen(kubelet);
  stores = new FixtureStores()
    .put('nodes', node('n', port), node('gone', 1), {apiVersion: 'v1', kind: 'Node', metadata: {name: 'bare'}})
    .put(
      'pods',
      pod('p', {nodeName: 'n', containers: [{name: 'c'}], initContainers: [{name: 'i'}]}),
      pod('two', {nodeName: 'n', containers: [{name: 'a'}, {name: 'b'}]}),
      pod('unscheduled', {containers: [{name: 'c'}]}),
      pod('unreachable', {nodeName: 'gone', containers: [{name: 'c'}]}),
      pod('nodeless', {nodeName: 'none', containers: [{name: 'c'}]}),
      pod('addressless', {nodeName: 'bare', containers: [{name: 'c'}]}),
    );
  const kubelets = new KubeletClient({
    certificate: identity.cert,
    key: identity.key,
    authority: authority.certificate,
    addressTypes: ['InternalIP'],
  });
  const authorizer = async () => ({allowed: mayCreate, reason: ''});
  const subresources = podSubresources({stores, kubelets, authorizer});
  /** The server around them: `/POD/SUBRESOURCE?query`. */
  const connect = async (exchange: Exchange): Promise<void> => {
    const url = new URL(exchange.request.url ?? '', 'http://x');
    const [, name = '', subresource = ''] = url.pathname.split('/');
    const context = systemContext(
      {group: '', plural: 'pods', storageVersion: 'v1'},
      {
        verb: exchange.request.method === 'POST' ? 'create' : 'get',
        user: {username: 'alice', groups: []},
        namespace: 'ns',
        name,
        subresource,
        query: url.searchParams,
        signal: stopping.signal,
      },
    );
    const found = subresources.find((each) => each.name === subresource);
    try {
      await found?.connect?.(context, exchange);
    } catch (error) {
      if (!(error instanceof StatusError)) throw error;
      const {code, message} = error;
      if (exchange.response) exchange.response.writeHead(code).end(message);
      else exchange.upgrade?.socket.end(`HTTP/1.1 ${code} Refused\r\nConnection: close\r\n\r\n${message}`);
    }
  };
  front = createServer((received, response) => void connect({request: received, response}));
  front.on('upgrade', (received: IncomingMessage, socket: Duplex, head: Buffer) => {
    void connect({request: received, upgrade: {socket: clientOf(socket), head}});
  });
  await listen(front);
});
afterEach(async () => {
  const closed = [kubelet, front].map(async (server) => await new Promise((resolve) => server.close(resolve)));
  for (const socket of connections) socket.destroy();
  await Promise.all(closed);
});

const get = async (path: string): Promise<{code: number | undefined; body: string; type: string | undefined}> => {
  const sent = request({port: (front.address() as AddressInfo).port, path, agent: false});
  sent.end();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  return {code: response.statusCode, body: await text(response), type: response.headers['content-type']};
};
const upgrade = async (path: string): Promise<{response: IncomingMessage; socket?: Duplex; head: string}> => {
  const headers = {
    connection: 'Upgrade',
    upgrade: 'echo',
    authorization: 'Bearer secret',
    'x-stream-protocol-version': 'v4',
  };
  const sent = request({port: (front.address() as AddressInfo).port, path, method: 'POST', headers, agent: false});
  sent.end();
  const {promise, resolve, reject} = Promise.withResolvers<{
    response: IncomingMessage;
    socket?: Duplex;
    head: string;
  }>();
  sent.once('upgrade', (response: IncomingMessage, socket: Duplex, head: Buffer) => {
    resolve({response, socket, head: head.toString()});
  });
  sent.once('response', (response) => resolve({response, head: ''}));
  sent.once('error', reject);
  return await promise;
};
const until = async (socket: Duplex, wanted: string, seen = ''): Promise<void> => {
  let received = seen;
  while (!received.includes(wanted)) received += String((await once(socket, 'data'))[0]);
};

describe('pods/log', () => {
  test('comes from the kubelet of the node', async () => {
    expect(await get('/p/log?container=c&tailLines=5')).toEqual({code: 200, body: 'log\n', type: 'text/plain'});
    expect(asked.map(({url, caller}) => [url, caller])).toEqual([['/containerLogs/ns/p/c?tailLines=5', 'api-server']]);
  });

  test('is passed on as it grows', async () => {
    let more: ServerResponse | undefined;
    answer = (_, response) => {
      response.write('one\n');
      more = response;
    };
    const sent = request({port: (front.address() as AddressInfo).port, path: '/p/log?follow=true', agent: false});
    sent.end();
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    response.setEncoding('utf8');
    expect(String((await once(response, 'data'))[0])).toBe('one\n');
    more?.write('two\n');
    expect(String((await once(response, 'data'))[0])).toBe('two\n');
    const closed = once(more!, 'close');
    sent.destroy();
    await closed;
  });

  test('of a Pod without node is empty', async () => {
    expect(await get('/unscheduled/log')).toMatchObject({code: 204, body: ''});
  });

  test.each([
    ['/none/log', 404, 'pods "none" not found'],
    ['/two/log', 400, 'a container name must be specified for pod two, choose one of: [a b]'],
    ['/two/log?container=c', 400, 'container c is not valid for pod two'],
    ['/nodeless/log', 404, 'pods "none" not found'],
    ['/addressless/log', 500, 'no preferred addresses found; known addresses: []'],
    [
      '/unreachable/log',
      500,
      'Get "https://127.0.0.1:1/containerLogs/ns/unreachable/c": dial tcp 127.0.0.1:1: connect: connection refused',
    ],
  ])('%s is answered with %d', async (path, code, body) => {
    expect(await get(path)).toMatchObject({code, body});
  });

  test.each([
    [400, 'waiting to start', 'waiting to start'],
    [404, 'gone', 'the server could not find the requested resource ( pods/log p)'],
    [500, 'broken', 'Internal error occurred: broken'],
    [502, 'bad', 'an error on the server ("bad") has prevented the request from succeeding ( pods/log p)'],
  ])('a kubelet that says %d is passed on in words', async (code, said, message) => {
    answer = (_, response) => void response.writeHead(code).end(said);
    expect(await get('/p/log')).toMatchObject({code, body: message});
  });
});

describe('pods/exec, pods/attach and pods/portforward', () => {
  test('connect a client with the kubelet', async () => {
    const {response, socket, head} = await upgrade('/p/exec?command=ls&command=-l&stdout=true&stdin=1&tty=false');
    expect(response.headers.upgrade).toBe('echo');
    await until(socket!, 'hello ', head);
    socket!.write('world');
    await until(socket!, 'world');
    expect(asked[0]).toMatchObject({
      url: '/exec/ns/p/c?input=1&output=1&command=ls&command=-l',
      method: 'POST',
      caller: 'api-server',
      headers: {'x-stream-protocol-version': 'v4', upgrade: 'echo', 'x-forwarded-for': '127.0.0.1'},
    });
    expect(asked[0]?.headers.authorization).toBeUndefined();
    const closed = once(socket!, 'close');
    stopping.abort();
    await closed;
  });

  test('end when one side ends', async () => {
    const {socket, head} = await upgrade('/p/attach?stdout=1');
    await until(socket!, 'hello ', head);
    const closed = once(socket!, 'close');
    socket!.resume().end();
    await closed;
    expect(asked[0]?.url).toBe('/attach/ns/p/c?output=1');
  });

  test('a client that reads slowly gets all that the kubelet has said', async () => {
    let received = '';
    clientOf = () =>
      new Duplex({
        read() {},
        write(chunk: Buffer, _encoding, done) {
          received += chunk.toString();
          void hungUp.promise.then(() => setImmediate(done));
        },
        destroy(error, done) {
          done(error);
          ended.resolve();
        },
      });
    const ended = Promise.withResolvers<void>();
    request({
      port: (front.address() as AddressInfo).port,
      path: '/p/exec?command=much&stdout=1',
      headers: {connection: 'Upgrade', upgrade: 'echo'},
      agent: false,
    })
      .on('error', () => {})
      .end();
    await ended.promise;
    expect(received).toMatch(/the last word$/);
  });

  test('pass the refusal of a kubelet on', async () => {
    const {response} = await upgrade('/p/portforward?ports=80&ports=81');
    expect(response.statusCode).toBe(403);
    expect(response.headers['x-why']).toBe('rules');
    expect(await text(response)).toBe('no way');
    expect(asked[0]?.url).toBe('/portForward/ns/p?port=80%2C81');
  });

  test('need an upgrade, a node, and the right to create', async () => {
    expect(await get('/p/exec')).toMatchObject({code: 400, body: 'Upgrade request required'});
    expect(await get('/unscheduled/exec')).toMatchObject({
      code: 400,
      body: 'pod unscheduled does not have a host assigned',
    });
    mayCreate = false;
    expect(await get('/p/exec')).toMatchObject({
      code: 403,
      body: 'pods "p" is forbidden: User "alice" cannot create resource "pods/exec" in API group "" in the namespace "ns"',
    });
  });

  test('a kubelet that is not there is an error', async () => {
    const {response} = await upgrade('/unreachable/exec');
    expect(response.statusCode).toBe(500);
    expect(await text(response)).toBe('error dialing backend: dial tcp 127.0.0.1:1: connect: connection refused');
  });
});
