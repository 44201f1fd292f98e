import {generateKeyPairSync, randomBytes} from 'node:crypto';
import {writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import {CertificateAuthority} from './certificates.ts';

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
  /** Those that both API servers understand. */
  flags: string[];
}

/** Writes what an API server on a loopback port needs into its directory: new identities for everyone. */
export async function writeControlPlaneFiles(
  directory: string,
  {port, users = []}: {port: number; users?: readonly TokenUser[] | undefined},
): Promise<ControlPlaneFiles> {
  const file = async (name: string, content: string): Promise<string> => {
    const path = join(directory, name);
    await writeFile(path, content, {mode: 0o600});
    return path;
  };
  const authority = CertificateAuthority.create();
  const serving = authority.issue({
    commonName: 'kube-apiserver',
    hosts: ['127.0.0.1', 'localhost', 'kubernetes', 'kubernetes.default', 'kubernetes.default.svc', '10.0.0.1'],
  });
  const kubeletClient = authority.issue({
    commonName: 'kube-apiserver-kubelet-client',
    organizations: ['system:masters'],
  });
  const serviceAccounts = generateKeyPairSync('ec', {namedCurve: 'P-256'});
  const adminToken = randomBytes(24).toString('hex');
  const tokens = [{user: 'admin', token: adminToken, groups: ['system:masters']}, ...users].map(
    ({user, token, groups = []}) => `${token},"${user}","${user}","${groups.join(',')}"\n`,
  );
  const auditLogPath = join(directory, 'audit.log');
  const publicKey = serviceAccounts.publicKey.export({type: 'spki', format: 'pem'}).toString();
  const privateKey = serviceAccounts.privateKey.export({type: 'pkcs8', format: 'pem'}).toString();
  const flags = [
    '--bind-address=127.0.0.1',
    `--secure-port=${port}`,
    `--tls-cert-file=${await file('apiserver.crt', serving.cert)}`,
    `--tls-private-key-file=${await file('apiserver.key', serving.key)}`,
    `--client-ca-file=${await file('ca.crt', authority.certificate)}`,
    `--kubelet-client-certificate=${await file('kubelet-client.crt', kubeletClient.cert)}`,
    `--kubelet-client-key=${await file('kubelet-client.key', kubeletClient.key)}`,
    `--kubelet-certificate-authority=${join(directory, 'ca.crt')}`,
    '--kubelet-preferred-address-types=InternalIP',
    `--token-auth-file=${await file('tokens.csv', tokens.join(''))}`,
    '--authorization-mode=RBAC',
    '--service-account-issuer=https://kubernetes.default.svc',
    `--service-account-key-file=${await file('sa.pub', publicKey)}`,
    `--service-account-signing-key-file=${await file('sa.key', privateKey)}`,
    `--audit-log-path=${auditLogPath}`,
  ];
  return {authority, adminToken, auditLogPath, flags};
}
