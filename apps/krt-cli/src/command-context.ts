import type {Clock} from '@kruntimes/reconciler-kit';
import {type Connection, type ConnectionFlags, connect} from './connection.ts';
import {type Attempted, explainFailure} from './failure.ts';
import type {Terminal} from './terminal.ts';

/** What every command gets beside its flags and arguments. */
export interface CallContext {
  terminal: Terminal;
  /** How the user calls the program: `krt`, or `kubectl krt` when it runs as a plug-in of kubectl. */
  program: string;
}

/** What commands get that work with the cluster. */
export interface CommandContext extends CallContext {
  clock: Clock;
  random: () => number;
}

/** Connects, works, disconnects; failures of the cluster come out as KrtErrors that say what to do. */
export async function withConnection<T>(
  context: CallContext,
  flags: ConnectionFlags,
  work: (connection: Connection) => Promise<T>,
  attempted?: Attempted,
): Promise<T> {
  await using connection = await connect(flags, context.terminal.env);
  try {
    return await work(connection);
  } catch (error) {
    throw await explainFailure(error, connection, {namespace: connection.namespace, ...attempted} as Attempted);
  }
}
