import type {Socket} from 'node:net';
import type {Duplex} from 'node:stream';
import {SpdyConnection, type SpdyStream} from './spdy-connection.ts';
import {drained} from './stream-drained.ts';

/**
 * Port-forward as kubectl asks for it: each connection is a pair of SPDY/3.1 streams, one for data and one for errors,
 * with the port in their headers.
 *
 * @see https://pkg.go.dev/k8s.io/client-go/tools/portforward
 */
export class SpdyPortForward {
  readonly #connection: SpdyConnection;
  readonly #connect: (port: number) => Promise<Socket>;

  constructor(socket: Duplex, connect: (port: number) => Promise<Socket>) {
    this.#connect = connect;
    this.#connection = new SpdyConnection(socket, (stream) => {
      if (stream.headers['streamtype'] === 'data') void this.#forward(stream);
    });
  }

  /** Serves until the connection ends. */
  async run(head: Buffer): Promise<void> {
    await this.#connection.run(head);
  }

  async #forward(stream: SpdyStream): Promise<void> {
    const port = Number(stream.headers['port']);
    const {requestid} = stream.headers;
    const connected = this.#connect(port);
    const withPod = (use: (pod: Socket) => void): void => void connected.then(use, () => {});
    stream.onData = async (bytes) => {
      const pod = await connected.catch(() => undefined);
      // The whole connection waits for a slow Pod.
      if (pod?.writable && !pod.write(bytes)) await drained(pod);
    };
    stream.onEnd = () => withPod((pod) => pod.end());
    stream.onReset = () => withPod((pod) => pod.destroy());
    try {
      const pod = await connected;
      pod.on('error', () => undefined);
      for await (const chunk of pod as AsyncIterable<Buffer>) await stream.write(chunk);
    } catch (error) {
      await this.#errorStream(requestid)?.write(Buffer.from(`error forwarding port ${port}: ${String(error)}`));
    } finally {
      await this.#errorStream(requestid)?.end();
      await stream.end();
    }
  }

  #errorStream(requestId: string | undefined): SpdyStream | undefined {
    return this.#connection.streams.find(
      ({headers}) => headers['streamtype'] === 'error' && headers['requestid'] === requestId,
    );
  }
}
