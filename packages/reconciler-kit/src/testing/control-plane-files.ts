import {createPrivateKey, createPublicKey, generateKeyPairSync, randomBytes, X509Certificate} from 'node:crypto';
import {readFile, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import {CertificateAuthority} from '@kruntimes/apiserver-kit/certificate-authority';

/** A user of the token file. */
export interface TokenUser {
  user: string;
  token: string;
  groups?: readonly string[];
}

/** Keys and certificates of a control plane, written down for its API server. */
export interface ControlPlaneFiles {
  authority: CertificateAuthority;
  adminToken: string;
  auditLogPath: string;
  /** Path of the certificate of {@link authority}. */
  caPath: string;
  /** Path of the key that signs ServiceAccount tokens. */
  serviceAccountKeyPath: string;
  /** Those that both API servers understand. */
  flags: string[];
}

/** Who is trusted: what stays the same when a control plane is started again on its old data. */
export interface ControlPlaneIdentities {
  authority: {commonName: string; cert: string; key: string};
  adminToken: string;
  /** PEM of the key that signs ServiceAccount tokens. */
  serviceAccountKey: string;
}

export function createIdentities(validDays?: number): ControlPlaneIdentities {
  const {privateKey} = generateKeyPairSync('ec', {namedCurve: 'P-256'});
  return {
    authority: createAuthority(validDays).export(),
    adminToken: randomBytes(24).toString('hex'),
    serviceAccountKey: privateKey.export({type: 'pkcs8', format: 'pem'}).toString(),
  };
}

function createAuthority(validDays: number | undefined): CertificateAuthority {
  return CertificateAuthority.create(undefined, validDays === undefined ? {} : {validDays});
}

const DAY_MS = 86_400_000;
/** Of a control plane that goes on: nobody renews certificates while it runs. */
const KEPT_VALID_DAYS = 10 * 365;
/** An authority that ends too soon is replaced at the next start. */
const LEAST_VALID_DAYS = 5 * 365;

/** The identities that a directory had when it was last used, else new ones, which it then keeps. */
export async function keptIdentities(directory: string): Promise<ControlPlaneIdentities> {
  const path = join(directory, 'identities.json');
  const text = await readFile(path, 'utf8').catch(() => undefined);
  let identities =
    text === undefined ? createIdentities(KEPT_VALID_DAYS) : (JSON.parse(text) as ControlPlaneIdentities);
  const {validToDate} = new X509Certificate(identities.authority.cert);
  if (validToDate.getTime() - Date.now() < LEAST_VALID_DAYS * DAY_MS)
    identities = {...identities, authority: createAuthority(KEPT_VALID_DAYS).export()};
  await writeFile(path, JSON.stringify(identities), {mode: 0o600});
  return identities;
}

export interface ControlPlaneFilesOptions {
  port: number;
  identities: ControlPlaneIdentities;
  users?: readonly TokenUser[] | undefined;
  /** Every request is logged, for tests that look at them. */
  audit: boolean;
}

/** Writes what an API server on a loopback port needs into its directory. */
export async function writeControlPlaneFiles(
  directory: string,
  {port, identities, users = [], audit}: ControlPlaneFilesOptions,
): Promise<ControlPlaneFiles> {
  const file = async (name: string, content: string): Promise<string> => {
    const path = join(directory, name);
    await writeFile(path, content, {mode: 0o600});
    return path;
  };
  const {adminToken} = identities;
  const authority = CertificateAuthority.import(identities.authority);
  const serving = authority.issue({
    commonName: 'kube-apiserver',
    hosts: ['127.0.0.1', 'localhost', 'kubernetes', 'kubernetes.default', 'kubernetes.default.svc', '10.0.0.1'],
  });
  const kubeletClient = authority.issue({
    commonName: 'kube-apiserver-kubelet-client',
    organizations: ['system:masters'],
  });
  const serviceAccountKey = createPrivateKey(identities.serviceAccountKey);
  const tokens = [{user: 'admin', token: adminToken, groups: ['system:masters']}, ...users].map(
    ({user, token, groups = []}) =>
      // An empty list of groups would be a group without a name.
      `${token},"${user}","${user}"${groups.length > 0 ? `,"${groups.join(',')}"` : ''}\n`,
  );
  const auditLogPath = join(directory, 'audit.log');
  const caPath = await file('ca.crt', authority.certificate);
  const serviceAccountKeyPath = await file('sa.key', identities.serviceAccountKey);
  const publicKey = createPublicKey(serviceAccountKey).export({type: 'spki', format: 'pem'}).toString();
  const flags = [
    '--bind-address=127.0.0.1',
    `--secure-port=${port}`,
    `--tls-cert-file=${await file('apiserver.crt', serving.cert)}`,
    `--tls-private-key-file=${await file('apiserver.key', serving.key)}`,
    `--client-ca-file=${caPath}`,
    `--kubelet-client-certificate=${await file('kubelet-client.crt', kubeletClient.cert)}`,
    `--kubelet-client-key=${await file('kubelet-client.key', kubeletClient.key)}`,
    `--kubelet-certificate-authority=${caPath}`,
    '--kubelet-preferred-address-types=InternalIP',
    `--token-auth-file=${await file('tokens.csv', tokens.join(''))}`,
    '--authorization-mode=RBAC',
    '--service-account-issuer=https://kubernetes.default.svc',
    `--service-account-key-file=${await file('sa.pub', publicKey)}`,
    `--service-account-signing-key-file=${serviceAccountKeyPath}`,
    ...(audit ? [`--audit-log-path=${auditLogPath}`] : []),
  ];
  return {authority, adminToken, auditLogPath, caPath, serviceAccountKeyPath, flags};
}
