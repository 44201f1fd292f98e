import type {Socket} from 'node:net';
import type {Duplex} from 'node:stream';
import {SpdyHeaders} from './spdy-headers.ts';

const VERSION = 3;
const frameTypes = {synStream: 1, synReply: 2, rstStream: 3, ping: 6, headers: 8} as const;
const FIN = 1;
const STATUS_CANCEL = 5;
const MAX_DATA_BYTES = 32 * 1024;
/** Nobody sends larger ones: data comes in pieces of a socket. */
const MAX_FRAME_BYTES = 4 * 1024 * 1024;

interface Frame {
  control: boolean;
  /** Of a control frame. */
  type: number;
  /** Of a data frame. */
  streamId: number;
  flags: number;
  payload: Buffer;
}

interface Stream {
  id: number;
  headers: Record<string, string>;
  pod?: Socket;
  /** What came before the Pod was connected. */
  early: Buffer[];
  ended: boolean;
}

/**
 * Port-forward as kubectl asks for it: each connection is a pair of SPDY/3.1 streams, one for data and one for errors,
 * with the port in their headers. Only what the protocol of port-forward needs; like its other implementations it does
 * without flow control of single streams.
 *
 * @see https://www.chromium.org/spdy/spdy-protocol/spdy-protocol-draft3-1/
 * @see https://pkg.go.dev/k8s.io/client-go/tools/portforward
 */
export class SpdyPortForward {
  readonly #socket: Duplex;
  readonly #connect: (port: number) => Promise<Socket>;
  readonly #headers = new SpdyHeaders();
  readonly #streams = new Map<number, Stream>();

  constructor(socket: Duplex, connect: (port: number) => Promise<Socket>) {
    this.#socket = socket;
    this.#connect = connect;
  }

  /** Serves until the connection ends. */
  async run(head: Buffer): Promise<void> {
    this.#socket.on('error', () => undefined);
    try {
      for await (const frame of frames(this.#socket, head)) await this.#handle(frame);
    } catch {
      // A broken connection and a broken frame end the same way.
    } finally {
      for (const {pod} of this.#streams.values()) pod?.destroy();
      this.#socket.destroy();
    }
  }

  async #handle(frame: Frame): Promise<void> {
    if (!frame.control) return await this.#data(frame);
    const {type, payload} = frame;
    if (type === frameTypes.synStream) await this.#open(payload, frame.flags);
    else if (type === frameTypes.headers) await this.#headers.unpack(payload.subarray(4));
    else if (type === frameTypes.ping) await this.#send(controlFrame(frameTypes.ping, 0, payload));
    else if (type === frameTypes.rstStream) this.#forget(payload.readUInt32BE(0) & 0x7fff_ffff);
  }

  async #open(payload: Buffer, flags: number): Promise<void> {
    const id = payload.readUInt32BE(0) & 0x7fff_ffff;
    const headers = await this.#headers.unpack(payload.subarray(10));
    const stream: Stream = {id, headers, early: [], ended: (flags & FIN) !== 0};
    this.#streams.set(id, stream);
    await this.#send(controlFrame(frameTypes.synReply, 0, Buffer.concat([uint32(id), await this.#headers.pack({})])));
    if (headers['streamtype'] === 'data') void this.#forward(stream);
  }

  async #forward(stream: Stream): Promise<void> {
    const port = Number(stream.headers['port']);
    const {requestid} = stream.headers;
    try {
      const pod = await this.#connect(port);
      pod.on('error', () => undefined);
      stream.pod = pod;
      if (!this.#streams.has(stream.id)) pod.destroy();
      for (const bytes of stream.early.splice(0)) pod.write(bytes);
      if (stream.ended) pod.end();
      for await (const chunk of pod as AsyncIterable<Buffer>) await this.#sendData(stream.id, chunk);
    } catch (error) {
      const message = Buffer.from(`error forwarding port ${port}: ${String(error)}`);
      const errors = this.#errorStream(requestid);
      if (errors) await this.#sendData(errors.id, message);
    } finally {
      const errors = this.#errorStream(requestid);
      if (errors) await this.#finish(errors);
      await this.#finish(stream);
    }
  }

  #errorStream(requestId: string | undefined): Stream | undefined {
    return [...this.#streams.values()].find(
      ({headers}) => headers['streamtype'] === 'error' && headers['requestid'] === requestId,
    );
  }

  async #data({streamId, flags, payload}: Frame): Promise<void> {
    const stream = this.#streams.get(streamId);
    if (stream === undefined) {
      if (payload.length > 0)
        await this.#send(
          controlFrame(frameTypes.rstStream, 0, Buffer.concat([uint32(streamId), uint32(STATUS_CANCEL)])),
        );
      return;
    }
    const ends = (flags & FIN) !== 0;
    stream.ended ||= ends;
    const {pod} = stream;
    if (pod === undefined) stream.early.push(payload);
    else {
      // The whole connection waits for a slow Pod: the stream has no window of its own.
      if (payload.length > 0 && !pod.write(payload)) await drained(pod);
      if (ends) pod.end();
    }
  }

  #forget(id: number): void {
    this.#streams.get(id)?.pod?.destroy();
    this.#streams.delete(id);
  }

  async #finish(stream: Stream): Promise<void> {
    if (this.#streams.delete(stream.id)) await this.#send(dataFrame(stream.id, FIN, Buffer.alloc(0)));
  }

  async #sendData(id: number, bytes: Buffer): Promise<void> {
    for (let at = 0; at < bytes.length; at += MAX_DATA_BYTES) {
      await this.#send(dataFrame(id, 0, bytes.subarray(at, at + MAX_DATA_BYTES)));
    }
  }

  async #send(frame: Buffer): Promise<void> {
    if (this.#socket.destroyed || this.#socket.write(frame)) return;
    await drained(this.#socket);
  }
}

async function drained(stream: Duplex): Promise<void> {
  await new Promise<void>((resolve) => {
    const done = (): void => {
      stream.off('drain', done);
      stream.off('close', done);
      resolve();
    };
    stream.once('drain', done);
    stream.once('close', done);
    if (stream.destroyed || !stream.writableNeedDrain) done();
  });
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function controlFrame(type: number, flags: number, payload: Buffer): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt16BE(0x8000 | VERSION, 0);
  header.writeUInt16BE(type, 2);
  header.writeUInt32BE(payload.length, 4);
  header[4] = flags;
  return Buffer.concat([header, payload]);
}

function dataFrame(streamId: number, flags: number, payload: Buffer): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt32BE(streamId, 0);
  header.writeUInt32BE(payload.length, 4);
  header[4] = flags;
  return Buffer.concat([header, payload]);
}

async function* frames(socket: Duplex, head: Buffer): AsyncGenerator<Frame> {
  let buffered = head;
  const next = function* (): Generator<Frame> {
    while (buffered.length >= 8) {
      const length = buffered.readUInt32BE(4) & 0xff_ffff;
      if (length > MAX_FRAME_BYTES) throw new Error(`a SPDY frame of ${length} bytes`);
      if (buffered.length < 8 + length) return;
      const first = buffered.readUInt32BE(0);
      const control = first >>> 31 === 1;
      yield {
        control,
        type: control ? first & 0xffff : 0,
        streamId: control ? 0 : first,
        flags: buffered[4] ?? 0,
        payload: buffered.subarray(8, 8 + length),
      };
      buffered = buffered.subarray(8 + length);
    }
  };
  yield* next();
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    buffered = Buffer.concat([buffered, chunk]);
    yield* next();
  }
}
