/** One of the bare clients of the relay: sees Runs on a watch, and writes their next status. */
import {bindStatus, endAttemptStatus, fenceOf, type Run} from '@kruntimes/api-types';
import {Client, Transport, Watcher} from '@kruntimes/reconciler-kit';
import {type ClientAccess, configOf} from './bench-identity.ts';
import {serve} from './child-service.ts';
import {relayKind} from './relay-kind.ts';

export type RelayMethods = {
  start(options: {access: ClientAccess; namespace: string; role: 'binder' | 'finisher'}): Promise<void>;
};

/** As many at once as the scheduler binds. */
const CONNECTIONS = 64;

const stopping = new AbortController();
let transport: Transport | undefined;

const methods: RelayMethods = {
  async start({access, namespace, role}) {
    transport = new Transport(configOf(access), {connections: CONNECTIONS, userAgent: `relay-${role}`});
    const runs = new Client(transport).kind(relayKind);
    const phase = role === 'binder' ? 'Pending' : 'Scheduled';
    const next = (run: Run): void => {
      if (run.status?.phase !== phase) return;
      const status = role === 'binder' ? bound(run) : finished(run);
      runs.updateStatus({...run, status}).catch((error: unknown) => console.error(`relay ${role}`, error));
    };
    const started = Promise.withResolvers<void>();
    const watcher = new Watcher(runs, {namespace, fieldSelector: `status.phase=${phase}`});
    watcher
      .run(
        {
          replace(objects) {
            for (const run of objects) next(run);
            started.resolve();
          },
          event(type, run) {
            if (type !== 'DELETED') next(run);
          },
        },
        stopping.signal,
      )
      .catch(started.reject);
    await started.promise;
  },
};

function bound(run: Run) {
  return bindStatus(
    run,
    {name: 'relay-runtime-5d8f6c7b9d-x7k2p', uid: '00000000-0000-4000-8000-000000000000'},
    new Date(),
  );
}

function finished(run: Run) {
  const now = new Date();
  const output = {stdoutBytes: 6, stderrBytes: 0, truncated: false, tail: ''};
  const end = {outcome: {kind: 'exited', exitCode: 0} as const, startTime: now, output};
  return endAttemptStatus(run, fenceOf(run)!, end, {now, random: Math.random});
}

serve(methods, async () => {
  stopping.abort();
  await transport?.close();
});
