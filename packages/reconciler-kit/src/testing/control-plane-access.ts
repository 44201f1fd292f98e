import {randomUUID} from 'node:crypto';
import {request} from 'node:https';
import {
  CertificateAuthority,
  type CertificateRequest,
  type KeyPair,
} from '@kruntimes/apiserver-kit/certificate-authority';
import type {ClusterConfig} from '../config.ts';
import {ReconcilerKitError} from '../errors.ts';
import {type AuditEvent, type AuditMark, auditLogEnd, readAuditLog} from './audit-log.ts';
import {writeKubeconfig} from './kubeconfig-file.ts';

/** What another process needs to work with a running control plane; JSON. */
export interface ControlPlaneState {
  /** `https://127.0.0.1:port` */
  server: string;
  adminToken: string;
  authority: {commonName: string; cert: string; key: string};
  directory: string;
  kubeconfigPath: string;
  auditLogPath: string;
}

export interface UserIdentity {
  user: string;
  groups?: readonly string[];
}

/** A running control plane, seen by somebody who does not own its processes. */
export class ControlPlaneAccess {
  /** Of a cluster administrator (`system:masters`). */
  readonly config: ClusterConfig;
  /** A kubeconfig of {@link config}. */
  readonly kubeconfigPath: string;
  /** A folder that goes away with the control plane. */
  readonly directory: string;
  readonly state: ControlPlaneState;
  readonly #authority: CertificateAuthority;

  constructor(state: ControlPlaneState) {
    this.state = state;
    this.directory = state.directory;
    this.kubeconfigPath = state.kubeconfigPath;
    this.#authority = CertificateAuthority.import(state.authority);
    this.config = this.tokenConfig(state.adminToken);
  }

  get server(): string {
    return this.state.server;
  }

  /** PEM of the authority that signs the certificates of this cluster. */
  get ca(): string {
    return this.#authority.certificate;
  }

  /** For the bearer of a token: of a user of the token file, or of a ServiceAccount. */
  tokenConfig(token: string): ClusterConfig {
    return {
      server: this.state.server,
      ca: this.ca,
      namespace: 'default',
      authorization: async () => `Bearer ${token}`,
    };
  }

  /** Any user: identified by a client certificate made on the spot. What it may do is up to RBAC. */
  userConfig({user, groups = []}: UserIdentity): ClusterConfig {
    const {cert, key} = this.issueCertificate({commonName: user, organizations: groups});
    return {server: this.state.server, ca: this.ca, cert, key, namespace: 'default'};
  }

  /** Signed by the authority of this cluster; good for clients and, given `hosts`, for servers. */
  issueCertificate(certificate: CertificateRequest): KeyPair {
    return this.#authority.issue(certificate);
  }

  async writeKubeconfig(path: string, config: ClusterConfig): Promise<void> {
    await writeKubeconfig(path, config);
  }

  /** Makes a namespace with a generated name and its ServiceAccount `default`, which no controller makes here. */
  async createNamespace(name?: string): Promise<string> {
    const namespace = await this.adminRequest<{metadata: {name: string}}>('POST', '/api/v1/namespaces', {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: name === undefined ? {generateName: 'test-'} : {name},
    });
    await this.createDefaultServiceAccount(namespace.metadata.name);
    return namespace.metadata.name;
  }

  /** Unless it is there. */
  async createDefaultServiceAccount(namespace: string): Promise<void> {
    const body = {apiVersion: 'v1', kind: 'ServiceAccount', metadata: {name: 'default'}};
    const path = `/api/v1/namespaces/${namespace}/serviceaccounts`;
    const {status, text} = await this.#send('POST', path, body);
    if (status >= 300 && status !== 409) throw unexpected('POST', path, status, text);
  }

  /** The present end of the audit log, for {@link auditEvents}. */
  async auditMark(): Promise<AuditMark> {
    await this.#flushAuditLog();
    return await auditLogEnd(this.state.auditLogPath);
  }

  /**
   * Every request since `mark` (default: since the start), oldest first, on the stages ResponseStarted (watches) and
   * ResponseComplete. Requests that were answered before this call are in it for certain.
   */
  async auditEvents(mark?: AuditMark): Promise<AuditEvent[]> {
    const marker = await this.#flushAuditLog();
    const events = await readAuditLog(this.state.auditLogPath, mark);
    return events.filter((event) => !event.requestURI.includes(marker));
  }

  /** One request with the administrator's rights, with nothing but Node: also good before any client exists. */
  async adminRequest<T = unknown>(method: string, path: string, body?: unknown): Promise<T> {
    const {status, text} = await this.#send(method, path, body);
    if (status >= 300) throw unexpected(method, path, status, text);
    return JSON.parse(text) as T;
  }

  /** Whether `/readyz` says ok. */
  async isReady(): Promise<boolean> {
    return await this.#send('GET', '/readyz', undefined).then(
      ({status}) => status === 200,
      () => false,
    );
  }

  /** An event is logged just after its answer is sent: once a later request stands in the log, all earlier ones do. */
  async #flushAuditLog(): Promise<string> {
    const marker = `audit-mark-${randomUUID()}`;
    const start = await auditLogEnd(this.state.auditLogPath);
    for (let attempt = 0; attempt < 100; attempt++) {
      await this.#send('GET', `/version?${marker}`, undefined);
      const events = await readAuditLog(this.state.auditLogPath, start);
      if (events.some((event) => event.requestURI.includes(marker))) return marker;
    }
    throw new ReconcilerKitError('CONTROL_PLANE_FAILED', 'the API server writes no audit log');
  }

  async #send(method: string, path: string, body: unknown): Promise<{status: number; text: string}> {
    const payload = body === undefined ? undefined : JSON.stringify(body);
    return await new Promise((resolve, reject) => {
      const sent = request(
        new URL(path, this.state.server),
        {
          method,
          ca: this.ca,
          agent: false,
          timeout: 10_000,
          headers: {
            authorization: `Bearer ${this.state.adminToken}`,
            'user-agent': 'control-plane-access',
            accept: 'application/json',
            ...(payload === undefined
              ? {}
              : {'content-type': 'application/json', 'content-length': Buffer.byteLength(payload)}),
          },
        },
        (response) => {
          const chunks: Buffer[] = [];
          response
            .on('data', (chunk: Buffer) => chunks.push(chunk))
            .on('error', reject)
            .on('end', () => resolve({status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString('utf8')}));
        },
      );
      sent.on('error', reject).on('timeout', () => sent.destroy(new Error(`${method} ${path}: no answer in 10 s`)));
      sent.end(payload);
    });
  }
}

function unexpected(method: string, path: string, status: number, text: string): ReconcilerKitError {
  return new ReconcilerKitError('CONTROL_PLANE_FAILED', `${method} ${path}: HTTP ${status}: ${text.slice(0, 500)}`);
}
