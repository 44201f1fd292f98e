import {once} from 'node:events';
import {createServer, type IncomingMessage, type Server, type ServerResponse} from 'node:http';
import type {Socket} from 'node:net';
import {DRAIN_PATH} from '@kruntimes/api-types';
import {type BindAddress, type Logger, parseBindAddress} from '@kruntimes/reconciler-kit';
import type {DrainAnswer} from './drain.ts';
import {describeError, RuntimedError} from './errors.ts';

export interface DrainServerOptions {
  /** `10.0.0.1:19094`; `0` turns it off. */
  bindAddress: string;
  /** See {@link Drain.requested}. */
  requested: (signal: AbortSignal) => Promise<DrainAnswer>;
  logger: Logger;
}

/** Everybody on the network of the Pod can connect, programs of Runs among them, and one connection is all it takes. */
const maxConnections = 16;

/**
 * Serves `GET /drain` to the kubelet. Connections are few, and the oldest one that has not said what it wants makes room
 * for a new one, so that nobody can keep the kubelet out by holding them.
 */
export class DrainServer implements AsyncDisposable {
  readonly #options: DrainServerOptions;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** Those without a request, oldest first. */
  readonly #silent = new Set<Socket>();

  private constructor(options: DrainServerOptions) {
    this.#options = options;
    this.#server = createServer(
      {
        maxHeaderSize: 8 * 1024,
        headersTimeout: 5_000,
        requestTimeout: 5_000,
        connectionsCheckingInterval: 1_000,
        keepAlive: false,
      },
      (request, response) => void this.#handle(request, response),
    );
    this.#server.on('connection', (socket) => this.#connected(socket));
  }

  /** @throws RuntimedError `LISTEN_FAILED` */
  static async start(options: DrainServerOptions): Promise<DrainServer> {
    const drainServer = new DrainServer(options);
    const address = parseBindAddress(options.bindAddress);
    if (address !== undefined) await drainServer.#listen(address);
    return drainServer;
  }

  /** The port it listens on; `undefined` when it does not. */
  get port(): number | undefined {
    const address = this.#server.address();
    return typeof address === 'object' ? address?.port : undefined;
  }

  async #listen(address: BindAddress): Promise<void> {
    this.#server.listen(address);
    try {
      await once(this.#server, 'listening');
    } catch (error) {
      const where = this.#options.bindAddress;
      throw new RuntimedError('LISTEN_FAILED', `the drain server cannot listen on ${where}: ${describeError(error)}`, {
        cause: error,
      });
    }
    this.#server.on('error', (error) => this.#options.logger.error('drain server failed', {error}));
  }

  /** Ends all connections. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#server.listening) return;
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  #connected(socket: Socket): void {
    this.#sockets.add(socket);
    this.#silent.add(socket);
    socket.once('close', () => {
      this.#sockets.delete(socket);
      this.#silent.delete(socket);
    });
    if (this.#sockets.size <= maxConnections) return;
    const [oldest = socket] = this.#silent;
    oldest.destroy();
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.#silent.delete(request.socket);
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    // One request for each connection, and nothing of its body.
    response.shouldKeepAlive = false;
    const {status, message} = await this.#answer(request, gone.signal);
    response.writeHead(status, {
      'content-type': 'text/plain; charset=utf-8',
      'cache-control': 'no-store',
      ...(status === 405 && {allow: 'GET'}),
    });
    response.end(`${message}\n`);
  }

  async #answer({method, url}: IncomingMessage, signal: AbortSignal): Promise<{status: number; message: string}> {
    if (url?.split('?', 1)[0] !== DRAIN_PATH) return {status: 404, message: `there is only ${DRAIN_PATH}`};
    if (method !== 'GET') return {status: 405, message: `${DRAIN_PATH} is asked for by GET`};
    try {
      return await this.#options.requested(signal);
    } catch (error) {
      this.#options.logger.error('drain request failed', {error});
      return {status: 500, message: 'internal error'};
    }
  }
}
