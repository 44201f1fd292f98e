import {once} from 'node:events';
import type {IncomingMessage, ServerResponse} from 'node:http';
import {createServer, type Server} from 'node:https';
import type {AddressInfo} from 'node:net';
import {pipeline} from 'node:stream/promises';
import type {TLSSocket} from 'node:tls';
import type {ContainerLog, LogReadOptions} from './container-log.ts';

export interface KubeletServerOptions {
  /** PEM certificate and key for the node's address. */
  cert: string;
  key: string;
  /** PEM of the authority that signs the API server's client certificate. */
  ca: string;
  /** Common name of that certificate: nobody else may read logs past the API server's access control. */
  clientName: string;
  findLog(query: {namespace: string; pod: string; container: string; previous: boolean}): ContainerLog | string;
  now?: () => number;
}

/** The part of a kubelet's API that `kubectl logs` and `pods/log` need. */
export class KubeletServer {
  readonly #options: KubeletServerOptions;
  readonly #server: Server;

  constructor(options: KubeletServerOptions) {
    const {cert, key, ca} = options;
    this.#options = options;
    this.#server = createServer({cert, key, ca, requestCert: true, rejectUnauthorized: true}, (request, response) => {
      this.#handle(request, response).catch(() => response.destroy());
    });
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
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const caller = (request.socket as TLSSocket).getPeerCertificate().subject?.CN;
    if (caller !== this.#options.clientName) return answer(response, 403, 'Forbidden');
    const url = new URL(request.url ?? '/', 'https://node');
    const [, kind, namespace, pod, container, ...rest] = url.pathname.split('/').map(decodeURIComponent);
    if (url.pathname === '/healthz') return answer(response, 200, 'ok');
    if (request.method !== 'GET' || kind !== 'containerLogs' || !namespace || !pod || !container || rest.length > 0) {
      return answer(response, 501, 'a local node has logs only: no exec, attach or port-forward');
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

function answer(response: ServerResponse, status: number, message: string): void {
  response.writeHead(status, {'content-type': 'text/plain'}).end(`${message}\n`);
}
