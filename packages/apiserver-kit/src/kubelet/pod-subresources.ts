import {once} from 'node:events';
import {type IncomingMessage, type OutgoingHttpHeaders, STATUS_CODES} from 'node:http';
import type {Duplex} from 'node:stream';
import {pipeline} from 'node:stream/promises';
import type {Authorizer} from '../auth/authorization.ts';
import {forbidden} from '../auth/forbidden.ts';
import {findObject, type Stores} from '../auth/stores.ts';
import {StatusError, statusErrors} from '../errors/status-error.ts';
import type {Exchange} from '../http/exchange.ts';
import {isJsonObject, type JsonObject, type JsonValue} from '../json/json-value.ts';
import type {KubeObject} from '../kube-object.ts';
import type {RequestContext} from '../registry/request-context.ts';
import type {Subresource} from '../registry/resource.ts';
import type {KubeletClient} from './kubelet-client.ts';
import {isTrue, podLogOptions} from './pod-log-options.ts';

export interface PodSubresourcesOptions {
  stores: Stores;
  kubelets: KubeletClient;
  /** Who only may `get` a connection may not open it: see {@link upgrade}. */
  authorizer: Authorizer;
}

/** How long a refusal of a kubelet is read, which is passed on as message. */
const MAX_REFUSAL_BYTES = 10_000;
/** What stays here of the headers of a request that is passed on: credentials, and what concerns this connection. */
const ownHeaders: ReadonlySet<string> = new Set(['authorization', 'host', 'content-length', 'transfer-encoding']);

/** The subresources of Pods that the kubelet of their Node serves: `log`, `exec`, `attach`, `portforward`. */
export function podSubresources(options: PodSubresourcesOptions): Subresource[] {
  const stream = (name: string, kind: string, connect: NonNullable<Subresource['connect']>): Subresource => ({
    name,
    group: '',
    version: 'v1',
    kind,
    verbs: ['create', 'get'],
    connect,
  });
  const inContainer = (path: string) => async (context: RequestContext, exchange: Exchange) => {
    await requireCreate(options.authorizer, context);
    const pod = findPod(options.stores, context);
    const container = containerOf(pod, context.query.get('container') ?? '');
    await upgrade(options, context, exchange, pod, `${path}/${podPath(pod)}/${container}${streamQuery(context.query)}`);
  };
  return [
    {
      name: 'log',
      group: '',
      version: 'v1',
      kind: 'Pod',
      verbs: ['get'],
      connect: async (context, exchange) => await readLog(options, context, exchange),
    },
    stream('exec', 'PodExecOptions', inContainer('/exec')),
    stream('attach', 'PodAttachOptions', inContainer('/attach')),
    stream('portforward', 'PodPortForwardOptions', async (context, exchange) => {
      await requireCreate(options.authorizer, context);
      const pod = findPod(options.stores, context);
      const ports = context.query.getAll('ports').join(',');
      const query = ports === '' ? '' : `?${new URLSearchParams({port: ports}).toString()}`;
      await upgrade(options, context, exchange, pod, `/portForward/${podPath(pod)}${query}`);
    }),
  ];
}

async function readLog(
  {stores, kubelets}: PodSubresourcesOptions,
  context: RequestContext,
  {request, response}: Exchange,
): Promise<void> {
  const options = podLogOptions(context.query, context.name);
  const pod = findPod(stores, context);
  const container = containerOf(pod, options.container);
  if (!response) throw statusErrors.badRequest('a log is no connection to upgrade');
  if (nodeName(pod) === '') {
    response.writeHead(204).end();
    return;
  }
  const query = options.query.size === 0 ? '' : `?${options.query.toString()}`;
  const path = `/containerLogs/${podPath(pod)}/${container}${query}`;
  const answer = await kubelets.get(findNode(stores, pod), path, context.signal);
  const code = answer.statusCode ?? 0;
  if (code < 200 || code > 299) throw refusalOf(code, context.name, await readText(answer));
  response.writeHead(200, {'content-type': 'text/plain'});
  // Who follows a silent log waits for the head.
  response.flushHeaders();
  if (request.method === 'HEAD') {
    answer.destroy();
    response.end();
    return;
  }
  await pipeline(answer, response).catch((error: unknown) => {
    // The head is sent: what remains is to end the connection.
    if (!response.destroyed) response.destroy(error instanceof Error ? error : undefined);
  });
}

/**
 * Lets a client talk to a kubelet in the protocol that both agree on, SPDY or WebSocket: the request to switch is passed on
 * without credentials, and after that every byte both ways.
 */
async function upgrade(
  {stores, kubelets}: PodSubresourcesOptions,
  {signal}: RequestContext,
  {request, upgrade: client}: Exchange,
  pod: KubeObject,
  path: string,
): Promise<void> {
  if (nodeName(pod) === '') {
    throw statusErrors.badRequest(`pod ${pod.metadata.name} does not have a host assigned`);
  }
  const node = findNode(stores, pod);
  if (!client) throw statusErrors.badRequest('Upgrade request required');
  const {socket, head} = client;
  const headers = passedHeaders(request);
  const answer = await kubelets.upgrade(node, path, {method: request.method ?? 'GET', headers, signal});
  const {response} = answer;
  if (!answer.upgraded) {
    const code = response.statusCode ?? 0;
    if (code < 400) {
      response.destroy();
      throw new StatusError(500, '', `invalid upgrade response: status code ${code}`);
    }
    const body = await readText(response);
    socket.end(`${responseHead(response, true)}${body}`);
    return;
  }
  socket.write(responseHead(response, false));
  if (answer.head.length > 0) socket.write(answer.head);
  if (head.length > 0) answer.socket.write(head);
  await join(socket, answer.socket, signal);
}

/** Passes bytes both ways until one side is closed; what the kubelet has said before still reaches a slow client. */
async function join(client: Duplex, kubelet: Duplex, signal: AbortSignal): Promise<void> {
  const end = (): void => {
    client.destroy();
    kubelet.destroy();
  };
  const closed = Promise.all([once(client, 'close'), once(kubelet, 'close')]);
  // An error is followed by the close.
  for (const socket of [client, kubelet]) socket.on('error', () => {});
  client.once('close', end);
  kubelet.once('close', () => {
    if (kubelet.readableEnded && !client.writableFinished) client.once('finish', end);
    else end();
  });
  signal.addEventListener('abort', end, {once: true});
  if (signal.aborted || client.destroyed || kubelet.destroyed) end();
  client.pipe(kubelet);
  kubelet.pipe(client);
  await closed;
  signal.removeEventListener('abort', end);
}

function passedHeaders(request: IncomingMessage): OutgoingHttpHeaders {
  const headers: OutgoingHttpHeaders = {};
  for (const [name, value] of Object.entries(request.headers)) {
    if (value !== undefined && !ownHeaders.has(name) && !name.startsWith('impersonate-')) headers[name] = value;
  }
  const forwarded = [request.headers['x-forwarded-for'], request.socket.remoteAddress].flat().filter(Boolean);
  return {...headers, 'x-forwarded-for': forwarded.join(', ')};
}

/** The head of an answer, as it came; for one with a body, without what said how long that was. */
function responseHead(response: IncomingMessage, hasBody: boolean): string {
  const code = response.statusCode ?? 0;
  const lines = [`HTTP/1.1 ${code} ${response.statusMessage || (STATUS_CODES[code] ?? '')}`];
  for (let index = 0; index + 1 < response.rawHeaders.length; index += 2) {
    const name = response.rawHeaders[index]!;
    if (hasBody && /^(?:content-length|transfer-encoding|connection)$/i.test(name)) continue;
    lines.push(`${name}: ${response.rawHeaders[index + 1]}`);
  }
  if (hasBody) lines.push('Connection: close');
  return `${lines.join('\r\n')}\r\n\r\n`;
}

async function readText(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    length += chunk.length;
    if (length >= MAX_REFUSAL_BYTES) break;
  }
  response.destroy();
  return Buffer.concat(chunks).subarray(0, MAX_REFUSAL_BYTES).toString('utf8');
}

/** A refusal of a kubelet, in the words in which kube-apiserver passes it on. */
function refusalOf(code: number, name: string, text: string): StatusError {
  if (code === 500) return statusErrors.internal(text);
  if (code === 400) return statusErrors.badRequest(text);
  const [reason, message] = genericRefusals[code] ?? (code === 403 ? ['Forbidden', text] : unknownRefusal(code, text));
  return new StatusError(code, reason, `${message} ( pods/log ${name})`, {name, kind: 'pods/log'});
}

const genericRefusals: Readonly<Record<number, readonly [string, string]>> = {
  401: ['Unauthorized', 'the server has asked for the client to provide credentials'],
  404: ['NotFound', 'the server could not find the requested resource'],
  405: ['MethodNotAllowed', 'the server does not allow this method on the requested resource'],
  429: ['TooManyRequests', 'the server has received too many requests and has asked us to try again later'],
  503: ['ServiceUnavailable', 'the server is currently unable to handle the request'],
  504: [
    'Timeout',
    'the server was unable to return a response in the time allotted, but may still be processing the request',
  ],
};

function unknownRefusal(code: number, text: string): readonly [string, string] {
  if (code > 500) {
    return [
      'InternalError',
      `an error on the server (${JSON.stringify(text)}) has prevented the request from succeeding`,
    ];
  }
  return ['', `the server responded with the status code ${code} but did not return more information`];
}

/** Browsers open WebSockets by GET, which is no less than `create`. @throws StatusError 403 */
async function requireCreate(authorizer: Authorizer, context: RequestContext): Promise<void> {
  const {user, group, version, resource, subresource, namespace, name, verb} = context;
  if (verb === 'create') return;
  const access = {user, verb: 'create', group, version, resource, subresource, namespace, name};
  const {allowed, reason} = await authorizer(access);
  if (!allowed) throw forbidden(access, reason);
}

/** @throws StatusError 404 */
function findPod(stores: Stores, {namespace, name}: RequestContext): KubeObject {
  const pod = findObject(stores, '', 'pods', `${namespace}/${name}`)?.object;
  if (!pod) throw statusErrors.notFound({group: '', name: 'pods'}, name);
  return pod;
}

/** The resource of this answer is that of the request, as in kube-apiserver. @throws StatusError 404 */
function findNode(stores: Stores, pod: KubeObject): KubeObject {
  const name = nodeName(pod);
  const node = findObject(stores, '', 'nodes', name)?.object;
  if (!node) throw statusErrors.notFound({group: '', name: 'pods'}, name);
  return node;
}

function podPath({metadata}: KubeObject): string {
  return `${metadata.namespace}/${metadata.name}`;
}

function specOf(pod: KubeObject): JsonObject {
  return isJsonObject(pod['spec']) ? pod['spec'] : {};
}

function nodeName(pod: KubeObject): string {
  const name = specOf(pod)['nodeName'];
  return typeof name === 'string' ? name : '';
}

/**
 * The container that is meant, if there is no doubt.
 *
 * @throws StatusError 400
 */
function containerOf(pod: KubeObject, wanted: string): string {
  const [initial, containers, ephemeral] = ['initContainers', 'containers', 'ephemeralContainers'].map((key) =>
    containerNames(specOf(pod)[key]),
  ) as [string[], string[], string[]];
  const all = [...initial, ...containers, ...ephemeral];
  const name = pod.metadata.name ?? '';
  if (wanted !== '') {
    if (all.includes(wanted)) return wanted;
    throw statusErrors.badRequest(`container ${wanted} is not valid for pod ${name}`);
  }
  if (containers.length === 1) return containers[0]!;
  const choices = containers.length === 0 ? '' : `, choose one of: [${all.join(' ')}]`;
  throw statusErrors.badRequest(`a container name must be specified for pod ${name}${choices}`);
}

function containerNames(containers: JsonValue | undefined): string[] {
  const objects = Array.isArray(containers) ? containers.filter(isJsonObject) : [];
  return objects.map(({name}) => name).filter((name) => typeof name === 'string');
}

/** What a kubelet wants to know of exec and attach, by its own names. */
function streamQuery(query: URLSearchParams): string {
  const passed = new URLSearchParams();
  for (const [from, to] of [
    ['stdin', 'input'],
    ['stdout', 'output'],
    ['stderr', 'error'],
    ['tty', 'tty'],
  ] as const) {
    if (isTrue(query, from)) passed.set(to, '1');
  }
  for (const word of query.getAll('command')) passed.append('command', word);
  return passed.size === 0 ? '' : `?${passed.toString()}`;
}
