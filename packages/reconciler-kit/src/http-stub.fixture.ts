import {createServer, type IncomingMessage, type Server, type ServerResponse} from 'node:http';
import type {AddressInfo} from 'node:net';

export interface StubRequest {
  method: string;
  /** With the query. */
  url: string;
  headers: IncomingMessage['headers'];
  body: string;
  /** Port of the client's end: tells connections apart. */
  remotePort: number;
}

export type StubHandler = (request: StubRequest, response: ServerResponse) => void | Promise<void>;

/** A plain HTTP server that answers as a test says and remembers what it was asked. */
export class HttpStub {
  readonly requests: StubRequest[] = [];
  handler: StubHandler;
  readonly #server: Server;

  private constructor(server: Server, handler: StubHandler) {
    this.#server = server;
    this.handler = handler;
  }

  static async start(handler: StubHandler = (_, response) => void response.end('{}')): Promise<HttpStub> {
    const server = createServer();
    const stub = new HttpStub(server, handler);
    server.on('request', (request, response) => void stub.#serve(request, response));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return stub;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of request) chunks.push(chunk as Buffer);
    } catch {
      return; // The client gave up while it was sending.
    }
    const seen: StubRequest = {
      method: request.method ?? '',
      url: request.url ?? '',
      headers: request.headers,
      body: Buffer.concat(chunks).toString('utf8'),
      remotePort: request.socket.remotePort ?? 0,
    };
    this.requests.push(seen);
    await this.handler(seen, response);
  }
}

export function sendJson(response: ServerResponse, status: number, body: unknown, headers: object = {}): void {
  response.writeHead(status, {'content-type': 'application/json', ...headers});
  response.end(JSON.stringify(body));
}

export function sendStatus(response: ServerResponse, code: number, reason: string, headers: object = {}): void {
  sendJson(
    response,
    code,
    {kind: 'Status', apiVersion: 'v1', status: 'Failure', code, reason, message: `${reason}!`},
    headers,
  );
}
