import {createHash} from 'node:crypto';
import {parseAccept} from '../http/media-type.ts';
import {encodeJson} from '../json/encode-json.ts';
import type {JsonObject} from '../json/json-value.ts';
import type {Resource} from '../registry/resource.ts';
import {apiGroupDiscoveryList} from './aggregated.ts';
import {type ApiGroup, groupsOf} from './group-order.ts';
import {apiGroup, apiGroupList, apiResourceList, apiVersions} from './legacy.ts';

/** The resources of a server. */
export interface ServedResources {
  resources(): Iterable<Resource>;
  /** Changes whenever the resources do. */
  readonly revision: number;
}

/** An answer that clients may keep until its tag changes. */
export interface TaggedDocument {
  json: string;
  /** Strong, in quotes. */
  etag: string;
  contentType: string;
}

const AGGREGATED_TYPE = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';

/** Tells clients which resources there are. */
export class Discovery {
  readonly #served: ServedResources;
  #revision = -1;
  #groups: readonly ApiGroup[] = [];
  #documents = new Map<string, TaggedDocument>();

  constructor(served: ServedResources) {
    this.#served = served;
  }

  /**
   * One of the plain documents.
   *
   * @param path `/api`, `/api/v1`, `/apis`, `/apis/GROUP` or `/apis/GROUP/VERSION`, with or without a slash at the end
   * @param serverAddress host and port, for those who come from elsewhere
   * @returns undefined: there is no such group or version
   */
  document(path: string, serverAddress: string): JsonObject | undefined {
    const [root, ...rest] = path.replace(/\/$/, '').slice(1).split('/');
    const groups = this.#current();
    if (root === 'api') {
      const core = groups.find(({name}) => name === '');
      if (rest.length === 0) return apiVersions(core, serverAddress);
      return rest.length === 1 ? resourcesOf(core, rest[0]!) : undefined;
    }
    if (root !== 'apis' || rest.length > 2) return undefined;
    const named = groups.filter(({name}) => name !== '');
    if (rest.length === 0) return apiGroupList(named);
    const group = named.find(({name}) => name === rest[0]);
    if (group === undefined || rest.length === 2) return resourcesOf(group, rest[1] ?? '');
    return apiGroup(group);
  }

  /**
   * Everything under `/api` or `/apis` at once, for a client that takes it rather than the plain documents.
   *
   * @param accept the header of the request
   */
  aggregated(path: string, accept: string | undefined): TaggedDocument | undefined {
    const root = path.replace(/\/$/, '');
    if ((root !== '/api' && root !== '/apis') || !prefersAggregated(accept)) return undefined;
    const groups = this.#current();
    const known = this.#documents.get(root);
    if (known) return known;
    const json = encodeJson(apiGroupDiscoveryList(groups.filter(({name}) => (name === '') === (root === '/api'))));
    const etag = `"${createHash('sha512').update(json).digest('hex').toUpperCase()}"`;
    const document = {json, etag, contentType: AGGREGATED_TYPE};
    this.#documents.set(root, document);
    return document;
  }

  #current(): readonly ApiGroup[] {
    if (this.#revision !== this.#served.revision) {
      this.#revision = this.#served.revision;
      this.#groups = groupsOf(this.#served.resources());
      this.#documents = new Map();
    }
    return this.#groups;
  }
}

function resourcesOf(group: ApiGroup | undefined, version: string): JsonObject | undefined {
  const found = group?.versions.find(({name}) => name === version);
  return group && found && apiResourceList(group.name, version, found.resources);
}

function prefersAggregated(accept: string | undefined): boolean {
  for (const {name, parameters} of parseAccept(accept ?? '')) {
    const isJson = name === 'application/json' || name === 'application/*' || name === '*/*';
    const as = parameters.get('as');
    if (as === 'APIGroupDiscoveryList') {
      if (isJson && parameters.get('g') === 'apidiscovery.k8s.io' && parameters.get('v') === 'v2') return true;
    } else if (as === undefined && (isJson || name === 'application/yaml')) return false;
  }
  return false;
}
