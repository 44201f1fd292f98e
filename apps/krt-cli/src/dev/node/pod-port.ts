import {once} from 'node:events';
import {connect, type Socket} from 'node:net';

/** Connects to a port of a Pod. What on a real node would be the Pod's loopback is its own address here. */
export async function connectPodPort(podIP: string, port: number): Promise<Socket> {
  const socket = connect({host: podIP, port, noDelay: true});
  try {
    await once(socket, 'connect');
    return socket;
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

/**
 * A server that listens on 127.0.0.1 is for its own Pod. The Pods of a local node have an address each instead of a
 * loopback each, so `--…bind-address=127.0.0.1:PORT` of a container becomes that address.
 */
export function bindToPod(argument: string, podIP: string): string {
  return argument.replace(/^(--(?:[a-z0-9-]+-)?bind-address=)127\.0\.0\.1(?=:\d+$)/, `$1${podIP}`);
}
