import type {Duplex} from 'node:stream';
import {ClientInput} from './client-input.ts';
import {encodeStatus, type RemoteStreams, type WantedStreams} from './remote-streams.ts';
import {SpdyConnection, type SpdyStream} from './spdy-connection.ts';

/** The only one that is spoken here: every kubectl since 1.4 knows it. */
export const SPDY_COMMAND_PROTOCOL = 'v4.channel.k8s.io';
const CREATION_TIMEOUT_MS = 30_000;
/** A client that does not close its end: what was sent to it must not be lost by an early end of the connection. */
const CLOSE_TIMEOUT_MS = 10_000;

/**
 * Streams of a command over SPDY, the way of kubectl before 1.31 and of kube-apiserver.
 *
 * @returns undefined where the client does not open the streams that it has asked for
 */
export async function spdyStreams(
  socket: Duplex,
  head: Buffer,
  wanted: WantedStreams,
): Promise<RemoteStreams | undefined> {
  const names = ['error', ...(['stdin', 'stdout', 'stderr'] as const).filter((name) => wanted[name])];
  if (wanted.tty) names.push('resize');
  const streams = new Map<string, SpdyStream>();
  const opened = Promise.withResolvers<boolean>();
  const input = new ClientInput(wanted.stdin, () => void connection.ping());
  const connection = new SpdyConnection(socket, (stream) => {
    const name = stream.headers['streamtype'] ?? '';
    streams.set(name, stream);
    if (name === 'stdin') {
      stream.onData = async (bytes) => await input.write(bytes);
      stream.onEnd = () => input.end();
    } else if (name === 'resize') stream.onData = (bytes) => input.resize(bytes);
    if (names.every((each) => streams.has(each))) opened.resolve(true);
  });
  const gone = new AbortController();
  const end = (): void => {
    input.end();
    gone.abort();
    opened.resolve(false);
  };
  const ended = connection.run(head).then(end);
  // Its end is not seen while nothing is read.
  socket.once('close', end);
  const timeout = setTimeout(() => opened.resolve(false), CREATION_TIMEOUT_MS);
  const complete = await opened.promise;
  clearTimeout(timeout);
  if (!complete) {
    socket.destroy();
    return undefined;
  }
  return {
    stdin: input.stdin,
    tty: wanted.tty,
    gone: gone.signal,
    onResize: (listener) => input.onResize(listener),
    write: async (to, bytes) => await streams.get(to)?.write(bytes),
    finish: async (status) => {
      input.destroy();
      for (const name of ['stdout', 'stderr']) await streams.get(name)?.end();
      const errors = streams.get('error');
      await errors?.write(encodeStatus(status));
      await errors?.end();
      connection.end();
      const late = setTimeout(() => socket.destroy(), CLOSE_TIMEOUT_MS);
      await ended;
      clearTimeout(late);
    },
  };
}
