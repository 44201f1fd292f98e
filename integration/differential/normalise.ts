import {type Json, valueAt} from './scenario.ts';
import type {Answer, Exchange} from './session.ts';

/** An answer as it is compared. */
export interface NormalAnswer {
  /** The request, as the scenario gives it. */
  request: string;
  status: number;
  headers: Readonly<Record<string, string>>;
  body: Json | undefined;
  failure?: string;
}

/** Those that say something about the server and not about the moment. */
const comparedHeaders = [
  'allow',
  'audit-id',
  'cache-control',
  'content-type',
  'etag',
  'location',
  'retry-after',
  'vary',
  'warning',
  'www-authenticate',
  'x-content-type-options',
];

const uuid = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;
const time = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g;
/** Ages of a Table: of objects that were made just now. */
const age = /^(\d+[smh]){1,2}$|^<invalid>$/;
const clusterAddress = /\b10\.0\.0\.\d+\b/g;

/** Where a version stands in a text. */
const versionText = /(resource version: |[Cc]urrent: |in record \(|resourceVersion\W{1,8})\d+( \(\d+\))?/g;
/** Of a generated name. */
const suffix = '[bcdfghjklmnpqrstvwxz2456789]{5}';
/** Lists without an order that means something: entries of managedFields are ordered by seconds. */
const unordered = new Set(['managedFields', 'causes']);

/**
 * Evens out what differs between two runs: times, UIDs, versions, generated names, continue tokens. What is equal in one run
 * stays equal: each UID and each version of an object has a name of its own in a scenario, so that a version that should
 * have changed shows.
 */
export function normalise(exchanges: readonly Exchange[]): NormalAnswer[] {
  const names = new Names();
  return exchanges.map(({step, answer}) => {
    const view = 'view' in step ? step.view : undefined;
    const request = 'watch' in step ? step.watch : step.request;
    const quiet = 'quiet' in step && step.quiet;
    // Seen all the same: later answers name what was made here.
    names.generateName = 'body' in step ? (valueAt(step.body as Json, 'metadata.generateName') ?? null) : null;
    const whole = new Walk(names).value(answer.body, '');
    const body = view === undefined || answer.status >= 300 ? whole : view(whole);
    return {
      request,
      status: quiet ? 0 : answer.status,
      headers: quiet ? {} : headersOf(answer),
      body: quiet ? undefined : body,
      ...(answer.failure === undefined ? {} : {failure: `${answer.failure}: HTTP ${answer.status} ${textOf(whole)}`}),
    };
  });
}

function textOf(body: Json): string {
  return (typeof body === 'string' ? body : JSON.stringify(body)).slice(0, 1_000);
}

function headersOf({headers}: Answer): Record<string, string> {
  const normal: Record<string, string> = {};
  for (const name of comparedHeaders) {
    const value = headers[name];
    if (value === undefined) continue;
    if (name === 'etag') normal[name] = '<etag>';
    else if (name === 'audit-id') normal[name] = '<audit id>';
    else normal[name] = value;
  }
  return normal;
}

/** Names for values that no two servers have in common. */
class Names {
  readonly #uids = new Map<string, string>();
  readonly #versions = new Map<string, Map<string, string>>();
  readonly generated = new Map<string, string>();
  /** What the request wants a name to be generated from. */
  generateName: Json = null;

  uid(uid: string): string {
    return nameOf(this.#uids, uid, 'uid');
  }

  /** @param uid versions of different objects have nothing to do with each other */
  version(uid: string, version: string): string {
    const known = this.#versions.get(uid) ?? new Map<string, string>();
    this.#versions.set(uid, known);
    return nameOf(known, version, 'version');
  }
}

function nameOf(names: Map<string, string>, value: string, what: string): string {
  const known = names.get(value);
  if (known !== undefined) return known;
  const name = `<${what} ${names.size + 1}>`;
  names.set(value, name);
  return name;
}

class Walk {
  readonly #names: Names;

  constructor(names: Names) {
    this.#names = names;
  }

  value(value: Json, key: string): Json {
    if (typeof value === 'string') return this.#text(value, key);
    if (Array.isArray(value)) {
      const items = value.map((item) => this.value(item, key));
      return unordered.has(key) ? items.toSorted((one, other) => order(one).localeCompare(order(other))) : items;
    }
    if (typeof value !== 'object' || value === null) return value;
    return this.#object(value);
  }

  #object(object: {[key: string]: Json | undefined}): Json {
    const {metadata} = object;
    if (isObject(metadata)) {
      const {generateName, name} = metadata;
      if (typeof generateName === 'string' && typeof name === 'string' && name.startsWith(generateName)) {
        this.#names.generated.set(name, `${generateName}<generated>`);
      }
    }
    const normal: {[key: string]: Json | undefined} = {};
    for (const key of Object.keys(object).sort()) {
      const inner = object[key];
      if (inner === undefined) continue;
      const value = key === 'metadata' && isObject(inner) ? this.#metadata(inner) : this.value(inner, key);
      Object.defineProperty(normal, key, {value, enumerable: true, configurable: true, writable: true});
    }
    return normal;
  }

  #metadata(metadata: {[key: string]: Json | undefined}): Json {
    const normal = this.#object(metadata) as {[key: string]: Json | undefined};
    const version = metadata['resourceVersion'];
    if (typeof version === 'string' && version !== '') {
      // Lists and bookmarks have the version of the moment, which depends on what else happens on the server.
      const {uid} = metadata;
      normal['resourceVersion'] = typeof uid === 'string' ? this.#names.version(uid, version) : '<version>';
    }
    if (typeof metadata['continue'] === 'string') normal['continue'] = '<continue>';
    return normal;
  }

  #text(text: string, key: string): Json {
    if (key === 'cells' && age.test(text)) return '<age>';
    let normal = text.replace(uuid, (uid) => this.#names.uid(uid)).replace(time, '<time>');
    normal = normal.replace(clusterAddress, '<cluster IP>').replace(versionText, '$1<n>');
    const {generateName, generated} = this.#names;
    if (typeof generateName === 'string')
      normal = normal.replaceAll(new RegExp(`(${generateName})${suffix}`, 'g'), '$1<generated>');
    for (const [name, replacement] of generated) normal = normal.replaceAll(name, replacement);
    // Several errors of a value come in the order of Go's maps, which is none.
    const [, front, errors] = /^(.* is invalid: )\[(.*)\]$/s.exec(normal) ?? [];
    return errors === undefined ? normal : `${front}[${errors.split(', ').sort().join(', ')}]`;
  }
}

function isObject(value: Json | undefined): value is {[key: string]: Json | undefined} {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function order(item: Json): string {
  const keys = ['manager', 'operation', 'subresource', 'apiVersion', 'field', 'message'];
  return JSON.stringify(keys.map((key) => valueAt(item, key) ?? null));
}
