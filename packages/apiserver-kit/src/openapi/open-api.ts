import {createHash} from 'node:crypto';
import type {ServedResources} from '../discovery/discovery.ts';
import {type ApiGroup, groupsOf} from '../discovery/group-order.ts';
import {encodeJson} from '../json/encode-json.ts';
import type {Resource} from '../registry/resource.ts';
import {groupVersionDocument} from './group-version-document.ts';
import {emptyVersion2, emptyVersion2Protobuf} from './version-2.ts';

/** What to answer a request below `/openapi`. */
export interface OpenApiAnswer {
  code: 200 | 301 | 304 | 404 | 406;
  headers: Readonly<Record<string, string>>;
  body: string | Uint8Array;
}

export interface OpenApiRequest {
  /** Such as `/openapi/v3/apis/apps/v1`. */
  path: string;
  query: URLSearchParams;
  accept: string | undefined;
  ifNoneMatch: string | undefined;
  now: Date;
}

interface Rendered {
  /** What it was rendered of. */
  resources: readonly Resource[];
  json: string;
  hash: string;
}

const ROOT = '/openapi/v3';
const VERSION_2 = '/openapi/v2';
const VERSION_2_PROTOBUF = 'application/com.github.proto-openapi.spec.v2';
const YEAR_MS = 365 * 24 * 60 * 60 * 1000;
const NO_CACHE = 'no-cache, private';

/**
 * The OpenAPI v3 documents of a server, one for each version of a group. A document is rendered when it is first asked for, and again
 * only when a resource in it has changed. Version 2 describes nothing: clients since kubectl 1.29 do without.
 */
export class OpenApi {
  readonly #served: ServedResources;
  readonly #serverVersion: string;
  #revision = -1;
  #groups: readonly ApiGroup[] = [];
  #documents = new Map<string, Rendered>();

  /** @param serverVersion such as `1.36` */
  constructor(served: ServedResources, serverVersion: string) {
    this.#served = served;
    this.#serverVersion = serverVersion;
  }

  answer({path, query, accept, ifNoneMatch, now}: OpenApiRequest): OpenApiAnswer {
    if (path === ROOT || path === `${ROOT}/`) {
      const headers = {'Cache-Control': NO_CACHE, 'Content-Type': 'text/plain; charset=utf-8'};
      return {code: 200, headers, body: this.#index()};
    }
    if (path === VERSION_2) return this.#version2(accept);
    const name = path.startsWith(`${ROOT}/`) ? path.slice(ROOT.length + 1).replace(/\/$/, '') : '';
    const document = this.#document(name);
    if (document === undefined) return {code: 404, headers: {'Cache-Control': NO_CACHE}, body: ''};
    if (!takesJson(accept)) return {code: 406, headers: {'Cache-Control': NO_CACHE, Vary: 'Accept'}, body: ''};
    const tagged = {ETag: `"${document.hash}"`, Vary: 'Accept'};
    const hash = query.get('hash') ?? '';
    if (hash !== '' && hash !== document.hash) {
      // Of an older document: clients shall not keep the new one under its name.
      return {
        code: 301,
        headers: {...tagged, 'Cache-Control': NO_CACHE, Location: urlOf(name, document.hash)},
        body: '',
      };
    }
    const caching =
      hash === ''
        ? {'Cache-Control': NO_CACHE}
        : {'Cache-Control': 'public, immutable', Expires: new Date(now.getTime() + YEAR_MS).toUTCString()};
    if (ifNoneMatch === tagged.ETag) return {code: 304, headers: {...tagged, ...caching}, body: ''};
    return {code: 200, headers: {...tagged, ...caching, 'Content-Type': 'application/json'}, body: document.json};
  }

  #version2(accept = ''): OpenApiAnswer {
    const headers = {'Cache-Control': NO_CACHE, Vary: 'Accept'};
    if (accept.includes(VERSION_2_PROTOBUF)) {
      const type = `${VERSION_2_PROTOBUF}.v1.0+protobuf`;
      return {code: 200, headers: {...headers, 'Content-Type': type}, body: emptyVersion2Protobuf(this.#serverVersion)};
    }
    if (!takesJson(accept)) return {code: 406, headers, body: ''};
    const body = encodeJson(emptyVersion2(this.#serverVersion));
    return {code: 200, headers: {...headers, 'Content-Type': 'application/json'}, body};
  }

  #index(): string {
    const paths: Record<string, {serverRelativeURL: string}> = {};
    for (const name of this.#names().sort()) {
      paths[name] = {serverRelativeURL: urlOf(name, this.#document(name)!.hash)};
    }
    return encodeJson({paths});
  }

  #names(): string[] {
    return this.#current().flatMap(({name, versions}) => versions.map((version) => documentName(name, version.name)));
  }

  #document(name: string): Rendered | undefined {
    for (const group of this.#current()) {
      const version = group.versions.find((each) => documentName(group.name, each.name) === name);
      if (version === undefined) continue;
      const known = this.#documents.get(name);
      if (known && isSame(known.resources, version.resources)) return known;
      const {resources} = version;
      const json = encodeJson(groupVersionDocument(group.name, version.name, resources, this.#serverVersion));
      const hash = createHash('sha512').update(json).digest('hex').toUpperCase();
      const rendered = {resources, json, hash};
      this.#documents.set(name, rendered);
      return rendered;
    }
    return undefined;
  }

  #current(): readonly ApiGroup[] {
    if (this.#revision !== this.#served.revision) {
      this.#revision = this.#served.revision;
      this.#groups = groupsOf(this.#served.resources());
      const names = new Set(this.#names());
      for (const name of this.#documents.keys()) if (!names.has(name)) this.#documents.delete(name);
    }
    return this.#groups;
  }
}

function documentName(group: string, version: string): string {
  return group === '' ? `api/${version}` : `apis/${group}/${version}`;
}

function urlOf(name: string, hash: string): string {
  return `${ROOT}/${name}?hash=${hash}`;
}

function isSame(one: readonly Resource[], other: readonly Resource[]): boolean {
  return one.length === other.length && one.every((resource, index) => resource === other[index]);
}

/** Documents in protobuf are not given: clients that ask for them take JSON too. */
function takesJson(accept: string | undefined): boolean {
  if (accept === undefined || accept.trim() === '') return true;
  return /(?:^|[,\s])(?:application\/json|application\/\*|\*\/\*)/.test(accept);
}
