import {createServer, type Server} from 'node:http';
import type {AddressInfo} from 'node:net';

/** What of a span a test looks at. */
export interface ReceivedSpan {
  service: string;
  name: string;
  traceId: string;
  spanId: string;
  /** Empty: a root. */
  parentSpanId: string;
  attributes: Readonly<Record<string, string | number>>;
}

/** A collector that takes OTLP/HTTP with protobuf and keeps the spans. */
export class OtlpReceiver implements AsyncDisposable {
  readonly spans: ReceivedSpan[] = [];
  readonly #server: Server;
  readonly #listeners = new Set<() => void>();

  private constructor() {
    this.#server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        if (request.url === '/v1/traces') this.spans.push(...spansOf(Buffer.concat(chunks)));
        response.writeHead(200, {'content-type': 'application/x-protobuf'}).end();
        for (const listener of this.#listeners) listener();
      });
    });
  }

  static async start(): Promise<OtlpReceiver> {
    const receiver = new OtlpReceiver();
    await new Promise<void>((resolve) => {
      receiver.#server.listen(0, '127.0.0.1', resolve);
    });
    return receiver;
  }

  get endpoint(): string {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it listens on TCP
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Resolves with the spans of a trace as soon as `complete` says that all are there. */
  async trace(traceId: string, complete: (spans: ReceivedSpan[]) => boolean): Promise<ReceivedSpan[]> {
    const {promise, resolve, reject} = Promise.withResolvers<ReceivedSpan[]>();
    const check = (): void => {
      const spans = this.spans.filter((span) => span.traceId === traceId);
      if (complete(spans)) resolve(spans);
    };
    const timer = setTimeout(() => {
      reject(new Error(`the trace ${traceId} is not complete after 60 s: ${JSON.stringify(this.spans)}`));
    }, 60_000);
    this.#listeners.add(check);
    check();
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#listeners.delete(check);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => {
      this.#server.close(resolve);
    });
  }
}

/** @see https://github.com/open-telemetry/opentelemetry-proto/blob/main/opentelemetry/proto/trace/v1/trace.proto */
function spansOf(request: Buffer): ReceivedSpan[] {
  return messages(request, 1).flatMap((resourceSpans) => {
    const resource = messages(resourceSpans, 1).flatMap((each) => messages(each, 1));
    const service = String(attributesOf(resource)['service.name'] ?? '');
    return messages(resourceSpans, 2)
      .flatMap((scopeSpans) => messages(scopeSpans, 2))
      .map((span) => ({
        service,
        name: text(span, 5),
        traceId: messages(span, 1)[0]?.toString('hex') ?? '',
        spanId: messages(span, 2)[0]?.toString('hex') ?? '',
        parentSpanId: messages(span, 4)[0]?.toString('hex') ?? '',
        attributes: attributesOf(messages(span, 9)),
      }));
  });
}

function attributesOf(pairs: readonly Buffer[]): Record<string, string | number> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const value = messages(pair, 2)[0] ?? Buffer.alloc(0);
      const integer = fields(value).find(({number, wire}) => number === 3 && wire === 0);
      return [text(pair, 1), integer === undefined ? text(value, 1) : Number(integer.integer)];
    }),
  );
}

function text(message: Buffer, number: number): string {
  return messages(message, number)[0]?.toString('utf8') ?? '';
}

/** The values of a length-delimited field. */
function messages(message: Buffer, number: number): Buffer[] {
  return fields(message).flatMap((field) => (field.number === number && field.wire === 2 ? [field.bytes] : []));
}

interface WireField {
  number: number;
  wire: number;
  integer: bigint;
  bytes: Buffer;
}

/** @see https://protobuf.dev/programming-guides/encoding/ */
function fields(message: Buffer): WireField[] {
  const found: WireField[] = [];
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = message[at++] ?? 0;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  while (at < message.length) {
    const tag = Number(varint());
    const [number, wire] = [tag >> 3, tag & 7];
    const integer = wire === 0 ? varint() : 0n;
    const length = wire === 2 ? Number(varint()) : wire === 1 ? 8 : wire === 5 ? 4 : 0;
    found.push({number, wire, integer, bytes: message.subarray(at, at + length)});
    at += length;
  }
  return found;
}
