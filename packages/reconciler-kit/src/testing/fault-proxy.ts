import {createServer, request as httpRequest, type IncomingMessage, type Server, type ServerResponse} from 'node:http';
import {Agent, createServer as createTlsServer, request as httpsRequest} from 'node:https';
import type {AddressInfo, Socket} from 'node:net';
import type {KeyPair} from '@kruntimes/apiserver-kit/certificate-authority';
import {type Clock, systemClock, type Timer} from '../clock.ts';
import type {ClusterConfig} from '../config.ts';

/** A request that came by. */
export interface ProxiedRequest {
  method: string;
  /** Path and query. */
  url: string;
  /** Without the query. */
  path: string;
  watch: boolean;
  userAgent: string;
  /** By the proxy's clock. */
  time: number;
}

/** All of what is given must hold; a `path` that is a string must be the whole path. */
export interface RequestMatch {
  method?: string;
  path?: string | RegExp;
  watch?: boolean;
  userAgent?: string | RegExp;
}

export type Fault =
  /** The connection breaks before the request reaches the server. */
  | {kind: 'cut'}
  /** The request reaches the server and is carried out, but the connection breaks before the answer. */
  | {kind: 'lose-answer'}
  /** The connection breaks in the middle of the first part of the answer's body. */
  | {kind: 'tear'}
  /** The request waits. */
  | {kind: 'delay'; ms: number}
  /** The server is not asked; this is the answer. */
  | {kind: 'answer'; status: number; retryAfterSeconds?: number; body?: string}
  /** The request is taken and never answered, and the connection stays open: a dead peer behind a live network. */
  | {kind: 'stall'}
  /** The answer's headers come, its body does not: a watch that has gone deaf. */
  | {kind: 'stall-body'};

export interface FaultOptions {
  /** Which requests. Default: all. */
  match?: RequestMatch;
  /** How many requests are hit before the fault is over. Default: all until {@link ActiveFault.stop}. */
  times?: number;
}

export interface ActiveFault {
  readonly hits: number;
  stop(): void;
}

export interface FaultProxyOptions {
  /** Serves HTTPS with this certificate, as in-cluster clients need. Default: plain HTTP. */
  tls?: KeyPair;
  clock?: Clock;
  /** How many requests are remembered; the oldest are forgotten first. Default 100,000. */
  maxRecorded?: number;
}

interface Exchange {
  request: ProxiedRequest;
  cut: (this: void) => void;
}

/**
 * Stands between clients and an API server and breaks what it is told to break. It speaks to the server as the user of
 * `target`, unless the client sends an Authorization header of its own.
 *
 * @example
 * const proxy = await FaultProxy.start(controlPlane.config);
 * const client = new Client(new Transport(proxy.config));
 * proxy.inject({kind: 'answer', status: 429, retryAfterSeconds: 1}, {match: {method: 'POST'}, times: 2});
 * proxy.cutEvery(200, {watch: true});
 */
export class FaultProxy implements AsyncDisposable {
  /** Every request that came by, oldest first. */
  readonly requests: ProxiedRequest[] = [];
  readonly #target: ClusterConfig;
  readonly #options: FaultProxyOptions;
  readonly #clock: Clock;
  readonly #agent: Agent;
  readonly #exchanges = new Set<Exchange>();
  readonly #sockets = new Set<Socket>();
  readonly #faults: {fault: Fault; match: RequestMatch; left: number; hits: number}[] = [];
  readonly #waiting = new Set<(request: ProxiedRequest) => void>();
  readonly #timers = new Set<Timer>();
  #server: Server | undefined;
  #port = 0;

  private constructor(target: ClusterConfig, options: FaultProxyOptions) {
    this.#target = target;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#agent = new Agent({
      keepAlive: true,
      ...(target.ca === undefined ? {} : {ca: target.ca}),
      ...(target.cert === undefined ? {} : {cert: target.cert}),
      ...(target.key === undefined ? {} : {key: target.key}),
      ...(target.tlsServerName === undefined ? {} : {servername: target.tlsServerName}),
      rejectUnauthorized: target.insecureSkipTlsVerify !== true,
    });
  }

  static async start(target: ClusterConfig, options: FaultProxyOptions = {}): Promise<FaultProxy> {
    const proxy = new FaultProxy(target, options);
    await proxy.online();
    return proxy;
  }

  /** `http://127.0.0.1:port`, or `https:` with {@link FaultProxyOptions.tls}. */
  get server(): string {
    return `${this.#options.tls === undefined ? 'http' : 'https'}://127.0.0.1:${this.#port}`;
  }

  /** The way of `target`'s user through this proxy. */
  get config(): ClusterConfig {
    const {namespace, ca} = this.#target;
    const trust = this.#options.tls === undefined || ca === undefined ? {} : {ca};
    return {server: this.server, namespace, ...trust};
  }

  /** Breaks requests from now on; of several faults that match a request, the newest counts. */
  inject(fault: Fault, options: FaultOptions = {}): ActiveFault {
    const entry = {fault, match: options.match ?? {}, left: options.times ?? Number.POSITIVE_INFINITY, hits: 0};
    this.#faults.unshift(entry);
    return {
      get hits() {
        return entry.hits;
      },
      stop: () => {
        entry.left = 0;
      },
    };
  }

  /** Breaks the connections of all matching requests that are under way; returns how many. */
  cut(match: RequestMatch = {}): number {
    const doomed = [...this.#exchanges].filter(({request}) => matches(request, match));
    for (const exchange of doomed) exchange.cut();
    return doomed.length;
  }

  /** {@link cut} again and again. */
  cutEvery(ms: number, match: RequestMatch = {watch: true}): ActiveFault {
    let hits = 0;
    let timer: Timer;
    const next = (): void => {
      timer = this.#timer(() => {
        hits += this.cut(match);
        next();
      }, ms);
    };
    next();
    return {
      get hits() {
        return hits;
      },
      stop: () => {
        timer.cancel();
        this.#timers.delete(timer);
      },
    };
  }

  /** How many requests came by. */
  count(match: RequestMatch = {}): number {
    return this.requests.filter((request) => matches(request, match)).length;
  }

  /** How many matching requests are under way now. */
  open(match: RequestMatch = {}): number {
    return [...this.#exchanges].filter(({request}) => matches(request, match)).length;
  }

  /** The next matching request, as soon as it arrives. */
  async nextRequest(match: RequestMatch = {}, timeoutMs = 10_000): Promise<ProxiedRequest> {
    return await new Promise((resolve, reject) => {
      const finish = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(examine);
      };
      const examine = (request: ProxiedRequest): void => {
        if (!matches(request, match)) return;
        finish();
        resolve(request);
      };
      const timer = setTimeout(() => {
        finish();
        reject(
          new Error(`no request ${JSON.stringify({...match, path: String(match.path ?? '')})} within ${timeoutMs} ms`),
        );
      }, timeoutMs);
      this.#waiting.add(examine);
    });
  }

  /** Refuses connections and breaks those that exist, like a server that is down. */
  async offline(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    const closed = new Promise((resolve) => server.close(resolve));
    this.cut();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  /** Listens again, on the same port. */
  async online(): Promise<void> {
    if (this.#server !== undefined) return;
    const {tls} = this.#options;
    const handle = (incoming: IncomingMessage, outgoing: ServerResponse): void => void this.#handle(incoming, outgoing);
    const server = tls === undefined ? createServer(handle) : createTlsServer({cert: tls.cert, key: tls.key}, handle);
    server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
    // A watch may be silent for long.
    server.requestTimeout = 0;
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject).listen(this.#port, '127.0.0.1', resolve);
    });
    this.#port = (server.address() as AddressInfo).port;
    this.#server = server;
  }

  async close(): Promise<void> {
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
    await this.offline();
    this.#agent.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #handle(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const request = this.#record(incoming);
    const gone = new AbortController();
    const exchange: Exchange = {
      request,
      cut: () => {
        gone.abort();
        incoming.socket.destroy();
      },
    };
    this.#exchanges.add(exchange);
    outgoing.once('close', () => {
      this.#exchanges.delete(exchange);
      gone.abort();
    });
    incoming.on('error', () => {});
    outgoing.on('error', () => {});

    const fault = this.#takeFault(request);
    if (fault?.kind === 'cut') return exchange.cut();
    if (fault?.kind === 'answer') return answer(incoming, outgoing, fault);
    if (fault?.kind === 'stall') return void incoming.resume();
    if (fault?.kind === 'delay') await new Promise<void>((resolve) => this.#timer(resolve, fault.ms));
    if (gone.signal.aborted) return;
    const authorization = incoming.headers.authorization ?? (await this.#target.authorization?.({refresh: false}));
    this.#forward(incoming, outgoing, {authorization, fault, cut: exchange.cut, signal: gone.signal});
  }

  #forward(
    incoming: IncomingMessage,
    outgoing: ServerResponse,
    way: {authorization: string | undefined; fault: Fault | undefined; cut: (this: void) => void; signal: AbortSignal},
  ): void {
    const base = new URL(this.#target.server);
    const {connection: _, host: __, authorization: ___, ...headers} = incoming.headers;
    const secure = base.protocol === 'https:';
    const sent = (secure ? httpsRequest : httpRequest)({
      host: base.hostname,
      port: base.port,
      path: `${base.pathname.replace(/\/$/, '')}${incoming.url}`,
      method: incoming.method,
      headers: {...headers, ...(way.authorization === undefined ? {} : {authorization: way.authorization})},
      ...(secure ? {agent: this.#agent} : {}),
      signal: way.signal,
    });
    sent.on('error', way.cut);
    sent.on('response', (response) => {
      if (way.fault?.kind === 'lose-answer') {
        // Only now is it certain that the server has done its part.
        response.resume().once('end', way.cut);
        return;
      }
      const {connection: ____, 'keep-alive': _____, ...answerHeaders} = response.headers;
      outgoing.writeHead(response.statusCode ?? 502, answerHeaders);
      outgoing.flushHeaders();
      response.on('error', way.cut);
      if (way.fault?.kind === 'stall-body') {
        response.resume();
      } else if (way.fault?.kind === 'tear') {
        response.once('data', (chunk: Buffer) => {
          response.pause();
          outgoing.write(chunk.subarray(0, Math.ceil(chunk.length / 2)), way.cut);
        });
      } else {
        response.pipe(outgoing);
        // The server cut its answer short: so does the proxy, instead of making it look complete.
        response.once('aborted', way.cut);
      }
    });
    incoming.pipe(sent);
  }

  #record(incoming: IncomingMessage): ProxiedRequest {
    const url = incoming.url ?? '/';
    const {pathname, searchParams} = new URL(url, 'http://proxy');
    const request: ProxiedRequest = {
      method: incoming.method ?? 'GET',
      url,
      path: pathname,
      watch: ['true', '1'].includes(searchParams.get('watch') ?? ''),
      userAgent: incoming.headers['user-agent'] ?? '',
      time: this.#clock.now(),
    };
    this.requests.push(request);
    if (this.requests.length > (this.#options.maxRecorded ?? 100_000)) this.requests.shift();
    for (const waiting of this.#waiting) waiting(request);
    return request;
  }

  #takeFault(request: ProxiedRequest): Fault | undefined {
    const entry = this.#faults.find(({left, match}) => left > 0 && matches(request, match));
    if (entry === undefined) return undefined;
    entry.left--;
    entry.hits++;
    return entry.fault;
  }

  #timer(fn: () => void, ms: number): Timer {
    const timer = this.#clock.setTimeout(() => {
      this.#timers.delete(timer);
      fn();
    }, ms);
    this.#timers.add(timer);
    return timer;
  }
}

function matches(request: ProxiedRequest, match: RequestMatch): boolean {
  const fits = (actual: string, wanted: string | RegExp | undefined): boolean =>
    wanted === undefined || (typeof wanted === 'string' ? actual === wanted : wanted.test(actual));
  return (
    (match.method === undefined || match.method === request.method) &&
    (match.watch === undefined || match.watch === request.watch) &&
    fits(request.path, match.path) &&
    fits(request.userAgent, match.userAgent)
  );
}

function answer(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  fault: {status: number; retryAfterSeconds?: number; body?: string},
): void {
  const {status, retryAfterSeconds} = fault;
  const body =
    fault.body ??
    JSON.stringify({
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message: `injected fault ${status}`,
      reason: status === 429 ? 'TooManyRequests' : 'InternalError',
      ...(retryAfterSeconds === undefined ? {} : {details: {retryAfterSeconds}}),
      code: status,
    });
  incoming.resume();
  outgoing.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    ...(retryAfterSeconds === undefined ? {} : {'retry-after': String(retryAfterSeconds)}),
  });
  outgoing.end(body);
}
