import type {IncomingHttpHeaders} from 'node:http';
import type {PeerCertificate} from 'node:tls';
import type {UserInfo} from './user-info.ts';

export interface Credentials {
  headers: IncomingHttpHeaders;
  /** Signed by the client CA: TLS has verified it. */
  certificate?: PeerCertificate;
  /** The client showed a certificate that the client CA has not signed. */
  hasForeignCertificate?: boolean;
}

/** Tells who sends a request; undefined where it knows nothing of these credentials. @throws StatusError 401 of such as are bad */
export type Authenticator = (credentials: Credentials) => Promise<UserInfo | undefined>;
