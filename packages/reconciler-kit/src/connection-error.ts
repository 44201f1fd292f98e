import {isNativeError} from 'node:util/types';
import {ReconcilerKitError} from './errors.ts';

const untrusted =
  'its certificate is not signed by a known authority: check certificate-authority-data (or ca) of the configuration';

/** What to tell a person about an error code of Node.js, OpenSSL or undici. */
const explanations: Record<string, string> = {
  ECONNREFUSED: 'nothing listens there: check that the API server runs and that the address and port are right',
  ECONNRESET: 'the connection was reset',
  EPIPE: 'the connection was closed',
  UND_ERR_SOCKET: 'the connection was closed',
  EHOSTUNREACH: 'the host cannot be reached: check network, VPN and firewall',
  ENETUNREACH: 'the network cannot be reached: check network, VPN and firewall',
  ETIMEDOUT: 'no answer to the attempt to connect: check network, VPN and firewall',
  UND_ERR_CONNECT_TIMEOUT: 'no answer to the attempt to connect: check network, VPN and firewall',
  ENOTFOUND: 'its host name is not known: check the server URL and DNS',
  EAI_AGAIN: 'its host name could not be resolved for the moment: check DNS',
  DEPTH_ZERO_SELF_SIGNED_CERT: untrusted,
  SELF_SIGNED_CERT_IN_CHAIN: untrusted,
  UNABLE_TO_GET_ISSUER_CERT: untrusted,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: untrusted,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: untrusted,
  CERT_SIGNATURE_FAILURE: untrusted,
  CERT_HAS_EXPIRED: 'its certificate has expired',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet: check the clocks of both machines',
  ERR_TLS_CERT_ALTNAME_INVALID:
    'its certificate is for another name: check the server URL or set tls-server-name (tlsServerName)',
  ERR_SSL_WRONG_VERSION_NUMBER: 'it does not speak TLS there: check whether the server URL should begin with http://',
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: 'it asks for a client certificate and the configuration has none',
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: 'it does not accept the client certificate',
  ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE: 'it does not accept the client certificate',
  ERR_OSSL_X509_KEY_VALUES_MISMATCH: 'client certificate and client key do not belong together',
  HPE_INVALID_CONSTANT: 'it does not speak HTTP/1.1 there: check the server URL',
};

/** The first code found in an error, its causes and, of an AggregateError, its parts. */
export function errorCodeOf(error: unknown): string | undefined {
  let current: unknown = error;
  for (let depth = 0; depth < 5 && typeof current === 'object' && current !== null; depth++) {
    if ('code' in current && typeof current.code === 'string') return current.code;
    if ('errors' in current && Array.isArray(current.errors)) current = current.errors[0];
    else current = 'cause' in current ? current.cause : undefined;
  }
  return undefined;
}

/** What an error says, whatever was thrown. */
export function messageOf(error: unknown): string {
  return isNativeError(error) ? error.message.trim() : String(error);
}

const brokenConnection = new Set(['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET']);

/** Whether an established connection broke, as opposed to one that could not be made. */
export function isBrokenConnection(error: unknown): boolean {
  return (
    error instanceof ReconcilerKitError &&
    error.code === 'CONNECTION_FAILED' &&
    brokenConnection.has(errorCodeOf(error.cause) ?? '')
  );
}

/** TLS and name errors do not heal by themselves; a server that is away comes back. */
const lasting = /^(?:CERT_|ERR_TLS_|ERR_SSL_|ERR_OSSL_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|HPE_)/;

/** The error that a caller sees when there was no complete answer. */
export function connectionError(error: unknown, request: string, server: string): ReconcilerKitError {
  if (error instanceof ReconcilerKitError) return error;
  const code = errorCodeOf(error);
  const detail = (code === undefined ? undefined : explanations[code]) ?? messageOf(error);
  return new ReconcilerKitError(
    'CONNECTION_FAILED',
    `${request}: no answer from ${server}: ${detail}${code === undefined ? '' : ` (${code})`}`,
    {cause: error, retryable: code === undefined || !lasting.test(code)},
  );
}
