import {once} from 'node:events';
import {createServer, type IncomingMessage, type Server, type ServerResponse} from 'node:http';
import {formatBindAddress, parseBindAddress} from './bind-address.ts';
import {ReconcilerKitError} from './errors.ts';
import {type Logger, silentLogger} from './silent-logger.ts';

export interface HttpAnswer {
  status: number;
  contentType?: string;
  body: string;
}

export interface HttpListenerOptions {
  /** What listens, for logs and errors. */
  name: string;
  /** As {@link parseBindAddress} takes it. */
  bindAddress: string;
  answer(url: URL): Promise<HttpAnswer>;
  logger?: Logger;
}

/** A small HTTP server for probes and scrapes: GET and HEAD, bounded in headers, time and connections. */
export class HttpListener {
  readonly #options: HttpListenerOptions;
  readonly #logger: Logger;
  #server: Server | undefined;
  #starting: Promise<void> | undefined;
  #address: string | undefined;

  constructor(options: HttpListenerOptions) {
    this.#options = options;
    this.#logger = options.logger ?? silentLogger;
  }

  /** Where it listens, such as `127.0.0.1:43127`; undefined while it does not. */
  get address(): string | undefined {
    return this.#address;
  }

  /**
   * Listens, unless the address says not to.
   *
   * @throws ReconcilerKitError `LISTEN_FAILED`
   */
  start(): Promise<void> {
    this.#starting = this.#listen();
    return this.#starting;
  }

  async #listen(): Promise<void> {
    const {name, bindAddress} = this.#options;
    const address = parseBindAddress(bindAddress);
    if (!address) return;
    const server = createServer(
      {
        maxHeaderSize: 16 * 1024,
        headersTimeout: 5_000,
        requestTimeout: 10_000,
        keepAliveTimeout: 30_000,
        connectionsCheckingInterval: 5_000,
      },
      (request, response) => void this.#handle(request, response),
    );
    server.maxConnections = 256;
    server.listen(address);
    try {
      await once(server, 'listening');
    } catch (error) {
      throw new ReconcilerKitError('LISTEN_FAILED', `the ${name} server cannot listen on ${bindAddress}`, {
        cause: error,
      });
    }
    server.on('error', (error) => this.#logger.error('server failed', {server: name, error}));
    this.#server = server;
    const bound = server.address();
    if (bound && typeof bound === 'object') this.#address = formatBindAddress(bound);
    this.#logger.info('server listens', {server: name, address: this.#address});
  }

  /** Stops listening. Requests under way have a second to end. */
  async close(): Promise<void> {
    await this.#starting?.catch(() => {});
    const server = this.#server;
    if (!server) return;
    this.#server = undefined;
    this.#address = undefined;
    const closed = once(server, 'close');
    server.close();
    server.closeIdleConnections();
    const timer = setTimeout(() => server.closeAllConnections(), 1_000);
    await closed;
    clearTimeout(timer);
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const answer = await this.#answer(request);
    const body = Buffer.from(answer.body);
    response.writeHead(answer.status, {
      'content-type': answer.contentType ?? 'text/plain; charset=utf-8',
      'content-length': body.length,
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      ...(answer.status === 405 && {allow: 'GET, HEAD'}),
    });
    response.end(request.method === 'HEAD' ? undefined : body);
  }

  async #answer(request: IncomingMessage): Promise<HttpAnswer> {
    if (request.method !== 'GET' && request.method !== 'HEAD') return {status: 405, body: 'method not allowed\n'};
    const url = URL.parse(request.url ?? '/', 'http://localhost');
    if (!url) return {status: 400, body: 'bad request\n'};
    try {
      return await this.#options.answer(url);
    } catch (error) {
      this.#logger.error('request failed', {server: this.#options.name, path: url.pathname, error});
      return {status: 500, body: 'internal error\n'};
    }
  }
}
