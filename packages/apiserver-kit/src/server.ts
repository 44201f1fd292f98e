import {createServer as createHttpServer, type IncomingMessage, type Server, ServerResponse} from 'node:http';
import {createServer as createHttpsServer} from 'node:https';
import type {AddressInfo, Socket} from 'node:net';
import type {Duplex} from 'node:stream';
import type {AdmissionPlugin} from './admission/admission.ts';
import type {AuditLog} from './audit/audit-log.ts';
import type {Authenticator} from './auth/authentication.ts';
import type {Authorizer} from './auth/authorization.ts';
import {type Clock, systemClock} from './clock.ts';
import {CustomResources} from './crd/custom-resources.ts';
import {customResourceDefinitionResource} from './crd/definition-resource.ts';
import {Discovery} from './discovery/discovery.ts';
import {FlowControl, type FlowControlOptions} from './flow/flow-control.ts';
import {ApiHandler} from './http/api-handler.ts';
import {refuseClient} from './http/client-error.ts';
import {ConnectionGate} from './http/connection-gate.ts';
import {RequestMetrics} from './http/request-metrics.ts';
import {OpenApi} from './openapi/open-api.ts';
import {openApiHandler} from './openapi/open-api-handler.ts';
import {Registry} from './registry/registry.ts';
import type {Resource} from './registry/resource.ts';
import type {Storage} from './storage/storage.ts';
import {serverVersion} from './version.ts';

/** What makes a server this server. */
export interface ServerParts {
  /** Beside CustomResourceDefinitions, which every server has. */
  resources: readonly Resource[];
  authenticator: Authenticator;
  authorizer: Authorizer;
  /** In the order in which they are asked. */
  admission: readonly AdmissionPlugin[];
}

export interface ApiServerOptions {
  /** Is not closed with the server. */
  storage: Storage;
  /** Called once, before there are resources in the registry. */
  configure: (registry: Registry) => ServerParts;
  audit?: AuditLog;
  /** Whether a watch may begin with the present state (`sendInitialEvents`). Default: true. */
  watchList?: boolean;
  /** How many requests run at the same time. */
  flowControl?: Omit<FlowControlOptions, 'clock'>;
  clock?: Clock;
  /** From 0 to 1, excluding 1. Default: Math.random. */
  random?: () => number;
  /** What goes wrong and is nobody's request. Default: nothing. */
  onError?: (error: unknown) => void;
}

export interface ListenOptions {
  /** Default: 127.0.0.1. */
  host?: string;
  /** 0: any. */
  port: number;
  /** PEM. Default: plain HTTP, for tests. */
  tls?: {
    cert: string;
    key: string;
    /** Authority of client certificates. */
    clientCa?: string;
  };
}

/** A Kubernetes API server. */
export class ApiServer {
  readonly registry: Registry;
  readonly #handler: ApiHandler;
  readonly #customs: CustomResources;
  readonly #stopping: AbortController;
  readonly #gate: ConnectionGate;
  readonly #servers: Server[] = [];
  readonly #underWay = new Set<Promise<void>>();

  /** @see createApiServer */
  constructor(parts: {
    registry: Registry;
    handler: ApiHandler;
    customs: CustomResources;
    stopping: AbortController;
    gate: ConnectionGate;
  }) {
    this.registry = parts.registry;
    this.#gate = parts.gate;
    this.#handler = parts.handler;
    this.#customs = parts.customs;
    this.#stopping = parts.stopping;
  }

  /** Takes requests from now on. @throws Error of Node, such as EADDRINUSE */
  async listen({host = '127.0.0.1', port, tls}: ListenOptions): Promise<{url: string}> {
    const onRequest = (request: IncomingMessage, response: ServerResponse): void => this.#serve(request, response);
    const server = tls
      ? createHttpsServer({...limits, ...tlsOptions(tls)}, onRequest)
      : createHttpServer(limits, onRequest);
    server.keepAliveTimeout = KEEP_ALIVE_MS;
    server.maxConnections = MAX_CONNECTIONS;
    if (tls) guard(server, this.#gate);
    server.on('clientError', refuseClient);
    server.on('upgrade', (request, socket, head) => this.#serveUpgrade(request, socket, head));
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, host, () => {
        server.off('error', reject);
        resolve();
      });
    });
    this.#servers.push(server);
    const address = server.address() as AddressInfo;
    const name = address.family === 'IPv6' ? `[${address.address}]` : address.address;
    return {url: `${tls ? 'https' : 'http'}://${name}:${address.port}`};
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    this.#track(this.#handler.handle({request, response}));
  }

  /** Node leaves the connection to us. It is only for some subresources that it becomes something else than HTTP. */
  #serveUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const response = new ServerResponse(request);
    response.shouldKeepAlive = false;
    response.assignSocket(socket as Socket);
    response.on('finish', () => socket.end());
    // Whoever uses the connection sees that it is closed.
    socket.on('error', () => {});
    this.#track(this.#handler.handle({request, response, upgrade: {socket, head}}));
  }

  #track(work: Promise<void>): void {
    const done = work.finally(() => this.#underWay.delete(done));
    this.#underWay.add(done);
  }

  /** Takes no more requests, ends watches, and resolves when what is under way is answered and all connections are closed. */
  async close(): Promise<void> {
    this.#stopping.abort();
    const closed = this.#servers.map(async (server) => await new Promise((resolve) => server.close(resolve)));
    this.#customs.close();
    this.registry.close();
    for (const server of this.#servers) server.closeIdleConnections();
    await Promise.all(this.#underWay);
    this.#gate.close();
    for (const server of this.#servers) server.closeAllConnections();
    await Promise.all(closed);
  }
}

/** How long an idle connection is kept: longer than clients do it, so that it is they who close it. */
const KEEP_ALIVE_MS = 120_000;

/** Each takes some 60 KB, with TLS. */
const MAX_CONNECTIONS = 4_000;

/** Lets connections through the gate before the server begins with TLS. */
function guard(server: Server, gate: ConnectionGate): void {
  const listeners = server.listeners('connection') as ((socket: Socket) => void)[];
  server.removeAllListeners('connection');
  server.on('connection', (socket: Socket) => {
    gate.enter(socket, () => {
      for (const listener of listeners) listener.call(server, socket);
    });
  });
}

/** Slow and silent clients do not hold anything for long. */
const limits = {
  maxHeaderSize: 64 * 1024,
  headersTimeout: 20_000,
  requestTimeout: 65_000,
  connectionsCheckingInterval: 5_000,
};

function tlsOptions({cert, key, clientCa}: NonNullable<ListenOptions['tls']>) {
  return {
    cert,
    key,
    // As for heads: when thousands come at the same time, the last ones wait for all others.
    handshakeTimeout: limits.headersTimeout,
    // Who has no certificate, or one of somebody else, may still have a token.
    ...(clientCa !== undefined && {ca: clientCa, requestCert: true, rejectUnauthorized: false}),
  };
}

/** Opens the storage and makes a server that is ready to {@link ApiServer.listen}. @throws StorageError */
export async function createApiServer(options: ApiServerOptions): Promise<ApiServer> {
  const {storage, configure, audit, clock = systemClock, random = Math.random, onError = () => {}} = options;
  let admission: readonly AdmissionPlugin[] = [];
  const registry = new Registry(storage, {clock, random, admission: () => admission});
  const parts = configure(registry);
  const now = (): Date => new Date(clock.now());
  await Promise.all(
    [...parts.resources, customResourceDefinitionResource({now})].map(
      async (resource) => await registry.install(resource),
    ),
  );
  admission = parts.admission;
  const customs = await CustomResources.start(registry, {now, onError});
  const stopping = new AbortController();
  const gate = new ConnectionGate({clock});
  const handler = new ApiHandler({
    registry,
    authenticator: parts.authenticator,
    authorizer: parts.authorizer,
    ...(audit && {audit}),
    paths: {
      discovery: new Discovery(registry),
      openApi: openApiHandler(new OpenApi(registry, '1.36'), now),
      metrics: new RequestMetrics(),
      version: serverVersion(),
      isBuiltinGroup: (group) => [...registry.resources()].some((each) => !each.custom && each.group === group),
      isReady: () => !stopping.signal.aborted,
    },
    flow: new FlowControl({...options.flowControl, clock}),
    watchList: options.watchList ?? true,
    stopping: stopping.signal,
    onAuthenticated: ({socket}) => gate.know(socket),
    random,
    onError,
  });
  return new ApiServer({registry, handler, customs, stopping, gate});
}
