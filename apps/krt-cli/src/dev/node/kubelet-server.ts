import {once} from 'node:events';
import {type IncomingMessage, type ServerResponse, STATUS_CODES} from 'node:http';
import {createServer, type Server} from 'node:https';
import type {AddressInfo} from 'node:net';
import type {Duplex} from 'node:stream';
import {pipeline} from 'node:stream/promises';
import type {TLSSocket} from 'node:tls';
import type {CommandProcess} from './command-process.ts';
import type {ContainerLog, LogReadOptions} from './container-log.ts';
import type {ContainerCommand, ContainerProcess} from './container-process.ts';
import {connectPodPort} from './pod-port.ts';
import {
  defaultTerminalSize,
  type RemoteStreams,
  type TerminalSize,
  type WantedStreams,
  wantedStreams,
} from './remote-streams.ts';
import {serveAttachment, serveCommand} from './serve-command.ts';
import {SpdyPortForward} from './spdy-port-forward.ts';
import {SPDY_COMMAND_PROTOCOL, spdyStreams} from './spdy-streams.ts';
import {noTerminals} from './terminal-command.ts';
import {forwardWebSocket} from './websocket-port-forward.ts';
import {offersChannels, webSocketStreams} from './websocket-streams.ts';

/** A container that runs. */
export interface ReachableContainer {
  /** Its present start. */
  process: ContainerProcess;
  /** Its input ends when the first who attaches leaves. */
  stdinOnce: boolean;
  run(command: ContainerCommand): CommandProcess | undefined;
}

/** Which container is meant. */
export interface ContainerQuery {
  namespace: string;
  pod: string;
  container: string;
}

export interface KubeletServerOptions {
  /** PEM certificate and key for the node's address. */
  cert: string;
  key: string;
  /** PEM of the authority that signs the API server's client certificate. */
  ca: string;
  /** Common name of that certificate: nobody else may read logs past the API server's access control. */
  clientName: string;
  findLog(query: ContainerQuery & {previous: boolean}): ContainerLog | string;
  /** A sentence where it does not run here. */
  findContainer(query: ContainerQuery): ReachableContainer | string;
  /** Address of a Pod that runs here; undefined otherwise. */
  podAddress(namespace: string, pod: string): string | undefined;
  now?: () => number;
  /** Most commands and attachments at a time. Default 100. */
  maxCommands?: number;
}

const DEFAULT_MAX_COMMANDS = 100;
const NO_TERMINAL = 'the container has no terminal (spec.containers[].tty): attach without -t';
/** A client that knows the size of its terminal tells it at once, but after it has asked for the command. */
const SIZE_PATIENCE_MS = 200;

/** The part of a kubelet's API that `pods/log`, `exec`, `attach` and `portforward` need. */
export class KubeletServer {
  readonly #options: KubeletServerOptions;
  readonly #server: Server;
  /** Connections that are no HTTP any more: the server does not know them. */
  readonly #upgraded = new Set<Duplex>();
  #commands = 0;

  constructor(options: KubeletServerOptions) {
    const {cert, key, ca} = options;
    this.#options = options;
    this.#server = createServer({cert, key, ca, requestCert: true, rejectUnauthorized: true}, (request, response) => {
      this.#handle(request, response).catch(() => response.destroy());
    });
    this.#server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) =>
      this.#upgrade(request, socket, head),
    );
    // A log may be followed for long.
    this.#server.requestTimeout = 0;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async start(host = '127.0.0.1'): Promise<void> {
    this.#server.listen(0, host);
    await once(this.#server, 'listening');
    this.#server.unref();
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    for (const socket of this.#upgraded) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (!this.#isApiServer(request)) return answer(response, 403, 'Forbidden');
    const url = new URL(request.url ?? '/', 'https://node');
    const [, kind, namespace, pod, container, ...rest] = url.pathname.split('/').map(decodeURIComponent);
    if (url.pathname === '/healthz') return answer(response, 200, 'ok');
    if (kind === 'exec' || kind === 'attach' || kind === 'portForward') {
      return answer(response, 400, 'Upgrade request required');
    }
    if (request.method !== 'GET' || kind !== 'containerLogs' || !namespace || !pod || !container || rest.length > 0) {
      return answer(response, 404, '404 page not found');
    }
    const previous = url.searchParams.get('previous') === 'true';
    const log = this.#options.findLog({namespace, pod, container, previous});
    if (typeof log === 'string') return answer(response, 404, log);

    const gone = new AbortController();
    response.once('close', () => gone.abort());
    const options = logOptions(url.searchParams, this.#options.now ?? Date.now);
    if (typeof options === 'string') return answer(response, 400, options);
    response.writeHead(200, {'content-type': 'text/plain'});
    response.flushHeaders();
    await pipeline(log.read({...options, signal: gone.signal}), response);
  }

  #isApiServer(request: IncomingMessage): boolean {
    const caller = (request.socket as TLSSocket).getPeerCertificate().subject?.CN;
    return caller === this.#options.clientName;
  }

  /** In both protocols that reach a kubelet: SPDY, to which an API server may turn WebSockets, and WebSocket channels. */
  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', () => socket.destroy());
    this.#upgraded.add(socket);
    socket.once('close', () => this.#upgraded.delete(socket));
    if (!this.#isApiServer(request)) return refuse(socket, 403, 'Forbidden');
    const url = new URL(request.url ?? '/', 'https://node');
    const [, kind, namespace, pod, ...rest] = url.pathname.split('/').map(decodeURIComponent);
    const client = {request, socket, head, query: url.searchParams};
    if (kind === 'portForward' && namespace && pod && rest.length <= 1) this.#forward(client, {namespace, pod});
    else if ((kind === 'exec' || kind === 'attach') && namespace && pod && rest.length > 0 && rest.length <= 2) {
      // The UID of the Pod may stand before the container.
      void this.#command(client, {namespace, pod, container: rest.at(-1) ?? ''}, kind).catch(() => socket.destroy());
    } else refuse(socket, 404, '404 page not found');
  }

  #forward({request, socket, head, query}: UpgradeClient, {namespace, pod}: {namespace: string; pod: string}): void {
    const address = this.#options.podAddress(namespace, pod);
    if (address === undefined) return refuse(socket, 404, `pod ${namespace}/${pod} does not run on this node`);
    const connect = async (port: number) => await connectPodPort(address, port);
    const protocol = request.headers.upgrade?.toLowerCase();
    if (protocol === 'websocket') {
      const ports = forwardedPorts(query);
      if (typeof ports === 'string') return refuse(socket, 400, ports);
      forwardWebSocket(request, socket, head, ports, connect);
    } else if (protocol === 'spdy/3.1') {
      switchToSpdy(socket, 'portforward.k8s.io');
      void new SpdyPortForward(socket, connect).run(head);
    } else refuse(socket, 400, `no port-forward over ${protocol}`);
  }

  async #command(client: UpgradeClient, which: ContainerQuery, kind: 'exec' | 'attach'): Promise<void> {
    const {socket, query} = client;
    const wanted = wantedStreams(query);
    if (wanted === undefined) return refuse(socket, 400, 'you must specify at least 1 of stdin, stdout, stderr');
    const command = query.getAll('command');
    if (kind === 'exec' && command.length === 0) return refuse(socket, 400, 'you must specify a command');
    const container = this.#options.findContainer(which);
    if (typeof container === 'string') return refuse(socket, 404, container);
    if (wanted.tty) {
      const problem = kind === 'exec' || container.process.hasTerminal ? noTerminals() : NO_TERMINAL;
      if (problem !== undefined) return refuse(socket, 400, problem);
    }
    if (kind === 'attach' && wanted.stdin && container.process.stdin === undefined) {
      return refuse(socket, 400, `container ${which.container} has no stdin to attach to (spec.containers[].stdin)`);
    }
    if (this.#commands >= (this.#options.maxCommands ?? DEFAULT_MAX_COMMANDS)) {
      return refuse(socket, 429, `this node runs ${this.#commands} commands already: try again later`);
    }
    this.#commands++;
    try {
      const streams = await openStreams(client, wanted);
      if (streams === undefined) return;
      if (kind === 'attach') await serveAttachment(streams, container.process, container);
      else {
        const terminal = wanted.tty ? await firstSize(streams) : undefined;
        await serveCommand(streams, () => container.run({command, stdin: wanted.stdin, terminal}));
      }
    } finally {
      this.#commands--;
    }
  }
}

interface UpgradeClient {
  request: IncomingMessage;
  socket: Duplex;
  head: Buffer;
  query: URLSearchParams;
}

/** Undefined where the client was refused. */
async function openStreams(
  {request, socket, head}: UpgradeClient,
  wanted: WantedStreams,
): Promise<RemoteStreams | undefined> {
  const protocol = request.headers.upgrade?.toLowerCase();
  if (protocol === 'websocket') {
    if (offersChannels(request)) return await webSocketStreams(request, socket, head, wanted);
    refuse(socket, 400, 'none of the protocols that the client offers is known: v5.channel.k8s.io, v4.channel.k8s.io');
  } else if (protocol === 'spdy/3.1') {
    const offered = String(request.headers['x-stream-protocol-version'] ?? '').split(/,\s*/);
    if (offered.includes(SPDY_COMMAND_PROTOCOL)) {
      switchToSpdy(socket, SPDY_COMMAND_PROTOCOL);
      return await spdyStreams(socket, head, wanted);
    }
    refuse(socket, 403, `unable to upgrade: unable to negotiate protocol: client supports [${offered.join(' ')}]`);
  } else refuse(socket, 400, `no command over ${protocol}`);
  return undefined;
}

async function firstSize(streams: RemoteStreams): Promise<TerminalSize> {
  return await new Promise((resolve) => {
    const patience = setTimeout(() => resolve(defaultTerminalSize), SIZE_PATIENCE_MS);
    streams.onResize((size) => {
      clearTimeout(patience);
      resolve(size);
    });
  });
}

function switchToSpdy(socket: Duplex, protocol: string): void {
  socket.write(
    'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n' +
      `X-Stream-Protocol-Version: ${protocol}\r\n\r\n`,
  );
}

/** `port=80&port=81,82`; a sentence about what is wrong with it otherwise. */
export function forwardedPorts(query: URLSearchParams): number[] | string {
  const ports = query
    .getAll('port')
    .flatMap((list) => list.split(','))
    .map(Number);
  if (ports.length === 0) return 'query parameter "port" is required';
  if (!ports.every((port) => Number.isInteger(port) && port > 0 && port < 65_536)) return 'port must be 1 to 65535';
  return ports;
}

/**
 * The query of `pods/log`; a sentence about what is wrong with it otherwise.
 *
 * @see https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#get-read-log-of-the-specified-pod
 */
export function logOptions(query: URLSearchParams, now: () => number): LogReadOptions | string {
  const number = (name: string): number | undefined => (query.has(name) ? Number(query.get(name)) : undefined);
  const tailLines = number('tailLines');
  const limitBytes = number('limitBytes');
  const sinceSeconds = number('sinceSeconds');
  for (const [name, value] of Object.entries({tailLines, limitBytes, sinceSeconds})) {
    if (value !== undefined && (!Number.isInteger(value) || value < 0)) return `${name} must be a number, not negative`;
  }
  const sinceTime = query.get('sinceTime');
  const sinceMs =
    sinceTime === null ? (sinceSeconds === undefined ? undefined : now() - sinceSeconds * 1000) : Date.parse(sinceTime);
  if (Number.isNaN(sinceMs)) return 'sinceTime must be a time in RFC 3339';
  return {
    follow: query.get('follow') === 'true',
    timestamps: query.get('timestamps') === 'true',
    ...(tailLines === undefined ? {} : {tailLines}),
    ...(limitBytes === undefined ? {} : {limitBytes}),
    ...(sinceMs === undefined ? {} : {sinceMs}),
  };
}

function refuse(socket: Duplex, status: number, message: string): void {
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\nContent-Type: text/plain\r\n` +
      `Content-Length: ${Buffer.byteLength(message) + 1}\r\n\r\n${message}\n`,
  );
}

function answer(response: ServerResponse, status: number, message: string): void {
  response.writeHead(status, {'content-type': 'text/plain'}).end(`${message}\n`);
}
