import type {ServerResponse} from 'node:http';
import type {StatusError} from '../errors/status-error.ts';
import {encodeJson} from '../json/encode-json.ts';
import {formatted} from '../rest/render.ts';
import type {Encoding} from './negotiation.ts';

/** Sends what a request is answered with, once. */
export class AnswerWriter {
  readonly response: ServerResponse;
  /** Of the head: sent warnings, each once. */
  readonly #warnings = new Set<string>();

  constructor(response: ServerResponse, auditId: string) {
    this.response = response;
    response.setHeader('Audit-Id', auditId);
    response.setHeader('Cache-Control', 'no-cache, private');
  }

  /** Adds a `Warning` to the head, if that is not sent yet. */
  warn(text: string): void {
    if (this.#warnings.size < MAX_WARNINGS) this.#warnings.add(text.slice(0, MAX_WARNING_LENGTH));
  }

  /** Tells browsers not to guess what an answer is. */
  setNoSniff(): void {
    this.response.setHeader('X-Content-Type-Options', 'nosniff');
  }

  /** The head of a stream. */
  start(contentType: string): void {
    this.#setWarnings();
    this.response.writeHead(200, {'Content-Type': contentType});
    this.response.flushHeaders();
  }

  send(code: number, contentType: string, text: string): void {
    this.#setWarnings();
    const body = Buffer.from(text);
    this.response.writeHead(code, {'Content-Type': contentType, 'Content-Length': body.length});
    this.response.end(body);
  }

  sendError(error: StatusError, encoding: Encoding): void {
    const retryAfter = error.details?.retryAfterSeconds;
    if (retryAfter !== undefined && retryAfter > 0) this.response.setHeader('Retry-After', String(retryAfter));
    const text = formatted(encodeJson(error.toStatus()), {...encoding, view: undefined});
    this.send(error.code, contentTypeOf(encoding), text);
  }

  #setWarnings(): void {
    if (this.#warnings.size === 0) return;
    const values = [...this.#warnings].map((text) => `299 - ${quoted(text)}`);
    this.response.setHeader('Warning', values);
  }
}

const MAX_WARNINGS = 100;
const MAX_WARNING_LENGTH = 2_048;

export function contentTypeOf({format}: Encoding): string {
  return format === 'yaml' ? 'application/yaml' : 'application/json';
}

/** A quoted string of HTTP: no control characters, and only what a header can carry. */
function quoted(text: string): string {
  const bytes = Buffer.from(text.replaceAll(/[\p{Cc}]/gu, ' ')).toString('latin1');
  return `"${bytes.replaceAll(/["\\]/g, '\\$&')}"`;
}
