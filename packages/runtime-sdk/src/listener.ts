import {accessSync, chmodSync, constants, existsSync, lstatSync, unlinkSync} from 'node:fs';
import {connect} from 'node:net';
import {dirname} from 'node:path';
import type {Endpoint} from '@kruntimes/runtime-protocol';
import type {Server} from 'nice-grpc';
import {errorMessage, RuntimeSdkError, systemErrorCode} from './errors.ts';

/**
 * Makes a gRPC server listen.
 *
 * @returns the address that it listens on, as a daemon dials it: with the port that was chosen for port 0
 * @throws {RuntimeSdkError} `LISTEN_FAILED`
 */
export async function listen(server: Server, endpoint: Endpoint): Promise<string> {
  try {
    if (endpoint.kind === 'tcp') {
      const port = await server.listen(endpoint.target);
      return endpoint.target.replace(/:\d+$/, `:${port}`);
    }
    await server.listen(endpoint.target);
    // The daemon may run as another user of the same group; nobody else has business here.
    chmodSync(endpoint.path, 0o660);
    return endpoint.target;
  } catch (error) {
    throw new RuntimeSdkError('LISTEN_FAILED', `cannot listen on ${endpoint.target}: ${errorMessage(error)}`, {
      cause: error,
    });
  }
}

/**
 * A server that was killed leaves its socket behind, which is removed; one that lives is not pushed aside.
 *
 * @throws {RuntimeSdkError} `LISTEN_FAILED`, `SOCKET_IN_USE`
 */
export async function removeStaleSocket(path: string): Promise<void> {
  try {
    accessSync(dirname(path), constants.W_OK);
    if (!lstatSync(path).isSocket()) throw new Error('it exists and is no socket');
    if (await answers(path)) {
      throw new RuntimeSdkError('SOCKET_IN_USE', `cannot listen on ${path}: another process does already`);
    }
    unlinkSync(path);
  } catch (error) {
    if (error instanceof RuntimeSdkError) throw error;
    if (systemErrorCode(error) === 'ENOENT' && existsSync(dirname(path))) return;
    throw new RuntimeSdkError('LISTEN_FAILED', `cannot listen on ${path}: ${errorMessage(error)}`, {cause: error});
  }
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const settle = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', () => settle(true));
    socket.once('error', () => settle(false));
  });
}
