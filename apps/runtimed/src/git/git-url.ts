import {RuntimedError} from '../errors.ts';

/** The URL of a repository, in the parts that decide who is asked and what is shown to them. */
export interface GitUrl {
  /** As it is given to git. It holds no password. */
  readonly text: string;
  readonly protocol: 'https' | 'http' | 'ssh';
  /** Lower case; an IPv6 address with its brackets. */
  readonly host: string;
  /** The default port of the protocol where the URL names none. */
  readonly port: number;
  /** Protocol, host and port as the URL writes them, for the keys of git's configuration. */
  readonly origin: string;
}

const defaultPorts = {https: 443, http: 80, ssh: 22} as const;

/**
 * Our own reading of a URL, stricter than git's and curl's: what it accepts, all three read alike. So whoever gets
 * credentials is the host that was compared. A user is possible with ssh only, a password never; the host can't be an
 * option of ssh.
 */
const pattern =
  /^(?:(https?):\/\/|(ssh):\/\/(?:[A-Za-z0-9_][A-Za-z0-9._-]*@)?)([A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(?::([1-9][0-9]{0,4}))?\/[!-~]+$/;

/** @throws RuntimedError `SOURCE_INVALID` */
export function parseGitUrl(text: string): GitUrl {
  const [, http, ssh, host = '', port] = pattern.exec(text) ?? [];
  const protocol = http ?? ssh;
  if ((protocol !== 'https' && protocol !== 'http' && protocol !== 'ssh') || Number(port ?? 0) > 65_535) {
    throw new RuntimedError(
      'SOURCE_INVALID',
      'source.git.url must be an https://, http:// or ssh:// URL with a path and without a password; other characters than printable ASCII must be percent-encoded',
    );
  }
  return {
    text,
    protocol,
    host: host.toLowerCase(),
    port: port === undefined ? defaultPorts[protocol] : Number(port),
    origin: `${protocol}://${host}${port === undefined ? '' : `:${port}`}`,
  };
}

/**
 * Whether an entry of `gitCredentials[].hosts` means the server of a URL: `host:port` exactly this port, `host` the
 * default port of the protocol.
 */
export function isHostOf(entry: string, {protocol, host, port}: GitUrl): boolean {
  const [, name = '', entryPort] = /^(\[[^\]]*\]|[^:]*)(?::([0-9]+))?$/.exec(entry.toLowerCase()) ?? [];
  return name === host && (entryPort === undefined ? defaultPorts[protocol] : Number(entryPort)) === port;
}
