import {once} from 'node:events';
import {type IncomingMessage, type ServerResponse, STATUS_CODES} from 'node:http';
import {createServer, type Server} from 'node:https';
import type {AddressInfo} from 'node:net';
import type {Duplex} from 'node:stream';
import {pipeline} from 'node:stream/promises';
import type {TLSSocket} from 'node:tls';
import type {ContainerLog, LogReadOptions} from './container-log.ts';
import {connectPodPort} from './pod-port.ts';
import {SpdyPortForward} from './spdy-port-forward.ts';
import {forwardWebSocket} from './websocket-port-forward.ts';

export interface KubeletServerOptions {
  /** PEM certificate and key for the node's address. */
  cert: string;
  key: string;
  /** PEM of the authority that signs the API server's client certificate. */
  ca: string;
  /** Common name of that certificate: nobody else may read logs past the API server's access control. */
  clientName: string;
  findLog(query: {namespace: string; pod: string; container: string; previous: boolean}): ContainerLog | string;
  /** Address of a Pod that runs here; undefined otherwise. */
  podAddress(namespace: string, pod: string): string | undefined;
  now?: () => number;
}

/** The part of a kubelet's API that `pods/log` and `pods/portforward` need. */
export class KubeletServer {
  readonly #options: KubeletServerOptions;
  readonly #server: Server;
  /** Connections that are no HTTP any more: the server does not know them. */
  readonly #upgraded = new Set<Duplex>();

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
    if (request.method !== 'GET' || kind !== 'containerLogs' || !namespace || !pod || !container || rest.length > 0) {
      return answer(response, 501, 'a local node has logs and port-forward only: no exec, no attach');
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

  /**
   * Port-forward in both protocols that reach a kubelet: SPDY, to which the API server also turns kubectl's WebSockets,
   * and WebSocket channels, which it passes on as they are.
   */
  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', () => socket.destroy());
    this.#upgraded.add(socket);
    socket.once('close', () => this.#upgraded.delete(socket));
    if (!this.#isApiServer(request)) return refuse(socket, 403, 'Forbidden');
    const url = new URL(request.url ?? '/', 'https://node');
    const [, kind, namespace, pod, ...rest] = url.pathname.split('/').map(decodeURIComponent);
    if (kind !== 'portForward' || !namespace || !pod || rest.length > 1) return refuse(socket, 501, 'not served here');
    const address = this.#options.podAddress(namespace, pod);
    if (address === undefined) return refuse(socket, 404, `pod ${namespace}/${pod} does not run on this node`);
    const connect = async (port: number) => await connectPodPort(address, port);
    const protocol = request.headers.upgrade?.toLowerCase();
    if (protocol === 'websocket') {
      const ports = forwardedPorts(url.searchParams);
      if (typeof ports === 'string') return refuse(socket, 400, ports);
      forwardWebSocket(request, socket, head, ports, connect);
    } else if (protocol === 'spdy/3.1') {
      socket.write(
        'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n' +
          'X-Stream-Protocol-Version: portforward.k8s.io\r\n\r\n',
      );
      void new SpdyPortForward(socket, connect).run(head);
    } else refuse(socket, 400, `no port-forward over ${protocol}`);
  }
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
