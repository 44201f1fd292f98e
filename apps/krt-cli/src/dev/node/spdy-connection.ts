import type {Duplex} from 'node:stream';
import {SpdyHeaders} from './spdy-headers.ts';
import {drained} from './stream-drained.ts';

const VERSION = 3;
const frameTypes = {synStream: 1, synReply: 2, rstStream: 3, ping: 6, headers: 8} as const;
const FIN = 1;
const STATUS_CANCEL = 5;
const MAX_DATA_BYTES = 32 * 1024;
/** Nobody sends larger ones: data comes in pieces of a socket. */
const MAX_FRAME_BYTES = 4 * 1024 * 1024;
/** More than any of Kubernetes' protocols has at a time. */
const MAX_STREAMS = 1_000;

interface Frame {
  control: boolean;
  /** Of a control frame. */
  type: number;
  /** Of a data frame. */
  streamId: number;
  flags: number;
  payload: Buffer;
}

/** One stream that the client has opened. */
export interface SpdyStream {
  readonly id: number;
  readonly headers: Readonly<Record<string, string>>;
  /** The connection reads on when it resolves. */
  onData: (bytes: Buffer) => Promise<void> | void;
  /** The client has nothing more to say. */
  onEnd: () => void;
  onReset: () => void;
  /** Resolves when there is room for more. */
  write(bytes: Buffer): Promise<void>;
  /** Nothing more comes, and nothing more is wanted. */
  end(): Promise<void>;
}

/**
 * The server's end of a SPDY/3.1 connection, as far as Kubernetes uses it. Like the other implementations it does without
 * flow control of single streams: while one does not take what comes for it, all wait.
 *
 * @see https://www.chromium.org/spdy/spdy-protocol/spdy-protocol-draft3-1/
 */
export class SpdyConnection {
  readonly #socket: Duplex;
  readonly #onStream: (stream: SpdyStream) => void;
  readonly #headers = new SpdyHeaders();
  readonly #streams = new Map<number, SpdyStream>();
  #pings = 0;

  /** @param onStream is called before anything of the stream is read */
  constructor(socket: Duplex, onStream: (stream: SpdyStream) => void) {
    this.#socket = socket;
    this.#onStream = onStream;
  }

  /** The streams that are open. */
  get streams(): SpdyStream[] {
    return [...this.#streams.values()];
  }

  /** Serves until the connection ends; then every stream that is left is reset. */
  async run(head: Buffer): Promise<void> {
    this.#socket.on('error', () => undefined);
    try {
      for await (const frame of frames(this.#socket, head)) await this.#handle(frame);
    } catch {
      // A broken connection and a broken frame end the same way.
    } finally {
      this.#socket.destroy();
      for (const stream of this.streams) this.#reset(stream.id);
    }
  }

  /** A client that is not there any more is noticed by what is sent to it. */
  async ping(): Promise<void> {
    this.#pings += 2;
    await this.#send(controlFrame(frameTypes.ping, 0, uint32(this.#pings)));
  }

  /** Nothing more is sent. */
  end(): void {
    this.#socket.end();
  }

  async #handle(frame: Frame): Promise<void> {
    if (!frame.control) return await this.#data(frame);
    const {type, payload} = frame;
    if (type === frameTypes.synStream) await this.#open(payload, frame.flags);
    else if (type === frameTypes.headers) await this.#headers.unpack(payload.subarray(4));
    // The answer to a ping of ours has an even number.
    else if (type === frameTypes.ping) {
      if (payload.readUInt32BE(0) % 2 === 1) await this.#send(controlFrame(frameTypes.ping, 0, payload));
    } else if (type === frameTypes.rstStream) this.#reset(payload.readUInt32BE(0) & 0x7fff_ffff);
  }

  async #open(payload: Buffer, flags: number): Promise<void> {
    const id = payload.readUInt32BE(0) & 0x7fff_ffff;
    const headers = await this.#headers.unpack(payload.subarray(10));
    if (this.#streams.size >= MAX_STREAMS) return await this.#cancel(id);
    const stream: SpdyStream = {
      id,
      headers,
      onData: () => {},
      onEnd: () => {},
      onReset: () => {},
      write: async (bytes) => {
        for (let at = 0; at < bytes.length && this.#streams.has(id); at += MAX_DATA_BYTES) {
          await this.#send(dataFrame(id, 0, bytes.subarray(at, at + MAX_DATA_BYTES)));
        }
      },
      end: async () => {
        if (this.#streams.delete(id)) await this.#send(dataFrame(id, FIN, Buffer.alloc(0)));
      },
    };
    this.#streams.set(id, stream);
    await this.#send(controlFrame(frameTypes.synReply, 0, Buffer.concat([uint32(id), await this.#headers.pack({})])));
    this.#onStream(stream);
    if ((flags & FIN) !== 0) stream.onEnd();
  }

  async #data({streamId, flags, payload}: Frame): Promise<void> {
    const stream = this.#streams.get(streamId);
    if (stream === undefined) {
      if (payload.length > 0) await this.#cancel(streamId);
      return;
    }
    if (payload.length > 0) await stream.onData(payload);
    if ((flags & FIN) !== 0) stream.onEnd();
  }

  async #cancel(id: number): Promise<void> {
    await this.#send(controlFrame(frameTypes.rstStream, 0, Buffer.concat([uint32(id), uint32(STATUS_CANCEL)])));
  }

  #reset(id: number): void {
    const stream = this.#streams.get(id);
    this.#streams.delete(id);
    stream?.onReset();
  }

  async #send(frame: Buffer): Promise<void> {
    if (this.#socket.destroyed || this.#socket.writableEnded || this.#socket.write(frame)) return;
    await drained(this.#socket);
  }
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
