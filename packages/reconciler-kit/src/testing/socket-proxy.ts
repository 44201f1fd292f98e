import {connect, createServer, type NetConnectOpts, type Server, type Socket} from 'node:net';

/** Where something listens: a TCP port of the loopback, or a Unix socket. */
export type SocketAddress = {port: number} | {path: string};

export interface SocketProxyOptions {
  /** Where clients are led to. */
  target: SocketAddress;
  /** Where to listen. Default: a free port. */
  listen?: SocketAddress;
}

/**
 * Stands between clients and a server, whatever they speak, and breaks connections when it is told to. For HTTP there is
 * {@link FaultProxy}, which can do more.
 *
 * @example
 * await using proxy = await SocketProxy.start({target: {port: 2379}});
 * proxy.cut();
 * await proxy.offline();
 * await proxy.online();
 */
export class SocketProxy implements AsyncDisposable {
  readonly #target: SocketAddress;
  readonly #pairs = new Set<readonly [Socket, Socket]>();
  readonly #waiting = new Set<() => void>();
  #listen: SocketAddress;
  #server: Server | undefined;
  #accepted = 0;

  private constructor(options: SocketProxyOptions) {
    this.#target = options.target;
    this.#listen = options.listen ?? {port: 0};
  }

  static async start(options: SocketProxyOptions): Promise<SocketProxy> {
    const proxy = new SocketProxy(options);
    await proxy.online();
    return proxy;
  }

  /** Where it listens. */
  get address(): SocketAddress {
    return this.#listen;
  }

  /** How many connections it has taken so far. */
  get accepted(): number {
    return this.#accepted;
  }

  /** How many connections there are now. */
  get open(): number {
    return this.#pairs.size;
  }

  /** Resolves when it has taken `count` connections in all. */
  async untilAccepted(count: number): Promise<void> {
    while (this.#accepted < count) {
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
  }

  /** Breaks all connections, those of TCP with a reset; new ones are taken. Returns how many there were. */
  cut(): number {
    const pairs = [...this.#pairs];
    for (const [client, server] of pairs) {
      breakOff(client, this.#listen);
      breakOff(server, this.#target);
    }
    return pairs.length;
  }

  /** Refuses connections and breaks those that exist, like a server that is down. */
  async offline(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    const closed = new Promise((resolve) => server.close(resolve));
    this.cut();
    await closed;
  }

  /** Listens again, at the same place. */
  async online(): Promise<void> {
    if (this.#server !== undefined) return;
    const server = createServer((client) => this.#connect(client));
    await new Promise<void>((resolve, reject) => {
      const where = 'path' in this.#listen ? this.#listen : {...this.#listen, host: '127.0.0.1'};
      server.once('error', reject).listen(where, resolve);
    });
    const address = server.address();
    if (address !== null && typeof address === 'object') this.#listen = {port: address.port};
    this.#server = server;
  }

  async close(): Promise<void> {
    await this.offline();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #connect(client: Socket): void {
    const where: NetConnectOpts = 'path' in this.#target ? this.#target : {...this.#target, host: '127.0.0.1'};
    const server = connect(where);
    const pair = [client, server] as const;
    this.#pairs.add(pair);
    this.#accepted++;
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
    for (const [one, other] of [
      [client, server],
      [server, client],
    ] as const) {
      one.setNoDelay(true);
      one.on('error', () => other.destroy());
      one.once('close', () => {
        this.#pairs.delete(pair);
        other.destroy();
      });
      one.pipe(other);
    }
  }
}

function breakOff(socket: Socket, address: SocketAddress): void {
  // Unix sockets know no reset.
  if ('port' in address) socket.resetAndDestroy();
  else socket.destroy();
}
