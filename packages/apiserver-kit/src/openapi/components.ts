import {builtinDefinition} from '../builtin/definitions.ts';
import {isJsonObject, type JsonObject, type JsonValue, setMember} from '../json/json-value.ts';

const PREFIX = '#/components/schemas/';

/** A pointer to a schema of the same document. */
export function reference(name: string): JsonObject {
  return {$ref: `${PREFIX}${name}`};
}

/** The schemas of a document: own ones, and those of built-in kinds that are referred to, whether directly or by others. */
export class Components {
  readonly #schemas = new Map<string, JsonValue>();

  /** A reference to the schema of a built-in kind or a part of one. */
  builtin(name: string): JsonObject {
    if (!this.#schemas.has(name)) {
      // Before its parts: they may refer to it.
      this.#schemas.set(name, {});
      this.#schemas.set(name, this.#withReferences(builtinDefinition(name)));
    }
    return reference(name);
  }

  /** A reference to a schema that is given here. */
  own(name: string, schema: JsonObject): JsonObject {
    this.#schemas.set(name, schema);
    return reference(name);
  }

  toJson(): JsonObject {
    const schemas: JsonObject = {};
    for (const name of [...this.#schemas.keys()].sort()) setMember(schemas, name, this.#schemas.get(name)!);
    return {schemas};
  }

  #withReferences(value: JsonValue): JsonValue {
    if (Array.isArray(value)) return value.map((item) => this.#withReferences(item));
    if (!isJsonObject(value)) return value;
    const copy: JsonObject = {};
    for (const key of Object.keys(value)) {
      const inner = value[key];
      if (key === '$ref' && typeof inner === 'string') return this.builtin(inner);
      if (inner !== undefined) setMember(copy, key, this.#withReferences(inner));
    }
    return copy;
  }
}
