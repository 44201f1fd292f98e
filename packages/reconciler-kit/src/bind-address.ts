import {isIP} from 'node:net';
import {ReconcilerKitError} from './errors.ts';

/** Where a server listens. */
export interface BindAddress {
  /** Absent: all addresses of the machine. */
  host?: string;
  /** 0: any free one. */
  port: number;
}

/**
 * Reads an address to listen on: `:8080` (all addresses), `127.0.0.1:0` (any free port), `[::1]:8081`, `localhost:8080`.
 *
 * @returns undefined for `0` and the empty string: do not listen
 * @throws ReconcilerKitError `INVALID_ARGUMENT`
 */
export function parseBindAddress(text: string): BindAddress | undefined {
  if (text === '0' || text === '') return undefined;
  const match = /^(?:\[(?<ip6>[^\s\]]+)\]|(?<name>[^\s:[\]]*)):(?<port>\d{1,5})$/.exec(text);
  const {ip6, name, port = ''} = match?.groups ?? {};
  if (!match || Number(port) > 65_535 || (ip6 !== undefined && isIP(ip6) !== 6)) {
    throw new ReconcilerKitError(
      'INVALID_ARGUMENT',
      `"${text}" is not an address to listen on: write HOST:PORT, such as :8080, 127.0.0.1:8080 or [::1]:8080, or 0 for none`,
    );
  }
  const host = ip6 ?? name;
  return {port: Number(port), ...(host && {host})};
}

/** The way back: `127.0.0.1:8080`, `[::1]:8081`. */
export function formatBindAddress(address: {address: string; port: number}): string {
  return isIP(address.address) === 6 ? `[${address.address}]:${address.port}` : `${address.address}:${address.port}`;
}
