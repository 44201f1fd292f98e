import {once} from 'node:events';
import {createServer, type IncomingMessage, type Server, type ServerResponse} from 'node:http';
import type {Readable} from 'node:stream';
import {pipeline} from 'node:stream/promises';
import {type ArtifactStore, ArtifactStoreError} from '@kruntimes/artifact-store';
import {type Logger, type Metrics, parseBindAddress} from '@kruntimes/reconciler-kit';
import {type ByteRange, parseRange} from './byte-range.ts';
import {describeError, MaintainerError, type MaintainerErrorCode} from './errors.ts';
import type {StoredArtifact, StoredArtifacts} from './stored-artifacts.ts';

export interface DownloadServerOptions {
  /** Loopback: whoever may forward ports to this Pod may download. `0`: off. */
  bindAddress: string;
  artifacts: Pick<StoredArtifacts, 'find'>;
  store: Pick<ArtifactStore, 'get'>;
  logger: Logger;
  metrics: Metrics;
}

interface DownloadRequest {
  uid: string;
  name: string;
  attempt?: number;
}

const MAX_CONNECTIONS = 64;
/** A reader that takes nothing for so long keeps a file or a connection of the store open for nobody. */
const SILENCE_MS = 300_000;
const STOP_GRACE_MS = 5_000;

const statuses: Readonly<Partial<Record<MaintainerErrorCode | 'NOT_FOUND' | 'KEY_INVALID', number>>> = {
  REQUEST_INVALID: 404,
  METHOD_NOT_ALLOWED: 405,
  RUN_UNKNOWN: 404,
  ARTIFACT_UNKNOWN: 404,
  NOT_FOUND: 404,
  KEY_INVALID: 404,
  RANGE_INVALID: 416,
};

/**
 * Serves artifacts: `GET /v1/runs/<UID>/artifacts/<name>`, with `Range`, `If-Range`, `If-None-Match` and `?attempt=N`. Streams in both
 * directions: memory does not grow with the size of an artifact.
 */
export class DownloadServer {
  readonly #options: DownloadServerOptions;
  readonly #downloads;
  readonly #stopping = new AbortController();
  #server: Server | undefined;

  constructor(options: DownloadServerOptions) {
    this.#options = options;
    this.#downloads = options.metrics.counter({
      name: 'kruntimes_maintainer_downloads_total',
      help: 'Requests for artifacts, by HTTP status',
      labelNames: ['status'],
    });
  }

  /** Where it listens. Port 0 of the bind address becomes the one that was free. */
  get port(): number | undefined {
    const address = this.#server?.address();
    return typeof address === 'object' ? address?.port : undefined;
  }

  /** @throws MaintainerError `LISTEN_FAILED` */
  async start(): Promise<void> {
    const address = parseBindAddress(this.#options.bindAddress);
    if (address === undefined) return;
    const server = createServer({headersTimeout: 10_000, requestTimeout: 10_000, maxHeaderSize: 16 * 1024});
    server.on('request', (request, response) => void this.#handle(request, response));
    server.maxConnections = MAX_CONNECTIONS;
    server.setTimeout(SILENCE_MS);
    server.listen(address);
    try {
      await once(server, 'listening');
    } catch (error) {
      throw new MaintainerError('LISTEN_FAILED', `cannot listen on ${this.#options.bindAddress}`, {cause: error});
    }
    this.#server = server;
    this.#options.logger.info('server listens', {server: 'downloads', port: this.port});
  }

  /** Downloads under way have a few seconds to end; whoever is cut off resumes elsewhere. */
  async stop(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    const closed = once(server, 'close');
    server.close();
    server.closeIdleConnections();
    const timer = setTimeout(() => {
      this.#stopping.abort();
      server.closeAllConnections();
    }, STOP_GRACE_MS);
    await closed;
    clearTimeout(timer);
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    const signal = AbortSignal.any([gone.signal, this.#stopping.signal]);
    try {
      await this.#serve(request, response, signal);
    } catch (error) {
      if (signal.aborted || response.headersSent) {
        // The client sees a body that is too short, and may resume.
        response.destroy();
        if (!signal.aborted) this.#options.logger.warn('download broken off', {url: request.url, error});
        return;
      }
      this.#fail(request, response, error);
    } finally {
      if (response.headersSent) this.#downloads.inc({status: String(response.statusCode)});
    }
  }

  async #serve(request: IncomingMessage, response: ServerResponse, signal: AbortSignal): Promise<void> {
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      throw new MaintainerError('METHOD_NOT_ALLOWED', 'artifacts can be read: GET or HEAD');
    }
    const {uid, name, attempt} = parseRequest(request.url ?? '');
    const artifact = await this.#options.artifacts.find(uid, name, attempt, signal);
    const etag = artifact.digest === undefined ? undefined : `"${artifact.digest}"`;
    if (etag !== undefined && request.headers['if-none-match'] === etag) {
      response.writeHead(304, {etag}).end();
      return;
    }
    const ifRange = request.headers['if-range'];
    const header = ifRange === undefined || ifRange === etag ? request.headers.range : undefined;
    const opened = await this.#open(artifact, header, signal);
    const {body, sizeBytes, range} = opened;
    response.writeHead(range === undefined ? 200 : 206, {
      'content-type': artifact.mediaType ?? opened.contentType ?? 'application/octet-stream',
      'content-length': range?.length ?? sizeBytes,
      'accept-ranges': 'bytes',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      ...(etag !== undefined && {etag}),
      ...(range && {'content-range': `bytes ${range.offset}-${range.offset + range.length - 1}/${sizeBytes}`}),
    });
    if (request.method === 'HEAD') {
      body.destroy();
      response.end();
      return;
    }
    await pipeline(body, (chunks: AsyncIterable<Buffer>) => head(chunks, range?.length ?? sizeBytes), response, {
      signal,
    });
  }

  /** @throws MaintainerError `RANGE_INVALID`, `ARTIFACT_CHANGED`; ArtifactStoreError */
  async #open(
    artifact: StoredArtifact,
    header: string | undefined,
    signal: AbortSignal,
  ): Promise<{body: Readable; sizeBytes: number; contentType?: string | undefined; range?: ByteRange | undefined}> {
    const {store} = this.#options;
    const {key} = artifact;
    let {sizeBytes} = artifact;
    if (sizeBytes === undefined && header !== undefined) {
      const whole = await store.get(key, {signal});
      whole.body.destroy();
      ({sizeBytes} = whole);
    }
    const range = sizeBytes === undefined ? undefined : parseRange(header, sizeBytes);
    if (range === 'unsatisfiable') {
      throw new MaintainerError('RANGE_INVALID', `the artifact has ${sizeBytes} bytes`, {cause: {sizeBytes}});
    }
    const opened = await store.get(key, {signal, offset: range?.offset ?? 0});
    if (sizeBytes !== undefined && opened.sizeBytes !== sizeBytes) {
      opened.body.destroy();
      const message = `the store has ${opened.sizeBytes} bytes of it and not ${sizeBytes}`;
      throw new MaintainerError('ARTIFACT_CHANGED', message);
    }
    return {...opened, range};
  }

  #fail(request: IncomingMessage, response: ServerResponse, error: unknown): void {
    const code = error instanceof MaintainerError || error instanceof ArtifactStoreError ? error.code : 'STORE_FAILED';
    const status = statuses[code as keyof typeof statuses] ?? 503;
    if (status === 503) this.#options.logger.warn('download failed', {url: request.url, code, error});
    const body = Buffer.from(JSON.stringify({code, message: describeError(error)}));
    response.writeHead(status, {
      'content-type': 'application/json',
      'content-length': body.length,
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      ...(status === 405 && {allow: 'GET, HEAD'}),
      ...(status === 416 && {'content-range': `bytes */${sizeOf(error)}`}),
    });
    response.end(request.method === 'HEAD' ? undefined : body);
  }
}

/** @throws MaintainerError `REQUEST_INVALID` */
function parseRequest(target: string): DownloadRequest {
  const url = URL.parse(target, 'http://localhost');
  const [, uid, encoded] = /^\/v1\/runs\/([0-9a-f-]{1,64})\/artifacts\/([^/]+)$/.exec(url?.pathname ?? '') ?? [];
  const attempt = url?.searchParams.get('attempt') ?? undefined;
  try {
    if (uid !== undefined && encoded !== undefined && (attempt === undefined || /^[1-9]\d{0,8}$/.test(attempt))) {
      return {uid, name: decodeURIComponent(encoded), ...(attempt !== undefined && {attempt: Number(attempt)})};
    }
  } catch (error) {
    if (!(error instanceof URIError)) throw error;
  }
  throw new MaintainerError('REQUEST_INVALID', 'artifacts are at /v1/runs/UID/artifacts/NAME, with ?attempt=NUMBER');
}

/** The first bytes of a body; the rest is not read. */
async function* head(chunks: AsyncIterable<Buffer>, length: number): AsyncGenerator<Buffer> {
  let left = length;
  if (left === 0) return;
  for await (const chunk of chunks) {
    yield chunk.subarray(0, left);
    left -= chunk.length;
    if (left <= 0) return;
  }
}

function sizeOf(error: unknown): number | '*' {
  const cause = error instanceof Error ? error.cause : undefined;
  const size: unknown = typeof cause === 'object' && cause !== null ? Reflect.get(cause, 'sizeBytes') : undefined;
  return typeof size === 'number' ? size : '*';
}
