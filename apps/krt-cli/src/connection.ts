import {type Run, type Runtime, runKind, runtimeKind} from '@kruntimes/api-types';
import {
  type ApiRequest,
  type ApiStream,
  Client,
  type ClusterConfig,
  type KindClient,
  Transport,
} from '@kruntimes/reconciler-kit';
import {type ClusterFlags, resolveClusterConfig} from './cluster-config.ts';
import {parseDurationMs} from './duration.ts';
import {clientVersion} from './version.ts';

/** The flags that every command takes. */
export interface ConnectionFlags extends ClusterFlags {
  requestTimeout?: string | undefined;
}

/** A way to one cluster, and the namespace to work in. */
export class Connection implements AsyncDisposable {
  readonly client: Client;
  readonly runs: KindClient<Run>;
  readonly runtimes: KindClient<Runtime>;
  readonly namespace: string;
  readonly server: string;

  constructor(client: Client) {
    this.client = client;
    this.runs = client.kind(runKind);
    this.runtimes = client.kind(runtimeKind);
    this.server = client.transport.config.server;
    this.namespace = client.transport.config.namespace;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client.transport.close();
  }
}

/** A transport whose requests wait no longer than `--request-timeout`. */
class ImpatientTransport extends Transport {
  readonly #timeoutMs: number | undefined;

  constructor(config: ClusterConfig, timeoutMs: number | undefined) {
    // A person waits: say what is wrong after a few tries instead of minutes later.
    super(config, {userAgent: `krt/${clientVersion()}`, connections: 8, maxRetries: 3});
    this.#timeoutMs = timeoutMs;
  }

  override async request<T>(request: ApiRequest): Promise<T> {
    return await super.request<T>({timeoutMs: this.#timeoutMs, ...request});
  }

  override async stream(request: ApiRequest): Promise<ApiStream> {
    return await super.stream({timeoutMs: this.#timeoutMs, ...request});
  }
}

/** @throws KrtError `KUBECONFIG`, `USAGE`; the cluster is not asked yet */
export async function connect(flags: ConnectionFlags, env: NodeJS.ProcessEnv): Promise<Connection> {
  const timeoutMs = parseDurationMs(flags.requestTimeout ?? '0', '--request-timeout');
  const config = await resolveClusterConfig(flags, env);
  return new Connection(new Client(new ImpatientTransport(config, timeoutMs === 0 ? undefined : timeoutMs)));
}
