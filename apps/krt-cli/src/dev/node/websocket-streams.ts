import type {IncomingMessage} from 'node:http';
import type {Duplex} from 'node:stream';
import {type RawData, type WebSocket, WebSocketServer} from 'ws';
import {ClientInput} from './client-input.ts';
import {encodeStatus, type RemoteStreams, type WantedStreams} from './remote-streams.ts';

/** One byte in front of each message. */
const channels = {stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4, close: 255} as const;
/** The fifth version has the close channel, by which the input ends. */
const protocols = ['v5.channel.k8s.io', 'v4.channel.k8s.io'];
const MAX_MESSAGE_BYTES = 4 * 1024 * 1024;

const server = new WebSocketServer({
  noServer: true,
  perMessageDeflate: false,
  maxPayload: MAX_MESSAGE_BYTES,
  handleProtocols: (offered) => protocols.find((protocol) => offered.has(protocol)) ?? false,
});

/** Whether there is a protocol that both know. */
export function offersChannels({headers}: IncomingMessage): boolean {
  const offered = (headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim());
  return protocols.some((protocol) => offered.includes(protocol));
}

/**
 * Streams of a command over WebSocket channels, the way of kubectl since 1.31 and of browsers.
 *
 * @see https://github.com/kubernetes/enhancements/tree/master/keps/sig-api-machinery/4006-transition-spdy-to-websockets
 * @returns undefined where the client spoke no WebSocket; it has its answer then
 */
export async function webSocketStreams(
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  wanted: WantedStreams,
): Promise<RemoteStreams | undefined> {
  const webSocket = await new Promise<WebSocket | undefined>((resolve) => {
    socket.once('close', () => resolve(undefined));
    server.handleUpgrade(request, socket, head, resolve);
  });
  if (webSocket === undefined) return undefined;
  const input = new ClientInput(wanted.stdin, () => webSocket.ping());
  const gone = new AbortController();
  const closed = new Promise<void>((resolve) => {
    webSocket.once('close', () => {
      input.end();
      gone.abort();
      resolve();
    });
  });
  // A message that breaks the rules: the close follows.
  webSocket.on('error', () => {});
  webSocket.on('message', (data: RawData) => {
    const message = data as Buffer;
    const bytes = message.subarray(1);
    if (message[0] === channels.stdin) {
      webSocket.pause();
      void input.write(bytes).then(() => webSocket.resume());
    } else if (message[0] === channels.resize) input.resize(bytes);
    else if (message[0] === channels.close && bytes[0] === channels.stdin) input.end();
  });
  const send = async (channel: number, bytes: Uint8Array): Promise<void> => {
    if (webSocket.readyState !== webSocket.OPEN) return;
    await new Promise<void>((resolve) => {
      webSocket.send(Buffer.concat([Buffer.of(channel), bytes]), () => resolve());
    });
  };
  // Tells the client that it is connected.
  await send(wanted.stdout ? channels.stdout : channels.error, Buffer.alloc(0));
  return {
    stdin: input.stdin,
    tty: wanted.tty,
    gone: gone.signal,
    onResize: (listener) => input.onResize(listener),
    write: async (to, bytes) => {
      if (wanted[to]) await send(channels[to], bytes);
    },
    finish: async (status) => {
      input.destroy();
      await send(channels.error, encodeStatus(status));
      // Whoever does not answer is cut off by the library after a while.
      webSocket.close(1000);
      await closed;
    },
  };
}
