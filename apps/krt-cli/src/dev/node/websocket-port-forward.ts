import type {IncomingMessage} from 'node:http';
import type {Socket} from 'node:net';
import type {Duplex} from 'node:stream';
import {type RawData, type WebSocket, WebSocketServer} from 'ws';

/** Streams of one port: data is `2 * i`, errors are `2 * i + 1`, for the i-th port asked for. */
const PROTOCOL = 'v4.channel.k8s.io';

const server = new WebSocketServer({
  noServer: true,
  perMessageDeflate: false,
  handleProtocols: (offered) => offered.has(PROTOCOL) && PROTOCOL,
});

/**
 * Port-forward in the protocol of channels over a WebSocket, as container runtimes serve it. The connection is closed
 * when all ports are through.
 */
export function forwardWebSocket(
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  ports: readonly number[],
  connect: (port: number) => Promise<Socket>,
): void {
  server.handleUpgrade(request, socket, head, (webSocket) => {
    void Promise.all(ports.map((port, i) => forward(webSocket, port, 2 * i, connect))).then(() => webSocket.close());
  });
}

async function forward(
  webSocket: WebSocket,
  port: number,
  channel: number,
  connect: (port: number) => Promise<Socket>,
): Promise<void> {
  const send = async (to: number, bytes: Uint8Array): Promise<void> =>
    await new Promise((resolve) => {
      webSocket.send(Buffer.concat([Buffer.of(to), bytes]), () => resolve());
    });
  const portBytes = Buffer.of(port & 0xff, port >> 8);
  const early: Buffer[] = [];
  let take = (bytes: Buffer): void => void early.push(bytes);
  webSocket.on('message', (data: RawData) => {
    const message = data as Buffer;
    if (message[0] === channel) take(message.subarray(1));
  });
  await send(channel, portBytes);
  await send(channel + 1, portBytes);
  try {
    const pod = await connect(port);
    const end = (): void => void pod.destroy();
    webSocket.once('close', end);
    pod.on('drain', () => webSocket.resume());
    take = (bytes) => {
      if (!pod.write(bytes)) webSocket.pause();
    };
    for (const bytes of early) take(bytes);
    for await (const chunk of pod as AsyncIterable<Buffer>) await send(channel, chunk);
    webSocket.off('close', end);
  } catch (error) {
    if (webSocket.readyState !== webSocket.OPEN) return;
    await send(channel + 1, Buffer.from(`error forwarding port ${port}: ${String(error)}`));
  }
}
