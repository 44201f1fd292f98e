import {randomUUID} from 'node:crypto';
import type {IncomingMessage, ServerResponse} from 'node:http';
import type {AuditEntry} from '../audit/audit-event.ts';
import type {AuditLog} from '../audit/audit-log.ts';
import type {Authenticator} from '../auth/authentication.ts';
import type {AccessAttributes, Authorizer} from '../auth/authorization.ts';
import {forbidden} from '../auth/forbidden.ts';
import {type Impersonation, impersonate, impersonationHeaders} from '../auth/impersonation.ts';
import {peerCredentials} from '../auth/peer-certificate.ts';
import {anonymousUser, type UserInfo} from '../auth/user-info.ts';
import {StatusError, statusErrors} from '../errors/status-error.ts';
import {BodyBudget} from '../flow/body-budget.ts';
import type {FlowControl, Release} from '../flow/flow-control.ts';
import type {Registry} from '../registry/registry.ts';
import type {RequestContext} from '../registry/request-context.ts';
import {writeOptionsOf} from '../rest/query-options.ts';
import {renderAnswer} from '../rest/render.ts';
import {type Outlet, route} from '../rest/router.ts';
import {StorageError} from '../storage/storage.ts';
import {AnswerWriter, contentTypeOf} from './answer-writer.ts';
import type {Exchange} from './exchange.ts';
import {parseContentType} from './media-type.ts';
import {
  type Encoding,
  matchesRoute,
  negotiate,
  notAcceptable,
  notAcceptableForRoute,
  plainJson,
} from './negotiation.ts';
import {NotFoundPage} from './not-found-page.ts';
import {handlePath, isHealthPath, notFoundPage, type PathHandlers} from './path-handler.ts';
import {readBody} from './request-body.ts';
import {parseRequest, type RequestInfo, type ResourceRequest} from './request-info.ts';

export interface ApiHandlerOptions {
  registry: Registry;
  authenticator: Authenticator;
  authorizer: Authorizer;
  paths: PathHandlers;
  flow: FlowControl;
  audit?: AuditLog;
  /** Whether a watch may begin with the present state. */
  watchList: boolean;
  /** Aborts when the server stops. */
  stopping: AbortSignal;
  /** Told of each request of somebody whom the server knows. */
  onAuthenticated?(request: IncomingMessage): void;
  random(): number;
  onError(error: unknown): void;
}

/** All that is known of a request on its way. */
interface Passage {
  request: IncomingMessage;
  writer: AnswerWriter;
  info: RequestInfo;
  auditId: string;
  receivedMs: number;
  user: UserInfo;
  impersonation?: Impersonation;
  annotations: Record<string, string>;
  /** Of the answer, where it is an error. */
  failure?: StatusError;
  encoding: Encoding;
  /** Lets the next request run. */
  release: Release;
}

/** Of these the next request need not wait for the end. */
const longRunning: ReadonlySet<string> = new Set(['exec', 'attach', 'portforward', 'proxy', 'log']);
const reads: ReadonlySet<string> = new Set(['get', 'list', 'watch', 'head']);

/** The way of every request: who, may they, what. */
export class ApiHandler {
  readonly #options: ApiHandlerOptions;
  readonly #bodies = new BodyBudget();

  constructor(options: ApiHandlerOptions) {
    this.#options = options;
  }

  /** Answers a request. Never rejects. */
  async handle(exchange: Exchange & {response: ServerResponse}): Promise<void> {
    const {request, response} = exchange;
    const auditId = auditIdOf(request);
    const passage: Passage = {
      request,
      writer: new AnswerWriter(response, auditId),
      info: parseRequest(request.method ?? '', request.url ?? '/'),
      auditId,
      receivedMs: performance.timeOrigin + performance.now(),
      user: anonymousUser,
      annotations: {},
      encoding: {...plainJson, isPretty: wantsPretty(request)},
      release: () => {},
    };
    try {
      await this.#pass(passage, exchange);
    } catch (error) {
      this.#fail(passage, error);
    } finally {
      passage.release();
    }
    this.#finish(passage);
  }

  async #pass(passage: Passage, exchange: Exchange & {response: ServerResponse}): Promise<void> {
    const {request, info} = passage;
    const {authenticator, authorizer, audit} = this.#options;
    const room = audit?.room();
    if (room) await room;
    const user = await authenticator({headers: request.headers, ...peerCredentials(request.socket)});
    if (user === undefined) throw statusErrors.unauthorized();
    passage.user = user;
    if (user.username !== anonymousUser.username) this.#options.onAuthenticated?.(request);
    const attributes = accessAttributes(info, user);
    const headers = impersonationHeaders(request.headers, request.rawHeaders);
    const impersonation = await impersonate(attributes, headers, authorizer).catch((error: unknown) => {
      passage.writer.setNoSniff();
      throw error;
    });
    if (impersonation) passage.impersonation = impersonation;
    const effective = impersonation?.user ?? user;
    await this.#admit(passage, effective);
    const access = {...attributes, user: effective};
    const {allowed, reason} = await authorizer(access);
    passage.annotations['authorization.k8s.io/decision'] = allowed ? 'allow' : 'forbid';
    passage.annotations['authorization.k8s.io/reason'] = reason;
    if (!allowed) {
      passage.writer.setNoSniff();
      throw forbidden(access, reason);
    }
    if (info.$case === 'path') {
      handlePath(info, request, passage.writer, this.#options.paths);
    } else await this.#answer(passage, info, effective, exchange);
  }

  /** Waits until it is the request's turn. @throws StatusError 429 */
  async #admit(passage: Passage, user: UserInfo): Promise<void> {
    const {info, writer} = passage;
    if (info.$case === 'path' ? isHealthPath(info.path) : longRunning.has(info.subresource)) return;
    const gone = new AbortController();
    const abort = (): void => gone.abort();
    writer.response.on('close', abort);
    try {
      passage.release = await this.#options.flow.admit({user, isWrite: !reads.has(info.verb), signal: gone.signal});
    } finally {
      writer.response.off('close', abort);
    }
  }

  async #answer(
    passage: Passage,
    info: ResourceRequest,
    user: UserInfo,
    exchange: Exchange & {response: ServerResponse},
  ): Promise<void> {
    const {request, writer} = passage;
    const {registry} = this.#options;
    const found = registry.find(info.group, info.version, info.resource);
    if (found === undefined) throw this.#unknown(info);
    const {custom} = found.resource;
    const isStream = info.verb === 'watch';
    const accept = request.headers.accept;
    if (!custom && request.method === 'HEAD') info.verb = 'head';
    const isRead = info.verb === 'list' || isStream;
    if (!custom && !matchesRoute(accept)) throw notAcceptableForRoute({isRead});
    const encoding = negotiate(accept, {isStream});
    if (encoding === undefined) throw this.#notAcceptable(passage, isStream);
    passage.encoding = {...encoding, isPretty: passage.encoding.isPretty || encoding.isPretty};
    const controller = new AbortController();
    const abort = (): void => controller.abort(goneReason);
    writer.response.on('close', abort);
    const {stopping} = this.#options;
    stopping.addEventListener('abort', abort);
    if (stopping.aborted) abort();
    const context: RequestContext = {
      user,
      verb: info.verb,
      group: info.group,
      version: info.version,
      resource: info.resource,
      subresource: info.subresource,
      namespace: info.namespace,
      name: info.name,
      query: info.query,
      ...writeOptionsOf(info.query, request.headers['user-agent'] ?? ''),
      warn: (text) => writer.warn(text),
      signal: controller.signal,
      userAgent: request.headers['user-agent'] ?? '',
      auditId: passage.auditId,
      annotate: (key, value) => {
        passage.annotations[key] = value;
      },
    };
    const {deprecationWarning} = found.version;
    if (deprecationWarning !== undefined) writer.warn(deprecationWarning);
    const contentType = request.headers['content-type'];
    const {upgrade} = exchange;
    const outlet: Outlet = {
      exchange: upgrade ? {request, upgrade} : exchange,
      watch: {
        response: writer.response,
        random: () => this.#options.random(),
        watchList: this.#options.watchList,
        start: () => {
          passage.release();
          writer.start(contentTypeOf(passage.encoding));
          this.#record(passage, 'ResponseStarted');
        },
      },
    };
    const share = this.#bodies.share(user.username);
    try {
      const answer = await route(
        {
          info,
          found,
          context,
          encoding: passage.encoding,
          contentType: contentType === undefined ? undefined : parseContentType(contentType),
          body: async () => await readBody(request, {share}),
        },
        outlet,
      );
      if (answer.$case === 'connected') {
        if (upgrade) writer.response.statusCode = 101;
        this.#record(passage, 'ResponseStarted');
        return;
      }
      if (answer.$case === 'done') return;
      const parts = renderAnswer(answer, found, passage.encoding, info.query);
      // A client that reads slowly keeps nobody else waiting.
      passage.release();
      await writer.sendParts(answer.$case === 'list' ? 200 : answer.code, contentTypeOf(passage.encoding), parts);
    } finally {
      share.end();
      stopping.removeEventListener('abort', abort);
      writer.response.off('close', abort);
    }
  }

  /** The refusal is written in what the client takes, where that is only not what events are written in. */
  #notAcceptable(passage: Passage, isStream: boolean): StatusError {
    const encoding = negotiate(passage.request.headers.accept, {isStream: false});
    if (encoding) passage.encoding = {...encoding, view: undefined};
    return notAcceptable({isStream});
  }

  /** Where kube-apiserver has no handler for a group, its router answers; else the handler of the group. */
  #unknown({group}: ResourceRequest): Error {
    return this.#options.paths.isBuiltinGroup(group)
      ? new StatusError(404, 'NotFound', 'the server could not find the requested resource', {})
      : new NotFoundPage();
  }

  #fail(passage: Passage, error: unknown): void {
    const {writer, encoding, request} = passage;
    const {response} = writer;
    if (response.headersSent || response.destroyed) {
      // The answer cannot be taken back: the client sees that it is not whole.
      if (!response.writableEnded) response.destroy();
      if (!(error instanceof StatusError)) this.#options.onError(error);
      return;
    }
    if (!request.complete) drain(request);
    if (error instanceof NotFoundPage) return notFoundPage(writer);
    const failure = statusOf(error);
    if (failure === undefined) this.#options.onError(error);
    passage.failure = failure ?? statusErrors.internal(error);
    writer.sendError(passage.failure, encoding);
  }

  #finish(passage: Passage): void {
    const {info, writer, request} = passage;
    const code = writer.response.statusCode;
    this.#options.paths.metrics.count(
      info.$case === 'resource'
        ? {verb: info.verb.toUpperCase(), group: info.group, resource: info.resource, code: String(code)}
        : {verb: (request.method ?? '').toUpperCase(), code: String(code)},
    );
    this.#record(passage, 'ResponseComplete');
  }

  #record(passage: Passage, stage: AuditEntry['stage']): void {
    const {audit} = this.#options;
    if (!audit) return;
    const {request, writer, info, user, impersonation, failure, annotations, auditId, receivedMs} = passage;
    const remote = request.socket.remoteAddress;
    audit.record({
      auditId,
      stage,
      requestUri: request.url ?? '',
      verb: info.verb,
      user,
      ...(impersonation && {impersonated: impersonation}),
      sourceIps: remote === undefined ? [] : [remote],
      userAgent: request.headers['user-agent'] ?? '',
      ...(info.$case === 'resource' && {objectRef: info}),
      response: {code: writer.response.statusCode, ...(failure && {status: failure.toStatus()})},
      receivedMs,
      stageMs: performance.timeOrigin + performance.now(),
      annotations: {...annotations},
    });
  }
}

/** What a client is told; undefined: the server itself is at fault. */
function statusOf(error: unknown): StatusError | undefined {
  if (error instanceof StatusError) return error;
  return error instanceof StorageError && error.code === 'FULL' ? statusErrors.storageFull(error) : undefined;
}

/** Why the work for a request is given up. Made once: an error is dear. */
const goneReason = new Error('the client is gone');

/** How long what is left of a body that nobody wants may take. */
const DRAIN_MS = 5_000;

/**
 * Reads what is left of a body and throws it away: a client that still sends when its connection is closed would not see the answer. Who
 * sends for too long is cut off.
 */
function drain(request: IncomingMessage): void {
  const timer = setTimeout(() => request.destroy(), DRAIN_MS).unref();
  request.once('close', () => clearTimeout(timer));
  request.resume();
}

function auditIdOf({headers}: IncomingMessage): string {
  const given = headers['audit-id'];
  return typeof given === 'string' && given !== '' && given.length <= 64 ? given : randomUUID();
}

/** People read what these programs print. */
function wantsPretty({headers, url = ''}: IncomingMessage): boolean {
  const pretty = /[?&]pretty=([^&]*)/.exec(url)?.[1];
  if (pretty !== undefined) return pretty !== 'false' && pretty !== '0';
  return /^(?:curl|Wget|Mozilla\/5\.0)/.test(headers['user-agent'] ?? '');
}

function accessAttributes(info: RequestInfo, user: UserInfo): AccessAttributes {
  if (info.$case === 'resource') {
    const {verb, group, version, resource, subresource, namespace, name} = info;
    return {user, verb, group, version, resource, subresource, namespace, name};
  }
  const {verb, path} = info;
  return {user, verb, path, group: '', version: '', resource: '', subresource: '', namespace: '', name: ''};
}
