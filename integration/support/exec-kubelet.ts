import {spawn} from 'node:child_process';
import {once} from 'node:events';
import type {IncomingMessage} from 'node:http';
import {createServer, type Server} from 'node:https';
import type {AddressInfo} from 'node:net';
import {type RawData, type WebSocket, WebSocketServer} from 'ws';

/** Channels of a command, one byte in front of each message. @see https://github.com/kubernetes/enhancements KEP 4006 */
const STDIN = 0;
const STDOUT = 1;
const STDERR = 2;
const STATUS = 3;
const CLOSE = 255;
const PROTOCOL = 'v5.channel.k8s.io';

/** The part of a kubelet that `exec` needs, over WebSocket: whatever Pod is meant, the command runs here. */
export class ExecKubelet {
  readonly #server: Server;
  readonly #sockets: WebSocketServer;

  /** @param ca of the client certificate of the API server */
  constructor({cert, key, ca}: {cert: string; key: string; ca: string}) {
    this.#server = createServer({cert, key, ca, requestCert: true, rejectUnauthorized: true});
    this.#sockets = new WebSocketServer({
      server: this.#server,
      handleProtocols: (protocols) => (protocols.has(PROTOCOL) ? PROTOCOL : false),
    });
    this.#sockets.on('connection', (socket: WebSocket, request: IncomingMessage) => run(socket, request));
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async start(): Promise<void> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets.clients) socket.terminate();
    this.#sockets.close();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

function run(socket: WebSocket, {url = ''}: IncomingMessage): void {
  const [program = '', ...args] = new URL(url, 'https://kubelet').searchParams.getAll('command');
  const child = spawn(program, args);
  const send = (channel: number, bytes: Uint8Array): void =>
    socket.send(Buffer.concat([Buffer.from([channel]), bytes]));
  child.stdout.on('data', (chunk: Buffer) => send(STDOUT, chunk));
  child.stderr.on('data', (chunk: Buffer) => send(STDERR, chunk));
  // A program may end without reading what it is given.
  child.stdin.on('error', () => {});
  socket.on('message', (data: RawData) => {
    const bytes = data as Buffer;
    if (bytes[0] === STDIN) child.stdin.write(bytes.subarray(1));
    else if (bytes[0] === CLOSE && bytes[1] === STDIN) child.stdin.end();
  });
  socket.on('close', () => child.kill());
  child.on('close', (code) => {
    const status =
      code === 0
        ? {metadata: {}, status: 'Success'}
        : {
            metadata: {},
            status: 'Failure',
            reason: 'NonZeroExitCode',
            message: `command terminated with non-zero exit code: exit status ${code}`,
            details: {causes: [{reason: 'ExitCode', message: String(code)}]},
          };
    send(STATUS, Buffer.from(JSON.stringify(status)));
    socket.close(1000);
  });
}
