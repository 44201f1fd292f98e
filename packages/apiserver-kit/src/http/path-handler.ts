import type {IncomingMessage} from 'node:http';
import type {Discovery} from '../discovery/discovery.ts';
import {StatusError} from '../errors/status-error.ts';
import {encodeJson} from '../json/encode-json.ts';
import type {JsonObject} from '../json/json-value.ts';
import {formatted} from '../rest/render.ts';
import {type AnswerWriter, contentTypeOf} from './answer-writer.ts';
import {negotiate, notAcceptable} from './negotiation.ts';
import type {PathRequest} from './request-info.ts';
import type {RequestMetrics} from './request-metrics.ts';

/** What is answered at paths that are no resources. */
export interface PathHandlers {
  discovery: Discovery;
  metrics: RequestMetrics;
  version: JsonObject;
  /** Whether the server may be asked. */
  isReady(): boolean;
  isBuiltinGroup(group: string): boolean;
  /** OpenAPI; false: there is no such document. */
  openApi?: (info: PathRequest, request: IncomingMessage, writer: AnswerWriter) => boolean;
}

const TEXT = 'text/plain; charset=utf-8';
const JSON_TYPE = 'application/json';

const HEALTH = /^\/(healthz|livez|readyz)(?:\/ping)?$/;

export function isHealthPath(path: string): boolean {
  return HEALTH.test(path);
}

/** Answers a request for a path. */
export function handlePath(
  info: PathRequest,
  request: IncomingMessage,
  writer: AnswerWriter,
  handlers: PathHandlers,
): void {
  const {path, verb} = info;
  const isRead = verb === 'get' || verb === 'head';
  if (!isRead && path !== '/apis') {
    if (/^\/(?:version|api(?:\/.*)?)$/.test(path)) throw notAllowed();
    return notFoundPage(writer);
  }
  const health = HEALTH.exec(path);
  if (health) return answerHealth(health[1]!, info, writer, handlers);
  if (path === '/version' || path === '/version/')
    return writer.send(200, JSON_TYPE, JSON.stringify(handlers.version, undefined, 2));
  if (path === '/metrics')
    return writer.send(200, 'text/plain; version=0.0.4; charset=utf-8', handlers.metrics.render());
  if (path === '/') return writer.send(200, JSON_TYPE, encodeJson({paths}));
  if (path.startsWith('/openapi/') && handlers.openApi?.(info, request, writer) === true) return;
  if (/^\/apis?(?:\/|$)/.test(path) && answerDiscovery(info, request, writer, handlers.discovery)) return;
  if (
    path.startsWith('/api/') ||
    (/^\/apis\/[^/]+\/[^/]+$/.test(path) && handlers.isBuiltinGroup(path.split('/')[2]!))
  ) {
    throw new StatusError(404, 'NotFound', 'the server could not find the requested resource', {});
  }
  notFoundPage(writer);
}

function notAllowed(): StatusError {
  return new StatusError(
    405,
    'MethodNotAllowed',
    'the server does not allow this method on the requested resource',
    {},
  );
}

const paths = ['/api', '/api/v1', '/apis', '/healthz', '/livez', '/metrics', '/openapi/v3', '/readyz', '/version'];

function answerHealth(name: string, {path, query}: PathRequest, writer: AnswerWriter, handlers: PathHandlers): void {
  const isGood = name !== 'readyz' || handlers.isReady();
  if (!path.endsWith('/ping')) writer.setNoSniff();
  if (!isGood) return writer.send(500, TEXT, `[-]${name} failed: reason withheld\n${name} check failed\n`);
  const text = query.has('verbose') ? `[+]ping ok\n${name} check passed\n` : 'ok';
  writer.send(200, TEXT, text);
}

function answerDiscovery(
  {path}: PathRequest,
  request: IncomingMessage,
  writer: AnswerWriter,
  discovery: Discovery,
): boolean {
  const aggregated = discovery.aggregated(path, request.headers.accept);
  if (aggregated) {
    const {json, etag, contentType} = aggregated;
    writer.response.setHeader('Vary', 'Accept');
    writer.response.setHeader('ETag', etag);
    writer.response.setHeader('Cache-Control', 'public');
    if (request.headers['if-none-match'] === etag) {
      writer.response.writeHead(304);
      writer.response.end();
    } else writer.send(200, contentType, json);
    return true;
  }
  const document = discovery.document(path, request.headers.host ?? '');
  if (document === undefined) return false;
  const encoding = negotiate(request.headers.accept, {isStream: false});
  if (encoding === undefined) throw notAcceptable({isStream: false});
  writer.send(200, contentTypeOf(encoding), formatted(encodeJson(document), encoding));
  return true;
}

/** What Go's router says where there is nothing. */
export function notFoundPage(writer: AnswerWriter): void {
  writer.setNoSniff();
  writer.send(404, TEXT, '404 page not found\n');
}
