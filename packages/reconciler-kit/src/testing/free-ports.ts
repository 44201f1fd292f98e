import {randomInt} from 'node:crypto';
import {readFile} from 'node:fs/promises';
import {createServer, type Server} from 'node:net';

const RANGE_SIZE = 12_000;
const ATTEMPTS = 1_000;

/**
 * Loopback ports that nobody listens on at this moment; all different. They are none of those that the kernel gives to
 * outgoing connections, so that only who chooses a port for listening could take one before you do, or between two starts.
 */
export async function freePorts(count: number): Promise<number[]> {
  const end = await firstEphemeralPort();
  const servers: Server[] = [];
  try {
    for (let attempt = 0; servers.length < count; attempt++) {
      if (attempt === ATTEMPTS) throw new Error(`found no ${count} free ports below ${end}`);
      const server = await listen(randomInt(end - RANGE_SIZE, end));
      if (server !== undefined) servers.push(server);
    }
    return servers.map((server) => (server.address() as {port: number}).port);
  } finally {
    await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  }
}

/** @returns undefined: somebody has it */
async function listen(port: number): Promise<Server | undefined> {
  const server = createServer();
  return await new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE' || error.code === 'EACCES') resolve(undefined);
      else reject(error);
    });
    server.listen(port, '127.0.0.1', () => resolve(server));
  });
}

/** Linux tells; elsewhere they begin higher than its default. */
async function firstEphemeralPort(): Promise<number> {
  const text = await readFile('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').catch(() => '');
  const first = Number.parseInt(text, 10);
  return first > RANGE_SIZE + 1_024 ? first : 32_768;
}
