import {randomInt} from 'node:crypto';
import {createServer, type Server} from 'node:net';

export interface ReservedAddress {
  ip: string;
  release(): void;
}

const PREFIX = '127.77';
/** Nobody listens here; the listener only says to every other process on this machine that the address is taken. */
const RESERVATION_PORT = 65_535;
const ATTEMPTS = 1000;

/**
 * An address for each Pod, so that Pods may use the same ports. The kernel keeps the list: an address is free again
 * when its process ends, and two development clusters on one machine never share one.
 */
export async function reserveLoopbackAddress(random: (max: number) => number = randomInt): Promise<ReservedAddress> {
  const start = random(254 * 254);
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const number = (start + attempt) % (254 * 254);
    const ip = `${PREFIX}.${Math.floor(number / 254) + 1}.${(number % 254) + 1}`;
    const server = createServer((socket) => socket.destroy());
    if (!(await listens(server, ip))) continue;
    server.unref();
    return {ip, release: () => void server.close()};
  }
  throw new Error(`no free address in ${PREFIX}.0.0/16`);
}

async function listens(server: Server, host: string): Promise<boolean> {
  return await new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(false);
      else if (error.code === 'EADDRNOTAVAIL') {
        reject(
          new Error(`${host} is no address of this machine: a local node needs all of 127.0.0.0/8, as Linux has it`),
        );
      } else reject(error);
    });
    server.listen(RESERVATION_PORT, host, () => resolve(true));
  });
}
