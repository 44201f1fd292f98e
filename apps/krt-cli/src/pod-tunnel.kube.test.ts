import {createHash, randomBytes} from 'node:crypto';
import {once} from 'node:events';
import {buffer} from 'node:stream/consumers';
import {afterAll, beforeAll, describe, expect, test} from '@jest/globals';
import {type ControlPlaneAccess, sharedControlPlane} from '@kruntimes/reconciler-kit/testing';
import {openPodTunnel, type PodPort} from './pod-tunnel.ts';
import {LocalNode} from './testing/local-node.ts';

const MIB = 1024 * 1024;
const port = 18_095;

/** Answers `send N` with N bytes, and `hash N` and N bytes with their digest. */
const program = `
  const {createHash} = require('crypto');
  const [host, port] = process.argv[1].split('=')[1].split(':');
  require('net').createServer({allowHalfOpen: true}, (socket) => {
    socket.on('error', () => {});
    socket.once('data', (chunk) => {
      const end = chunk.indexOf(10);
      const [word, count] = chunk.toString('latin1', 0, end).split(' ');
      let left = Number(count);
      if (word === 'hash') {
        const hash = createHash('sha256');
        const take = (bytes) => {
          hash.update(bytes);
          left -= bytes.length;
          if (left === 0) socket.end(hash.digest('hex'));
        };
        take(chunk.subarray(end + 1));
        socket.on('data', take);
        return;
      }
      const block = Buffer.alloc(65536, 'x');
      const send = () => {
        while (left > 0) {
          const part = block.subarray(0, left);
          left -= part.length;
          if (!socket.write(part)) return socket.once('drain', send);
        }
        socket.end();
      };
      send();
    });
  }).listen(Number(port), host);`;

describe('openPodTunnel', () => {
  let controlPlane: ControlPlaneAccess;
  let node: LocalNode;
  let target: PodPort;

  beforeAll(async () => {
    controlPlane = await sharedControlPlane();
    const namespace = await controlPlane.createNamespace();
    node = await LocalNode.start(controlPlane, namespace, {server: {command: [process.execPath, '-e', program, '--']}});
    const listening = {tcpSocket: {port}};
    const containers = [
      {
        name: 'main',
        image: 'server',
        // On a real node only the Pod itself could connect.
        args: [`--bind-address=127.0.0.1:${port}`],
        readinessProbe: {...listening, periodSeconds: 1},
      },
    ];
    await node.readyPod('target', {containers});
    target = {namespace, pod: 'target', port};
  }, 120_000);

  afterAll(async () => {
    await node[Symbol.asyncDispose]();
  });

  test('carries bytes in both directions', async () => {
    const download = await openPodTunnel(controlPlane.config, target);
    download.write(`send ${20 * MIB}\n`);
    expect((await buffer(download)).equals(Buffer.alloc(20 * MIB, 'x'))).toBe(true);

    const bytes = randomBytes(5 * MIB);
    const upload = await openPodTunnel(controlPlane.config, target);
    upload.write(`hash ${bytes.length}\n`);
    upload.write(bytes);
    expect((await buffer(upload)).toString()).toBe(createHash('sha256').update(bytes).digest('hex'));
  });

  test('whoever reads slowly makes the Pod wait', async () => {
    const tunnel = await openPodTunnel(controlPlane.config, target);
    tunnel.write(`send ${50 * MIB}\n`);
    await once(tunnel, 'readable');
    // Nobody reads: what is collected here stays within the stream's own buffer and one message.
    expect(tunnel.readableLength).toBeLessThan(MIB);
    let bytes = 0;
    let most = 0;
    for await (const chunk of tunnel as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      most = Math.max(most, tunnel.readableLength);
    }
    expect(bytes).toBe(50 * MIB);
    expect(most).toBeLessThan(MIB);
  });

  test('says why a port cannot be reached', async () => {
    const closed = await openPodTunnel(controlPlane.config, {...target, port: 18_096});
    await expect(buffer(closed)).rejects.toThrow(/error forwarding port 18096.*ECONNREFUSED/);
    await expect(openPodTunnel(controlPlane.config, {...target, pod: 'nobody'})).rejects.toMatchObject({status: 404});
    const stranger = controlPlane.userConfig({user: 'stranger'});
    await expect(openPodTunnel(stranger, target)).rejects.toMatchObject({
      status: 403,
      message: expect.stringContaining('pods/portforward'),
    });
    const nowhere = {...controlPlane.config, server: 'https://127.0.0.1:1'};
    await expect(openPodTunnel(nowhere, target)).rejects.toMatchObject({code: 'CONNECTION_FAILED', retryable: true});
  });

  test('ends with its signal', async () => {
    const stop = new AbortController();
    const tunnel = await openPodTunnel(controlPlane.config, target, {signal: stop.signal});
    const closed = once(tunnel, 'close');
    stop.abort();
    await closed;
    await expect(openPodTunnel(controlPlane.config, target, {signal: stop.signal})).rejects.toThrow('aborted');
  });
});
