import {isTerminal, type Run} from '@kruntimes/api-types';
import {kinds} from '@kruntimes/reconciler-kit';
import {formatBytes} from './byte-size.ts';
import type {Candidate} from './complete.ts';
import type {CompletionSource} from './completion-source.ts';
import {type Connection, type ConnectionFlags, connect} from './connection.ts';
import {contextNames} from './kubeconfig-contexts.ts';
import {describePosition} from './run-position.ts';

/** More names than this help nobody. */
const limit = 200;

/** Names from the cluster or the kubeconfig; none at all when they cannot be had in time. */
export async function lookUpNames(
  source: CompletionSource,
  flags: ConnectionFlags,
  words: readonly string[],
  env: NodeJS.ProcessEnv,
  timeoutMs: number,
): Promise<Candidate[]> {
  try {
    if (source.kind === 'contexts') {
      return (await contextNames(flags.kubeconfig, env)).map((value) => ({value}));
    }
    await using connection = await connect(flags, env);
    return await namesFrom(connection, source, words, AbortSignal.timeout(timeoutMs));
  } catch {
    return [];
  }
}

async function namesFrom(
  connection: Connection,
  source: CompletionSource,
  words: readonly string[],
  signal: AbortSignal,
): Promise<Candidate[]> {
  const {namespace, runs, runtimes, client} = connection;
  switch (source.kind) {
    case 'runs': {
      const open = 'status.phase!=Succeeded,status.phase!=Failed,status.phase!=Timeout,status.phase!=Cancelled';
      const list = await runs.list({
        namespace,
        limit,
        signal,
        ...(source.only === 'open' ? {fieldSelector: open} : {}),
      });
      return list.items.map((run) => ({value: run.metadata?.name ?? '', description: describe(run)}));
    }
    case 'runtimes': {
      const list = await runtimes.list({namespace, limit, signal});
      return list.items.map(({metadata, status}) => ({
        value: metadata?.name ?? '',
        description: `${status?.readyReplicas ?? 0} of ${status?.replicas ?? 0} Pods ready`,
      }));
    }
    case 'outputs': {
      const run = await runs.get(words[0] ?? '', {namespace, signal});
      return Object.keys(run.status?.outputs ?? {}).map((value) => ({value}));
    }
    case 'artifacts': {
      const run = await runs.get(words[0] ?? '', {namespace, signal});
      return (run.status?.artifactRefs ?? []).map(({name, sizeBytes}) => ({
        value: name,
        description: formatBytes(sizeBytes),
      }));
    }
    case 'namespaces': {
      const list = await client.kind(kinds.Namespace).list({limit, signal, metadataOnly: true});
      return list.items.map(({metadata}) => ({value: metadata?.name ?? ''}));
    }
    case 'contexts':
    case 'files':
    case 'values':
    case 'none':
      break;
  }
  return [];
}

function describe(run: Run): string {
  const {phase} = run.status ?? {};
  return isTerminal(phase) ? (phase ?? '') : describePosition(run, Date.now());
}
