import {evaluationError} from '../cel-error.ts';
import {functionTable} from '../function-table.ts';
import {type CelValue, MapValue, type Opaque} from '../values.ts';

const typeName = 'kubernetes.URL';

interface Parts {
  readonly scheme: string;
  /** With the port, and brackets around an IPv6 address. */
  readonly host: string;
  readonly path: string;
  readonly query: string;
}

class UrlValue implements Opaque {
  readonly typeName = typeName;
  readonly text: string;
  readonly parts: Parts;

  constructor(text: string, parts: Parts) {
    this.text = text;
    this.parts = parts;
  }

  equals(other: Opaque): boolean {
    return other instanceof UrlValue && other.text === this.text;
  }
}

/** An absolute URL or an absolute path, as Go's `url.ParseRequestURI` takes them. */
function parseUrl(text: string): UrlValue | undefined {
  const [, scheme = '', authority, path = '', query = ''] =
    /^(?:([a-zA-Z][a-zA-Z0-9+.-]*):)?(?:\/\/([^/?]*))?([^?]*)(?:\?(.*))?$/s.exec(text) ?? [];
  const isAbsolute = scheme !== '' || (authority === undefined && path.startsWith('/'));
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what a URL must not have.
  // oxlint-disable-next-line no-control-regex
  if (text === '' || !isAbsolute || /[\u0000-\u001f\u007f]|%(?![0-9a-fA-F]{2})/.test(text)) return undefined;
  const host = (authority ?? '').replace(/^.*@/s, '');
  if (!/^(?:\[[0-9a-fA-F:.%]*\]|[^\s:[\]<>"]*)(?::\d*)?$/.test(host)) return undefined;
  return new UrlValue(text, {scheme: scheme.toLowerCase(), host, path, query});
}

function url(text: string): UrlValue {
  const parsed = parseUrl(text);
  if (!parsed) throw evaluationError(`URL parse error during conversion from string: ${JSON.stringify(text)}`);
  return parsed;
}

function queryOf({parts}: UrlValue): CelValue {
  const values = new Map<string, string[]>();
  for (const [key, value] of new URLSearchParams(parts.query)) values.set(key, [...(values.get(key) ?? []), value]);
  return MapValue.of(values);
}

/** Escaped where the source is not. */
function escapedPath({parts}: UrlValue): string {
  return parts.path.replaceAll(/[^A-Za-z0-9$&+,/:;=@._~!'()*%[\]-]/gu, encodeURIComponent);
}

/** @see https://kubernetes.io/docs/reference/using-api/cel/#kubernetes-url-library */
export const urlLibrary = functionTable({
  url: {[`(string): ${typeName}`]: url},
  isURL: {'(string): bool': (text: string) => parseUrl(text) !== undefined},
  getScheme: {[`${typeName}.(): string`]: ({parts}: UrlValue) => parts.scheme},
  getHost: {[`${typeName}.(): string`]: ({parts}: UrlValue) => parts.host},
  getHostname: {
    [`${typeName}.(): string`]: ({parts}: UrlValue) => parts.host.replace(/:\d*$/, '').replace(/^\[(.*)\]$/, '$1'),
  },
  getPort: {[`${typeName}.(): string`]: ({parts}: UrlValue) => /:(\d+)$/.exec(parts.host)?.[1] ?? ''},
  getEscapedPath: {[`${typeName}.(): string`]: escapedPath},
  getQuery: {[`${typeName}.(): map(string, list(string))`]: queryOf},
});
