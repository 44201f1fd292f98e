import type {IncomingHttpHeaders} from 'node:http';
import type {Status} from 'kubernetes-types/meta/v1.d.ts';
import {buildConnector, type Dispatcher, Pool} from 'undici';
import type {ClientMetricsSource} from './client-metrics.ts';
import {type Clock, systemClock} from './clock.ts';
import type {ClusterConfig} from './config.ts';
import {connectionError} from './connection-error.ts';
import {ApiError, ReconcilerKitError} from './errors.ts';
import {type Answer, exchange, openStream} from './exchange.ts';
import {pauseAfterAnswer, pauseAfterError, retryAfterSeconds} from './retry-policy.ts';
import {type Logger, silentLogger} from './silent-logger.ts';

/** One request to the API server. */
export interface ApiRequest {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Absolute path below the server's URL, already percent-encoded. */
  path: string;
  /** Undefined values are left out. */
  query?: Record<string, string | number | boolean | undefined>;
  /** Sent as JSON unless it is a string or bytes. */
  body?: unknown;
  /** Default `application/json`, when there is a body. */
  contentType?: string;
  /** Default `application/json`. When another type is asked for, `request` resolves with the body as a string. */
  accept?: string;
  /** Ends the request, waiting between attempts included; the promise rejects with the signal's reason. */
  signal?: AbortSignal | undefined;
  /** Longest time of one attempt, from the call to the last byte. Default 60,000; of a stream, to its headers, 30,000. */
  timeoutMs?: number | undefined;
  /** Instead of the transport's. 0: give every answer to the caller. */
  maxRetries?: number | undefined;
}

export interface TransportOptions {
  /** Default `reconciler-kit`. Shows in the audit log. */
  userAgent?: string;
  /** Connections at most for requests; each stream has its own beside these. Default 32. */
  connections?: number;
  /** How often one request is repeated at most. Default 10. */
  maxRetries?: number;
  /** Longest body that `request` takes. Default 256 MiB. */
  maxResponseBytes?: number;
  clock?: Clock;
  /** 0 ≤ n < 1, for jitter. Default `Math.random`. */
  random?: () => number;
  logger?: Logger;
  metrics?: ClientMetricsSource;
}

/** The answer to a watch or a log request. */
export interface ApiStream {
  status: number;
  headers: IncomingHttpHeaders;
  /** To be iterated once. Throws `CONNECTION_FAILED` when the connection breaks, the signal's reason when aborted. */
  body: AsyncIterable<Uint8Array>;
  /** Closes the connection; `body` ends. */
  close(): void;
}

/** Go's HTTP server, and so the API server, closes idle connections after 90 s: be first. */
const keepAliveTimeoutMs = 55_000;
const connectTimeoutMs = 10_000;
const defaultTimeoutMs = 60_000;
const defaultStreamTimeoutMs = 30_000;
const maxErrorBytes = 1024 * 1024;
const maxRememberedWarnings = 256;

function encodeBody(body: unknown): string | Uint8Array | null {
  if (body === undefined) return null;
  return typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body);
}

function withQuery(path: string, query: ApiRequest['query']): string {
  if (query === undefined) return path;
  const parts: string[] = [];
  for (const key in query) {
    const value = query[key];
    if (value !== undefined) parts.push(`${key}=${encodeURIComponent(value)}`);
  }
  return parts.length === 0 ? path : `${path}?${parts.join('&')}`;
}

function parseJson(body: Buffer): unknown {
  return JSON.parse(body.toString('utf8'));
}

function statusOf(body: Buffer): Partial<Status> | undefined {
  try {
    const parsed = parseJson(body);
    return typeof parsed === 'object' && parsed !== null && 'kind' in parsed && parsed.kind === 'Status'
      ? (parsed as Partial<Status>)
      : undefined;
  } catch {
    return undefined;
  }
}

function apiErrorOf(answer: Answer, request: string): ApiError {
  const text = answer.body.toString('utf8', 0, 300).trim();
  return new ApiError({
    status: answer.status,
    body: statusOf(answer.body),
    message: `the API server answered ${answer.status}${text === '' ? '' : `: ${text}`}`,
    retryAfterSeconds: retryAfterSeconds(answer.headers),
    request,
  });
}

async function collect(body: AsyncIterable<Uint8Array>, maxBytes: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > maxBytes) break;
  }
  return Buffer.concat(chunks);
}

/**
 * The way to one API server: HTTP/1.1 over a pool of kept-alive connections, and a connection of its own for each
 * stream. Answers 401 by asking the configuration for a new credential once, and repeats what the server refused for
 * load. Nothing is sent unless something is asked for.
 */
export class Transport implements AsyncDisposable {
  readonly config: ClusterConfig;
  readonly #pool: Pool;
  readonly #streams: Pool;
  readonly #prefix: string;
  readonly #host: string;
  readonly #options: Required<Omit<TransportOptions, 'metrics'>> & {metrics: ClientMetricsSource | undefined};
  readonly #closed = new AbortController();
  readonly #warnings = new Set<string>();

  /** @throws ReconcilerKitError `CONFIG_INVALID` when the server's URL cannot be used. */
  constructor(config: ClusterConfig, options: TransportOptions = {}) {
    this.config = config;
    const url = URL.parse(config.server);
    if (url === null || (url.protocol !== 'https:' && url.protocol !== 'http:')) {
      throw new ReconcilerKitError(
        'CONFIG_INVALID',
        `server ${JSON.stringify(config.server)} is no URL: write it as https://host:port`,
      );
    }
    this.#prefix = url.pathname.replace(/\/+$/, '');
    this.#host = url.host;
    this.#options = {
      userAgent: options.userAgent ?? 'reconciler-kit',
      connections: options.connections ?? 32,
      maxRetries: options.maxRetries ?? 10,
      maxResponseBytes: options.maxResponseBytes ?? 256 * 1024 * 1024,
      clock: options.clock ?? systemClock,
      random: options.random ?? Math.random,
      logger: options.logger ?? silentLogger,
      metrics: options.metrics,
    };
    const connect = connector(config);
    const shared = {connect, pipelining: 1, keepAliveTimeout: keepAliveTimeoutMs, headersTimeout: 0, bodyTimeout: 0};
    this.#pool = new Pool(url.origin, {...shared, connections: this.#options.connections});
    // Unbounded: a watch keeps its connection for itself as long as it lasts.
    this.#streams = new Pool(url.origin, shared);
  }

  /**
   * Sends a request and resolves with the parsed body (undefined when there is none).
   *
   * @throws ApiError for an answer that is no success, once it is not worth repeating.
   * @throws ReconcilerKitError `CONNECTION_FAILED`, `TIMEOUT`, `RESPONSE_TOO_LARGE`, `RESPONSE_INVALID`, `TRANSPORT_CLOSED`.
   */
  async request<T>(request: ApiRequest): Promise<T> {
    const description = `${request.method} ${request.path}`;
    const answer = await this.#answer(request, description);
    if (answer.status < 200 || answer.status > 299) throw apiErrorOf(answer, description);
    if (answer.headers.warning !== undefined) this.#logWarnings(answer.headers.warning);
    if (answer.body.length === 0) return undefined as T;
    if (request.accept !== undefined && !request.accept.includes('json')) return answer.body.toString('utf8') as T;
    try {
      return parseJson(answer.body) as T;
    } catch (error) {
      const text = answer.body.toString('utf8', 0, 100);
      throw new ReconcilerKitError(
        'RESPONSE_INVALID',
        `${description}: the answer is not JSON: is ${this.config.server} a Kubernetes API server? It begins ${JSON.stringify(text)}`,
        {cause: error},
      );
    }
  }

  /**
   * Sends a request on a connection of its own and resolves with the headers as soon as they are there. Not repeated,
   * but for one time after a 401.
   *
   * @throws ApiError for an answer that is no success.
   * @throws ReconcilerKitError `CONNECTION_FAILED`, `TIMEOUT`, `TRANSPORT_CLOSED`.
   */
  async stream(request: ApiRequest): Promise<ApiStream> {
    const description = `${request.method} ${request.path}`;
    for (let refresh = false; ; refresh = true) {
      const options = await this.#dispatchOptions(request, refresh);
      const stream = await this.#observed(request, description, () =>
        // A connection that nobody used before and nobody will after: none that died unnoticed in the pool.
        openStream(
          this.#streams,
          {...options, reset: true},
          this.#limits(request, description, defaultStreamTimeoutMs),
          (error) => this.#explain(error, description, request.signal),
        ),
      );
      if (stream.status === 401 && !refresh && this.config.authorization !== undefined) {
        stream.close();
        continue;
      }
      if (stream.status >= 200 && stream.status <= 299) {
        return stream;
      }
      const body = await collect(stream.body, maxErrorBytes);
      throw apiErrorOf({status: stream.status, headers: stream.headers, body}, description);
    }
  }

  /** Closes all connections. What is under way fails with `TRANSPORT_CLOSED`. */
  async close(): Promise<void> {
    const reason = new ReconcilerKitError('TRANSPORT_CLOSED', 'the transport is closed');
    if (!this.#closed.signal.aborted) this.#closed.abort(reason);
    await Promise.all([this.#pool.destroy(reason), this.#streams.destroy(reason)]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** One answer, after as many attempts as it takes and is allowed. */
  async #answer(request: ApiRequest, description: string): Promise<Answer> {
    const maxRetries = request.maxRetries ?? this.#options.maxRetries;
    const {clock, random} = this.#options;
    let refreshed = false;
    let refresh = false;
    for (let attempt = 0; ; attempt++) {
      let pauseMs: number | undefined;
      let code: string;
      try {
        const options = await this.#dispatchOptions(request, refresh);
        const answer = await this.#observed(request, description, () =>
          exchange(this.#pool, options, this.#limits(request, description), this.#options.maxResponseBytes),
        );
        if (answer.status === 401 && !refreshed && this.config.authorization !== undefined) {
          refreshed = true;
          refresh = true;
          continue;
        }
        refresh = false;
        pauseMs = attempt < maxRetries ? pauseAfterAnswer(answer.status, answer.headers, attempt, random) : undefined;
        if (pauseMs === undefined) return answer;
        code = String(answer.status);
      } catch (error) {
        pauseMs = attempt < maxRetries ? pauseAfterError(request.method, error, attempt, random) : undefined;
        if (pauseMs === undefined) throw error;
        code = '<error>';
      }
      this.#options.metrics?.client.requestRetried({verb: request.method, host: this.#host, code});
      this.#options.logger.debug('request is repeated', {request: description, code, pauseMs, attempt: attempt + 1});
      await clock.sleep(pauseMs, this.#untilClosed(request.signal));
    }
  }

  #untilClosed(signal: AbortSignal | undefined): AbortSignal {
    return signal === undefined ? this.#closed.signal : AbortSignal.any([signal, this.#closed.signal]);
  }

  #limits(request: ApiRequest, description: string, timeoutMs = defaultTimeoutMs) {
    return {
      clock: this.#options.clock,
      timeoutMs: request.timeoutMs ?? timeoutMs,
      description,
      signal: request.signal,
    };
  }

  async #dispatchOptions(request: ApiRequest, refresh: boolean): Promise<Dispatcher.DispatchOptions> {
    request.signal?.throwIfAborted();
    this.#closed.signal.throwIfAborted();
    const headers: Record<string, string | string[]> = {
      ...this.config.headers,
      accept: request.accept ?? 'application/json',
      'user-agent': this.#options.userAgent,
    };
    const authorization = await this.config.authorization?.({refresh});
    if (authorization !== undefined) headers.authorization = authorization;
    const body = encodeBody(request.body);
    if (body !== null) headers['content-type'] = request.contentType ?? 'application/json';
    return {method: request.method, path: this.#prefix + withQuery(request.path, request.query), headers, body};
  }

  /** Counts an exchange, and gives what went wrong with it a message that helps. */
  async #observed<A extends {status: number}>(
    request: ApiRequest,
    description: string,
    send: () => Promise<A>,
  ): Promise<A> {
    const {clock, metrics} = this.#options;
    const startMs = clock.monotonic();
    let code = '<error>';
    try {
      const answer = await send();
      code = String(answer.status);
      return answer;
    } catch (error) {
      throw this.#explain(error, description, request.signal);
    } finally {
      metrics?.client.requestDone({
        method: request.method,
        verb: request.query?.watch === undefined ? request.method : 'WATCH',
        host: this.#host,
        code,
        seconds: (clock.monotonic() - startMs) / 1000,
      });
    }
  }

  #explain(error: unknown, description: string, signal?: AbortSignal): unknown {
    if (signal?.aborted === true) return error;
    if (this.#closed.signal.aborted) return this.#closed.signal.reason;
    return connectionError(error, description, this.config.server);
  }

  /** `299 - "text"`: what the server wants the user to know, e.g. about deprecated versions. Each text once. */
  #logWarnings(header: string | string[]): void {
    for (const [, text] of String(header).matchAll(/299 \S+ "((?:[^"\\]|\\.)*)"/g)) {
      if (text === undefined || this.#warnings.has(text) || this.#warnings.size >= maxRememberedWarnings) continue;
      this.#warnings.add(text);
      this.#options.logger.warn('the API server warns', {warning: text.replace(/\\(.)/g, '$1')});
    }
  }
}

function connector(config: ClusterConfig): buildConnector.connector {
  const {ca, cert, key, tlsServerName} = config;
  return buildConnector({
    allowH2: false,
    timeout: connectTimeoutMs,
    keepAlive: true,
    keepAliveInitialDelay: 30_000,
    ...(ca === undefined ? {} : {ca}),
    ...(cert === undefined ? {} : {cert}),
    ...(key === undefined ? {} : {key}),
    ...(tlsServerName === undefined ? {} : {servername: tlsServerName}),
    rejectUnauthorized: config.insecureSkipTlsVerify !== true,
  });
}
