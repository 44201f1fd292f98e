import {type DiscoveredSubresource, subresourcesOf, verbsOf} from '../discovery/discovered-resource.ts';
import type {JsonObject} from '../json/json-value.ts';
import type {Resource} from '../registry/resource.ts';
import {
  DELETE_PARAMETERS,
  LIST_PARAMETERS,
  type Operation,
  operationJson,
  pathParameter,
  queryParameter,
  WRITE_PARAMETERS,
} from './operation.ts';

/** Pointers to the schemas that the operations of a resource speak of. */
export interface OperationSchemas {
  object: JsonObject;
  list: JsonObject;
  patch: JsonObject;
  deleteOptions: JsonObject;
  status: JsonObject;
  /** Of what a subresource takes; undefined: it is not described. */
  subresource(subresource: DiscoveredSubresource): JsonObject | undefined;
}

const CUSTOM_TYPES = ['application/json', 'application/yaml'];
const BUILT_IN_TYPES = ['application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf'];
const CUSTOM_PATCHES = ['application/apply-patch+yaml', 'application/json-patch+json', 'application/merge-patch+json'];
const BUILT_IN_PATCHES = [...CUSTOM_PATCHES, 'application/strategic-merge-patch+json'];

/** The operations on a version of a resource, by path. */
export function pathsOf(resource: Resource, version: string, schemas: OperationSchemas): JsonObject {
  return new PathBuilder(resource, version, schemas).paths();
}

type Described = Pick<Operation, 'action' | 'parameters' | 'response'> & Partial<Operation> & {id: string};

class PathBuilder {
  readonly #resource: Resource;
  readonly #version: string;
  readonly #schemas: OperationSchemas;
  readonly #verbs: ReadonlySet<string>;

  constructor(resource: Resource, version: string, schemas: OperationSchemas) {
    this.#resource = resource;
    this.#version = version;
    this.#schemas = schemas;
    this.#verbs = new Set(verbsOf(resource));
  }

  paths(): JsonObject {
    const {group, plural, namespaced, kind} = this.#resource;
    const root = group === '' ? `/api/${this.#version}` : `/apis/${group}/${this.#version}`;
    const collection = `${root}${namespaced ? '/namespaces/{namespace}' : ''}/${plural}`;
    const inNamespace = namespaced ? ['namespace'] : [];
    const scope = namespaced ? 'Namespaced' : '';
    const paths: JsonObject = {};
    const add = (path: string, parameters: readonly string[], operations: JsonObject): void => {
      if (Object.keys(operations).length === 0) return;
      paths[path] = {...operations, parameters: [...parameters.map(pathParameter), queryParameter('pretty')]};
    };
    if (namespaced) add(`${root}/${plural}`, [], this.#list(`${kind}ForAllNamespaces`));
    add(collection, inNamespace, this.#collection(`${scope}${kind}`));
    add(`${collection}/{name}`, ['name', ...inNamespace], this.#object(`${scope}${kind}`));
    for (const subresource of subresourcesOf(this.#resource, this.#version)) {
      const id = `${scope}${kind}${capitalize(subresource.name)}`;
      add(`${collection}/{name}/${subresource.name}`, ['name', ...inNamespace], this.#subresource(id, subresource));
    }
    return paths;
  }

  #list(id: string): JsonObject {
    return this.#operations({
      get: this.#verbs.has('list') && {
        id: this.#id('list', id),
        action: 'list',
        parameters: LIST_PARAMETERS,
        response: this.#schemas.list,
      },
    });
  }

  #collection(id: string): JsonObject {
    const {object, status, deleteOptions} = this.#schemas;
    return {
      ...this.#list(id),
      ...this.#operations({
        post: this.#verbs.has('create') && this.#creation(id, object),
        delete: this.#verbs.has('deletecollection') && {
          id: this.#id('delete', `Collection${id}`),
          action: 'deletecollection',
          parameters: [...LIST_PARAMETERS, ...DELETE_PARAMETERS],
          response: status,
          body: {...this.#body(deleteOptions), isRequired: false},
        },
      }),
    };
  }

  #object(id: string): JsonObject {
    const {object, status, deleteOptions} = this.#schemas;
    return this.#operations({
      get: this.#verbs.has('get') && {id: this.#id('read', id), action: 'get', parameters: [], response: object},
      ...this.#updates(id, object, this.#verbs),
      delete: this.#verbs.has('delete') && {
        id: this.#id('delete', id),
        action: 'delete',
        parameters: DELETE_PARAMETERS,
        response: status,
        body: {...this.#body(deleteOptions), isRequired: false},
        otherCodes: ['202'],
      },
    });
  }

  #subresource(id: string, subresource: DiscoveredSubresource): JsonObject {
    const {group, version, kind} = subresource;
    const object = this.#schemas.subresource(subresource);
    const verbs = new Set(subresource.verbs);
    const isConnection = verbs.has('get') && verbs.has('create');
    const groupVersionKind = {group, version, kind};
    if (isConnection || object === undefined) {
      const connect = (verb: string): Described => ({
        id: this.#id('connect', `${verb}${id}`),
        action: 'connect',
        parameters: [],
        response: {type: 'string'},
        mediaTypes: ['*/*'],
        groupVersionKind,
      });
      return this.#operations({get: verbs.has('get') && connect('Get'), post: verbs.has('create') && connect('Post')});
    }
    const operations = {
      get: verbs.has('get') && {id: this.#id('read', id), action: 'get', parameters: [], response: object},
      ...this.#updates(id, object, verbs),
      post: verbs.has('create') && this.#creation(id, object),
    };
    return this.#operations(operations, groupVersionKind);
  }

  #updates(id: string, object: JsonObject, verbs: ReadonlySet<string>): Record<'put' | 'patch', Described | false> {
    return {
      put: verbs.has('update') && {
        id: this.#id('replace', id),
        action: 'put',
        parameters: WRITE_PARAMETERS,
        response: object,
        body: this.#body(object),
        otherCodes: ['201'],
      },
      patch: verbs.has('patch') && {
        id: this.#id('patch', id),
        action: 'patch',
        // kubectl takes fieldValidation here for a sign that the server validates.
        parameters: [...WRITE_PARAMETERS, 'force'],
        response: object,
        body: {
          schema: this.#schemas.patch,
          mediaTypes: this.#resource.custom ? CUSTOM_PATCHES : BUILT_IN_PATCHES,
          isRequired: true,
        },
        otherCodes: ['201'],
      },
    };
  }

  #operations(
    operations: Readonly<Record<string, Described | false>>,
    groupVersionKind = {group: this.#resource.group, version: this.#version, kind: this.#resource.kind},
  ): JsonObject {
    const json: JsonObject = {};
    for (const [method, operation] of Object.entries(operations)) {
      if (operation === false) continue;
      json[method] = operationJson({
        groupVersionKind,
        tag: `${groupWords(this.#resource.group)}_${this.#version}`,
        mediaTypes: this.#resource.custom ? CUSTOM_TYPES : BUILT_IN_TYPES,
        ...operation,
      });
    }
    return json;
  }

  #creation(id: string, object: JsonObject): Described {
    return {
      id: this.#id('create', id),
      action: 'post',
      parameters: WRITE_PARAMETERS,
      response: object,
      body: this.#body(object),
      otherCodes: ['201', '202'],
    };
  }

  #body(schema: JsonObject): NonNullable<Operation['body']> {
    return {schema, mediaTypes: this.#resource.custom ? CUSTOM_TYPES : ['*/*'], isRequired: true};
  }

  #id(verb: string, what: string): string {
    return `${verb}${capitalize(groupWords(this.#resource.group))}${capitalize(this.#version)}${what}`;
  }
}

/** `rbacAuthorization` of `rbac.authorization.k8s.io`. */
function groupWords(group: string): string {
  const [first = '', ...rest] = group.replace(/\.k8s\.io$/, '').split(/[.-]/);
  return first === '' ? 'core' : first + rest.map(capitalize).join('');
}

function capitalize(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
