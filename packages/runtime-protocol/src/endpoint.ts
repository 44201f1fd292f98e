/**
 * Most bytes in the path of a Unix socket: `sockaddr_un.sun_path` holds 108 on Linux, the closing NUL included.
 *
 * @see {@link https://man7.org/linux/man-pages/man7/unix.7.html | unix(7)}
 */
export const MAX_SOCKET_PATH_BYTES = 107;

/** Where a Runtime server listens. `target` is the name that nice-grpc's `createChannel` and `listen` take. */
export type Endpoint =
  | {readonly kind: 'unix'; readonly path: string; readonly target: string}
  | {readonly kind: 'tcp'; readonly host: string; readonly port: number; readonly target: string};

/** What this package throws. */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError';
  /** `ENDPOINT_INVALID`: the text is no endpoint; the message says what is wrong with it. */
  readonly code: 'ENDPOINT_INVALID';
  /** Never true: the same text fails again. */
  readonly retryable = false;

  constructor(code: 'ENDPOINT_INVALID', message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/**
 * Reads `unix:///absolute/path` or `host:port` (IPv6 as `[::1]:19091`).
 *
 * The three slashes are part of the form on purpose: gRPC clients read `unix:/path` in different ways, and
 * nice-grpc's adds a port to it.
 *
 * @throws {ProtocolError} `ENDPOINT_INVALID`
 */
export function parseEndpoint(text: string): Endpoint {
  if (text.startsWith('unix:')) {
    const path = text.slice('unix://'.length);
    if (!text.startsWith('unix:///') || path.length < 2) {
      throw invalid(text, 'a Unix socket is written unix:///absolute/path');
    }
    const bytes = Buffer.byteLength(path);
    if (bytes > MAX_SOCKET_PATH_BYTES) {
      throw invalid(
        text,
        `the path has ${bytes} bytes and a Unix socket's may have ${MAX_SOCKET_PATH_BYTES}; use a shorter one`,
      );
    }
    if (path.includes('\0')) throw invalid(text, 'a path holds no NUL');
    return {kind: 'unix', path, target: `unix://${path}`};
  }
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^\s:[\]/]+)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535) throw invalid(text, 'expected unix:///absolute/path or host:port');
  const host = match[1] ?? match[2] ?? '';
  return {kind: 'tcp', host, port, target: match[1] === undefined ? `${host}:${port}` : `[${host}]:${port}`};
}

function invalid(text: string, reason: string): ProtocolError {
  return new ProtocolError('ENDPOINT_INVALID', `invalid endpoint ${JSON.stringify(text)}: ${reason}`);
}
