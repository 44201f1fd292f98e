import {readFile} from 'node:fs/promises';
import {createServer} from 'node:net';
import {expect, test} from '@jest/globals';
import {freePorts} from './free-ports.ts';

test('ports are different, free, and none that an outgoing connection could get', async () => {
  const ports = await freePorts(20);
  expect(new Set(ports).size).toBe(20);
  const [first = 0] = (await readFile('/proc/sys/net/ipv4/ip_local_port_range', 'utf8'))
    .trim()
    .split(/\s+/)
    .map(Number);
  for (const port of ports) {
    expect(port).toBeGreaterThan(1_024);
    expect(port).toBeLessThan(first);
    const server = createServer();
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, '127.0.0.1', resolve));
    await new Promise((resolve) => server.close(resolve));
  }
});
