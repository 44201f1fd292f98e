import type {Duplex} from 'node:stream';
import {StatusError, statusErrors} from '../errors/status-error.ts';

const REQUEST_TIMEOUT = 'ERR_HTTP_REQUEST_TIMEOUT';

/** Answers what is not HTTP, or not as Node reads it, and closes the connection. */
export function refuseClient(error: Error & {code?: string}, socket: Duplex): void {
  // Where nobody listens any more, or an answer is under way, there is nothing to say. Node tells of failed and slow TLS handshakes, too:
  // an answer would reach the client when it is through with its own, before it has asked for anything.
  const {_httpMessage: answering} = socket as Duplex & {_httpMessage?: unknown};
  const isOfHttp = error.code?.startsWith('HPE_') === true || error.code === REQUEST_TIMEOUT;
  if (!socket.writable || !isOfHttp || (answering !== undefined && answering !== null)) {
    socket.destroy();
    return;
  }
  const status = statusOf(error.code ?? '');
  const body = JSON.stringify(status.toStatus());
  const head = [
    `HTTP/1.1 ${status.code} ${status.reason}`,
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}

function statusOf(code: string): StatusError {
  switch (code) {
    case 'HPE_INVALID_METHOD':
      return new StatusError(
        405,
        'MethodNotAllowed',
        'the server does not allow this method on the requested resource',
        {},
      );
    case 'HPE_HEADER_OVERFLOW':
      return new StatusError(431, 'RequestHeaderFieldsTooLarge', 'the head of the request is too large');
    case REQUEST_TIMEOUT:
      return new StatusError(408, 'RequestTimeout', 'the request was not received in time');
    default:
      return statusErrors.badRequest('the request is not HTTP/1.1');
  }
}
