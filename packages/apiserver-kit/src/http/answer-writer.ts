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

  /**
   * Sends a text in parts: what is long is not held as a whole, and made no faster than the client takes it. Ends when all is sent, or
   * the client is gone.
   */
  async sendParts(code: number, contentType: string, parts: Iterable<string>): Promise<void> {
    let text = '';
    let isLong = false;
    for (const part of parts) {
      text += part;
      if (text.length < PART_LENGTH) continue;
      if (!isLong) this.#startLong(code, contentType);
      isLong = true;
      if (!this.response.write(text)) await drained(this.response);
      if (this.response.destroyed) return;
      text = '';
    }
    if (isLong) this.response.end(text);
    else this.send(code, contentType, text);
  }

  sendError(error: StatusError, encoding: Encoding): void {
    const retryAfter = error.details?.retryAfterSeconds;
    if (retryAfter !== undefined && retryAfter > 0) this.response.setHeader('Retry-After', String(retryAfter));
    const text = formatted(encodeJson(error.toStatus()), {...encoding, view: undefined});
    this.send(error.code, contentTypeOf(encoding), text);
  }

  #startLong(code: number, contentType: string): void {
    this.#setWarnings();
    this.response.writeHead(code, {'Content-Type': contentType});
    // Who takes nothing at all would hold on to what is still to be sent.
    this.response.setTimeout(STALL_TIMEOUT_MS, () => this.response.destroy());
  }

  #setWarnings(): void {
    if (this.#warnings.size === 0) return;
    const values = [...this.#warnings].map((text) => `299 - ${quoted(text)}`);
    this.response.setHeader('Warning', values);
  }
}

const MAX_WARNINGS = 100;
/** Answers that are longer are sent in parts of about this length. */
const PART_LENGTH = 64 * 1_024;
const STALL_TIMEOUT_MS = 60_000;
const MAX_WARNING_LENGTH = 2_048;

/** Waits until more can be written, or the client is gone. */
async function drained(response: ServerResponse): Promise<void> {
  if (response.destroyed) return;
  await new Promise<void>((resolve) => {
    const done = (): void => {
      response.off('drain', done).off('close', done);
      resolve();
    };
    response.on('drain', done).on('close', done);
  });
}

export function contentTypeOf({format}: Encoding): string {
  return format === 'yaml' ? 'application/yaml' : 'application/json';
}

/** A quoted string of HTTP: no control characters, and only what a header can carry. */
function quoted(text: string): string {
  const bytes = Buffer.from(text.replaceAll(/[\p{Cc}]/gu, ' ')).toString('latin1');
  return `"${bytes.replaceAll(/["\\]/g, '\\$&')}"`;
}
