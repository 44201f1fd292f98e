/** A tree of JSON, as far as the suite looks into it. */
export type Json = null | boolean | number | string | Json[] | {[key: string]: Json | undefined};

/** One request. `{name}` in texts stands for a variable: `{ns}` is the namespace of the scenario, others are saved by steps before. */
export interface RequestStep {
  /** Such as `GET /api/v1/namespaces/{ns}/configmaps?limit=1`. */
  request: string;
  /** An object is sent as JSON, a text or bytes as they are. */
  body?: Json | Uint8Array;
  /** In lower case. Default: accept and content-type are application/json. An empty value takes a header away. */
  headers?: Readonly<Record<string, string>>;
  /** User of the token file; an empty name: nobody. Default: the administrator. */
  as?: string;
  /** Variables by paths of the answer (`metadata.resourceVersion`) to save. */
  save?: Readonly<Record<string, string>>;
  /** Ask again until the answer is so: for what happens some time after a write. */
  until?: (answer: {status: number; body: Json}) => boolean;
  /** The part of the body that is compared. Default: all of it. */
  view?: (body: Json) => Json | undefined;
  /** Only prepares what is compared later. It has to succeed on both servers. */
  quiet?: boolean;
}

/** A watch that is opened, the steps that happen while it is open, and what it delivers. */
export interface WatchStep {
  /** Such as `GET /api/v1/namespaces/{ns}/configmaps?watch=true`. */
  watch: string;
  headers?: Readonly<Record<string, string>>;
  as?: string;
  /** How many events to wait for. `end`: until the server ends the stream. */
  events: number | 'end';
  /** Carried out as soon as this many events have come. Default 0: as soon as the stream is open. */
  after?: number;
  during?: readonly RequestStep[];
  /** Saves from the last event. */
  save?: Readonly<Record<string, string>>;
}

export type Step = RequestStep | WatchStep;

/** Steps that build on each other, in a namespace of their own. */
export interface Scenario {
  /** Also in the name of its namespace: a DNS label. */
  name: string;
  steps: readonly Step[];
}

type Options = Omit<RequestStep, 'request' | 'body'>;

const contentTypes = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml',
} as const;

export function get(path: string, options: Options = {}): RequestStep {
  return {request: `GET ${path}`, ...options};
}

export function post(path: string, body: Json | Uint8Array, options: Options = {}): RequestStep {
  return {request: `POST ${path}`, body, ...options};
}

export function put(path: string, body: Json | Uint8Array, options: Options = {}): RequestStep {
  return {request: `PUT ${path}`, body, ...options};
}

export function remove(path: string, body?: Json | Uint8Array, options: Options = {}): RequestStep {
  return {request: `DELETE ${path}`, ...(body === undefined ? {} : {body}), ...options};
}

export function patch(
  kind: keyof typeof contentTypes,
  path: string,
  body: Json | Uint8Array,
  options: Options = {},
): RequestStep {
  const headers = {'content-type': contentTypes[kind], ...options.headers};
  return {request: `PATCH ${path}`, body, ...options, headers};
}

/** Server-side apply; the manager is part of the path's query. */
export function apply(path: string, body: Json, options: Options = {}): RequestStep {
  return patch('apply', path, body, options);
}

export function quiet(step: RequestStep): RequestStep {
  return {...step, quiet: true};
}

export function watch(path: string, events: number | 'end', options: Omit<WatchStep, 'watch' | 'events'> = {}): Step {
  return {watch: `GET ${path}`, events, ...options};
}

/** The value at a path such as `spec.names.kind` or `items.0.metadata`; keys with dots cannot be said. */
export function valueAt(value: Json | undefined, path: string): Json | undefined {
  let found = value;
  for (const key of path.split('.')) {
    if (typeof found !== 'object' || found === null) return undefined;
    found = Array.isArray(found) ? found[Number(key)] : Object.hasOwn(found, key) ? found[key] : undefined;
  }
  return found;
}

/** A view of one element of a list in the body. */
export function element(path: string, key: string, value: string): (body: Json) => Json | undefined {
  return (body) => {
    const list = valueAt(body, path);
    return Array.isArray(list) ? list.find((item) => valueAt(item, key) === value) : undefined;
  };
}

/** A view of what stands at a path. */
export function part(path: string): (body: Json) => Json | undefined {
  return (body) => valueAt(body, path);
}

/** Until a request answers with a status. */
export function untilStatus(expected: number): (answer: {status: number}) => boolean {
  return ({status}) => status === expected;
}

/** Until a condition of the object is so. */
export function untilCondition(type: string, expected = 'True'): (answer: {body: Json}) => boolean {
  return ({body}) => {
    const conditions = valueAt(body, 'status.conditions');
    return (
      Array.isArray(conditions) &&
      conditions.some((each) => valueAt(each, 'type') === type && valueAt(each, 'status') === expected)
    );
  };
}
