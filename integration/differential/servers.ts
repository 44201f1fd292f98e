import {startControlPlane} from '@kruntimes/reconciler-kit/testing';
import type {ServerAccess} from './session.ts';

/** Users of the token file, beside the administrator; the token of `alice` is `alice-token`. */
const users = [
  {user: 'alice', token: 'alice-token'},
  {user: 'bob', token: 'bob-token', groups: ['builders']},
];

export interface RunningServer extends AsyncDisposable {
  access: ServerAccess;
}

/** A server without anything on it, for one run of scenarios. */
export async function startServer(flavour: 'kube' | 'embedded', resolve: {goModule: string}): Promise<RunningServer> {
  const controlPlane = await startControlPlane({server: flavour, users, resolve});
  return {
    access: {server: controlPlane.server, ca: controlPlane.ca, token: controlPlane.state.adminToken},
    [Symbol.asyncDispose]: () => controlPlane.stop(),
  };
}
