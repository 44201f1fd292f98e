import type {PeerCertificate} from 'node:tls';
import {statusErrors} from '../errors/status-error.ts';
import type {Authenticator} from './authentication.ts';

/** The certificate that TLS has verified: its common name is the user, its organizations are the groups. */
export const clientCertificates: Authenticator = async ({certificate, hasForeignCertificate}) => {
  if (hasForeignCertificate === true) throw statusErrors.unauthorized();
  if (!certificate) return undefined;
  const username = values(certificate.subject?.CN)[0];
  if (username === undefined || username === '') return undefined;
  const fingerprint = certificate.fingerprint256.replaceAll(':', '').toLowerCase();
  return {
    username,
    groups: values(certificate.subject.O),
    extra: {'authentication.kubernetes.io/credential-id': [`X509SHA256=${fingerprint}`]},
  };
};

/** A name that occurs several times in a subject is an array in Node, whatever its type says. */
function values(attribute: PeerCertificate['subject'][string] | undefined): string[] {
  if (attribute === undefined) return [];
  return Array.isArray(attribute) ? attribute : [attribute];
}
