import type {ClientRequest, IncomingMessage, OutgoingHttpHeaders} from 'node:http';
import {Agent, type RequestOptions, request} from 'node:https';
import {isIP} from 'node:net';
import type {Duplex} from 'node:stream';
import {StatusError} from '../errors/status-error.ts';
import type {KubeObject} from '../kube-object.ts';
import {kubeletAddress, type NodeAddressType, nodeAddressTypes} from './kubelet-address.ts';

export interface KubeletClientOptions {
  /** PEM, by which kubelets know this server. */
  certificate?: string;
  key?: string;
  /** PEM of the authority of the kubelets' certificates. Default: they are not verified, as kube-apiserver does without. */
  authority?: string;
  /** The best one first. Default: {@link nodeAddressTypes}. */
  addressTypes?: readonly NodeAddressType[];
}

/** What a kubelet answered to a request to switch protocols. */
export type UpgradeAnswer =
  | {upgraded: true; response: IncomingMessage; socket: Duplex; head: Buffer}
  | {upgraded: false; response: IncomingMessage};

/** Sends requests to the kubelets of Nodes. */
export class KubeletClient {
  readonly #options: KubeletClientOptions;
  readonly #agent = new Agent({keepAlive: false});

  constructor(options: KubeletClientOptions) {
    this.#options = options;
  }

  /** @param path with its query @throws StatusError 500 where the kubelet cannot be reached */
  async get(node: KubeObject, path: string, signal: AbortSignal): Promise<IncomingMessage> {
    const options = this.#requestOptions(node, path, signal);
    return await new Promise((resolve, reject) => {
      const sent = request(options, resolve);
      sent.once('error', (error) =>
        reject(new StatusError(500, '', `Get "${urlOf(options)}": ${dialError(error, options)}`)),
      );
      sent.end();
    });
  }

  /** @param headers of the request that is passed on @throws StatusError 500 where the kubelet cannot be reached */
  async upgrade(
    node: KubeObject,
    path: string,
    {method, headers, signal}: {method: string; headers: OutgoingHttpHeaders; signal: AbortSignal},
  ): Promise<UpgradeAnswer> {
    const options = {...this.#requestOptions(node, path, signal), method, headers};
    return await new Promise((resolve, reject) => {
      const sent: ClientRequest = request(options);
      sent.once('upgrade', (response: IncomingMessage, socket: Duplex, head: Buffer) =>
        resolve({upgraded: true, response, socket, head}),
      );
      sent.once('response', (response) => resolve({upgraded: false, response}));
      sent.once('error', (error) =>
        reject(new StatusError(500, '', `error dialing backend: ${dialError(error, options)}`)),
      );
      sent.end();
    });
  }

  #requestOptions(node: KubeObject, path: string, signal: AbortSignal): RequestOptions {
    const {certificate, key, authority, addressTypes = nodeAddressTypes} = this.#options;
    const {host, port} = kubeletAddress(node, addressTypes);
    return {
      host,
      port,
      path,
      signal,
      agent: this.#agent,
      ...(certificate !== undefined && {cert: certificate}),
      ...(key !== undefined && {key}),
      ...(authority === undefined ? {rejectUnauthorized: false} : {ca: authority}),
      // A name of a TLS server cannot be an address.
      ...(isIP(host) === 0 ? {servername: host} : {}),
    };
  }
}

function hostAndPort({host, port}: RequestOptions): string {
  return isIP(host ?? '') === 6 ? `[${host}]:${port}` : `${host}:${port}`;
}

function urlOf(options: RequestOptions): string {
  return `https://${hostAndPort(options)}${options.path}`;
}

/** In the words of kube-apiserver for what happens often. */
function dialError(error: Error, options: RequestOptions): string {
  const code = 'code' in error ? error.code : undefined;
  const dial = `dial tcp ${hostAndPort(options)}`;
  if (code === 'ECONNREFUSED') return `${dial}: connect: connection refused`;
  if (code === 'EHOSTUNREACH') return `${dial}: connect: no route to host`;
  if (code === 'ETIMEDOUT') return `${dial}: i/o timeout`;
  if (code === 'ENOTFOUND') return `dial tcp: lookup ${options.host}: no such host`;
  return error.message;
}
