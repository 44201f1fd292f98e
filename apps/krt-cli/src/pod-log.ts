import {RUNTIME_LABEL, RUNTIMED_CONTAINER} from '@kruntimes/api-types';
import {type Client, isApiError, kinds, ReconcilerKitError} from '@kruntimes/reconciler-kit';

export interface PodLogRequest {
  pod: string;
  follow: boolean;
  /** Only lines that the container runtime stamped at or after this time (RFC 3339, whole seconds). */
  sinceTime?: string | undefined;
  /** The log of the container's instance before its last restart. */
  previous?: boolean;
  signal: AbortSignal;
}

/** Where the Run log lines of a namespace's Pods come from. */
export interface PodLogSource {
  /** The iteration throws ApiError 404 when the Pod is gone, 400 while its container has not started. */
  open(request: PodLogRequest): AsyncIterable<Uint8Array>;
  /** Pods of a Runtime: where attempts may have left their log. */
  podsOfRuntime(runtime: string, signal: AbortSignal): Promise<string[]>;
}

/** `pods/log` of container runtimed, through the API server. */
export class KubernetesPodLogSource implements PodLogSource {
  readonly #client: Client;
  readonly #namespace: string;

  constructor(client: Client, namespace: string) {
    this.#client = client;
    this.#namespace = namespace;
  }

  open({pod, follow, sinceTime, previous, signal}: PodLogRequest): AsyncIterable<Uint8Array> {
    return this.#client.podLogs(
      {name: pod, namespace: this.#namespace},
      {
        container: RUNTIMED_CONTAINER,
        signal,
        ...(follow ? {follow} : {}),
        ...(sinceTime ? {sinceTime} : {}),
        ...(previous ? {previous} : {}),
      },
    );
  }

  async podsOfRuntime(runtime: string, signal: AbortSignal): Promise<string[]> {
    const list = await this.#client
      .kind(kinds.Pod)
      .list({namespace: this.#namespace, labelSelector: `${RUNTIME_LABEL}=${runtime}`, metadataOnly: true, signal});
    return list.items.map((pod) => pod.metadata?.name ?? '').filter(Boolean);
  }
}

/** Whether the log cannot be had any more: no Pod of that name. */
export function isLogGone(error: unknown): boolean {
  return isApiError(error) && error.status === 404;
}

/** Whether asking again may help: the container is starting, the kubelet or the connection is away. */
export function isLogNotReady(error: unknown): boolean {
  if (isApiError(error)) return error.status === 400 || error.retryable;
  return error instanceof ReconcilerKitError && error.retryable;
}

/** Whether the cluster does not allow it. */
export function isLogRefused(error: unknown): boolean {
  return isApiError(error) && (error.status === 401 || error.status === 403);
}
