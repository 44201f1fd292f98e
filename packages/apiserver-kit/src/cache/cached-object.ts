import {encodeJson} from '../json/encode-json.ts';
import {jsonEqual} from '../json/json-equal.ts';
import {type JsonObject, setMember} from '../json/json-value.ts';
import type {KubeObject} from '../kube-object.ts';
import type {StoredObject} from '../storage/storage.ts';
import type {ParsedObjects, Reparsable} from './parsed-objects.ts';

/** An object in the cache: shared by all who read it, never changed. */
export interface CachedObject {
  key: string;
  revision: number;
  /**
   * With `metadata.resourceVersion`, in the storage version, with defaults of the schema filled in. Parsed when it is needed: two reads
   * may give two equal objects.
   */
  readonly object: KubeObject;
  /** {@link object} as JSON. Put together on each read: keep it no longer than needed. */
  readonly json: string;
  /** {@link json} with another `apiVersion`. */
  jsonAs(apiVersion: string): string;
  /** Whether a text stands in its JSON as it is stored: to find out cheaply that something is not in it. */
  mentions(text: string): boolean;
}

/** What the objects of a cache have in common. */
export interface ObjectForm {
  decode: (stored: StoredObject) => KubeObject;
  parsed: ParsedObjects;
}

/**
 * Text of an object as it is stored: without `metadata.resourceVersion`, and begun by apiVersion, kind and metadata, so that the text
 * with a revision can be put together from it without parsing.
 */
export function encodeStored(object: KubeObject): string {
  const {apiVersion, kind, metadata} = object;
  const {resourceVersion: _, ...rest} = metadata;
  const ordered: JsonObject = {apiVersion, kind, metadata: rest};
  for (const name of Object.keys(object)) {
    const value = object[name];
    if (value !== undefined && !Object.hasOwn(ordered, name)) setMember(ordered, name, value);
  }
  return encodeJson(ordered);
}

const head = /^\{"apiVersion":("(?:[^"\\]|\\.)*"),"kind":"(?:[^"\\]|\\.)*","metadata":\{/;

/** Keeps the text of an object, and the parsed form while that is in use. */
export class TextObject implements CachedObject, Reparsable {
  readonly key: string;
  readonly revision: number;
  parsed: KubeObject | undefined;
  generation = 0;
  readonly #form: ObjectForm;
  #text: string;
  /** Whether decoding the text adds nothing to it. Of what was written by somebody else, that shows only then. */
  #complete: boolean;

  constructor(form: ObjectForm, key: string, revision: number, text: string, complete: boolean) {
    this.#form = form;
    this.key = key;
    this.revision = revision;
    this.#text = text;
    this.#complete = complete;
  }

  get size(): number {
    return this.#text.length;
  }

  get object(): KubeObject {
    const object = this.parsed ?? this.#parse();
    this.#form.parsed.touch(this);
    return object;
  }

  get json(): string {
    return this.#render(undefined);
  }

  jsonAs(apiVersion: string): string {
    return this.#render(apiVersion);
  }

  mentions(text: string): boolean {
    return this.#text.includes(text);
  }

  /** Takes over what {@link object} would be, but for its resourceVersion, from somebody who has it. */
  seed(object: KubeObject): void {
    this.parsed = this.#withRevision(object);
    this.#form.parsed.touch(this);
  }

  /** Whether an object says the same as this one. @param text what it would be stored as */
  isStoredAs(text: string, object: KubeObject): boolean {
    const own = this.#completeText();
    return own === text || (own.length === text.length && jsonEqual(this.object, this.#withRevision(object)));
  }

  /** The same state at another revision. */
  at(revision: number): TextObject {
    return new TextObject(this.#form, this.key, revision, this.#text, this.#complete);
  }

  #parse(): KubeObject {
    const {key, revision} = this;
    const object = this.#withRevision(this.#form.decode({key, revision, json: this.#text}));
    if (!this.#complete) {
      const text = encodeStored(object);
      if (text !== this.#text) this.#text = text;
      this.#complete = true;
    }
    if (this.#form.parsed.keeps) this.parsed = object;
    return object;
  }

  #withRevision(object: KubeObject): KubeObject {
    return {...object, metadata: {...object.metadata, resourceVersion: String(this.revision)}};
  }

  #completeText(): string {
    if (!this.#complete) this.#form.parsed.scan(() => this.#parse());
    return this.#text;
  }

  #render(apiVersion: string | undefined): string {
    const text = this.#completeText();
    const match = head.exec(text);
    if (match === null) throw new Error(`${this.key} is not stored in the form of encodeStored`);
    const end = match[0].length;
    const version = `"resourceVersion":"${this.revision}"${text[end] === '}' ? '' : ','}`;
    if (apiVersion === undefined) return text.slice(0, end) + version + text.slice(end);
    const afterVersion = '{"apiVersion":'.length + match[1]!.length;
    return `{"apiVersion":${JSON.stringify(apiVersion)}${text.slice(afterVersion, end)}${version}${text.slice(end)}`;
  }
}
