import type {Socket} from 'node:net';
import {type PeerCertificate, TLSSocket} from 'node:tls';
import type {Credentials} from './authentication.ts';

type PeerCredentials = Pick<Credentials, 'certificate' | 'hasForeignCertificate'>;

/** A connection carries many requests, and its certificate is dear to read. */
const known = new WeakMap<Socket, PeerCredentials>();

/** What the client of a connection showed of itself when the connection was made. */
export function peerCredentials(socket: Socket): PeerCredentials {
  const present = known.get(socket);
  if (present) return present;
  const found = readCredentials(socket);
  known.set(socket, found);
  return found;
}

function readCredentials(socket: Socket): PeerCredentials {
  if (!(socket instanceof TLSSocket)) return {};
  const certificate: PeerCertificate = socket.getPeerCertificate();
  if (Object.keys(certificate).length === 0) return {};
  return socket.authorized ? {certificate} : {hasForeignCertificate: true};
}
