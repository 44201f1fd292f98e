import type {IncomingMessage, ServerResponse} from 'node:http';
import type {Duplex} from 'node:stream';

/** The connection of a request, for those who write their own answer. */
export interface Exchange {
  request: IncomingMessage;
  /** Of an ordinary request. */
  response?: ServerResponse;
  /** Of an `Upgrade` request, with the first bytes that came behind its head. */
  upgrade?: {socket: Duplex; head: Buffer};
}
