import {once} from 'node:events';
import type {IncomingMessage} from 'node:http';
import {Duplex} from 'node:stream';
import {ApiError, type ClusterConfig, isApiError, ReconcilerKitError} from '@kruntimes/reconciler-kit';
import type {Status} from 'kubernetes-types/meta/v1.d.ts';
import {type RawData, WebSocket} from 'ws';
import {clientVersion} from './version.ts';

/** A TCP port on the loopback address of a Pod. */
export interface PodPort {
  namespace: string;
  pod: string;
  port: number;
}

export interface PodTunnelOptions {
  signal?: AbortSignal | undefined;
  /** Longest time until the tunnel stands. */
  timeoutMs?: number;
}

/** The data stream and the stream of errors; one message is the number of its stream and then bytes of it. */
const DATA = 0;
const ERROR = 1;
/** Every API server and every kubelet speaks it; see docs/decisions/0007-port-forward.md. */
const PROTOCOL = 'v4.channel.k8s.io';
const defaultTimeoutMs = 15_000;
const maxErrorBytes = 64 * 1024;

/**
 * Connects to a port of a Pod through the API server, by the subresource `pods/portforward`: the API server checks who
 * asks and has the kubelet connect. The tunnel is open before anybody has connected to the port; if nobody listens there,
 * it breaks with a {@link PodPortError}.
 *
 * @throws ApiError when the cluster refuses (403: no permission, 404: no such Pod); ReconcilerKitError `CONNECTION_FAILED`
 * @see https://kubernetes.io/docs/reference/generated/kubernetes-api/v1.31/#create-connect-portforward-pod-v1-core
 */
export async function openPodTunnel(
  config: ClusterConfig,
  target: PodPort,
  options: PodTunnelOptions = {},
): Promise<Duplex> {
  for (let refresh = false; ; refresh = true) {
    try {
      return await connect(config, target, options, await config.authorization?.({refresh}));
    } catch (error) {
      if (refresh || !config.authorization || !isApiError(error) || error.status !== 401) throw error;
    }
  }
}

/** The connection to the port could not be made, or broke, behind the API server. */
export class PodPortError extends Error {
  override readonly name = 'PodPortError';
}

async function connect(
  config: ClusterConfig,
  {namespace, pod, port}: PodPort,
  {signal, timeoutMs = defaultTimeoutMs}: PodTunnelOptions,
  authorization: string | undefined,
): Promise<Duplex> {
  signal?.throwIfAborted();
  const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods/${encodeURIComponent(pod)}/portforward`;
  const url = new URL(`${config.server.replace(/^http/, 'ws').replace(/\/+$/, '')}${path}?ports=${port}`);
  const {ca, cert, key, tlsServerName, headers, insecureSkipTlsVerify} = config;
  const socket = new WebSocket(url, PROTOCOL, {
    headers: {'user-agent': `krt/${clientVersion()}`, ...headers, ...(authorization ? {authorization} : {})},
    handshakeTimeout: timeoutMs,
    perMessageDeflate: false,
    ...(ca === undefined ? {} : {ca}),
    ...(cert === undefined ? {} : {cert}),
    ...(key === undefined ? {} : {key}),
    ...(tlsServerName === undefined ? {} : {servername: tlsServerName}),
    rejectUnauthorized: insecureSkipTlsVerify !== true,
  });
  // From the first moment: messages may come with the answer itself.
  const tunnel = new PodTunnel(socket);
  const refused = Promise.withResolvers<never>();
  socket.once('unexpected-response', (_request, response: IncomingMessage) => {
    refusal(response, `GET ${path}`).then(refused.reject, refused.reject);
  });
  const abort = (): void => void tunnel.destroy();
  signal?.addEventListener('abort', abort, {once: true});
  tunnel.once('close', () => signal?.removeEventListener('abort', abort));
  try {
    await Promise.race([once(socket, 'open'), refused.promise]);
    return tunnel;
  } catch (error) {
    tunnel.destroy();
    signal?.throwIfAborted();
    if (isApiError(error)) throw error;
    const why = error instanceof Error ? error.message : String(error);
    throw new ReconcilerKitError('CONNECTION_FAILED', `GET ${path}: no answer from ${config.server}: ${why}`, {
      cause: error,
      retryable: true,
    });
  }
}

async function refusal(response: IncomingMessage, request: string): Promise<ApiError> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > maxErrorBytes) break;
  }
  const text = Buffer.concat(chunks).toString('utf8');
  const status = response.statusCode ?? 500;
  const message = `the API server answered ${status}${text.trim() === '' ? '' : `: ${text.trim().slice(0, 300)}`}`;
  return new ApiError({status, body: statusOf(text), message, request});
}

function statusOf(text: string): Partial<Status> | undefined {
  try {
    const parsed = JSON.parse(text) as Partial<Status> | null;
    return parsed?.kind === 'Status' ? parsed : undefined;
  } catch {
    return undefined;
  }
}

/** The bytes of the data stream. Whoever reads slowly makes the other end wait: nothing is collected in memory. */
class PodTunnel extends Duplex {
  readonly #socket: WebSocket;
  /** Each stream begins with the number of the port, two bytes. */
  readonly #portBytes = [2, 2];
  #problem = '';

  constructor(socket: WebSocket) {
    super();
    this.#socket = socket;
    socket.on('message', (data: RawData) => this.#receive(data as Buffer));
    socket.on('close', () => this.#closed());
    socket.on('error', (error) => this.destroy(error));
    // Until somebody waits for it: an attempt to connect may fail before.
    this.on('error', () => undefined);
  }

  override _read(): void {
    if (this.#socket.isPaused) this.#socket.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    const message = Buffer.allocUnsafe(chunk.length + 1);
    message[0] = DATA;
    chunk.copy(message, 1);
    this.#socket.send(message, (error) => done(error ?? null));
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#socket.terminate();
    done(error);
  }

  #receive(message: Buffer): void {
    const stream = message[0] ?? DATA;
    if (stream !== DATA && stream !== ERROR) return;
    const header = Math.min(this.#portBytes[stream] ?? 0, message.length - 1);
    this.#portBytes[stream] = (this.#portBytes[stream] ?? 0) - header;
    const bytes = message.subarray(1 + header);
    if (bytes.length === 0) return;
    if (stream === ERROR) this.#problem = (this.#problem + bytes.toString('utf8')).slice(0, maxErrorBytes);
    else if (!this.push(bytes)) this.#socket.pause();
  }

  #closed(): void {
    if (this.#problem === '') this.push(null);
    else this.destroy(new PodPortError(this.#problem.trim()));
  }
}
