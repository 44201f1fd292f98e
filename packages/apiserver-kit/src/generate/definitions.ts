import {readFileSync} from 'node:fs';
import {join} from 'node:path';
import {isJsonObject, type JsonObject, type JsonValue} from '../json/json-value.ts';

const marker = '#/components/schemas/';

/** Schemas of OpenAPI documents as they are published, without descriptions, and with bare names as references. `paths` are those of the documents: `apis/apps/v1`. */
export function readDefinitions(folder: string, paths: readonly string[]): Map<string, JsonObject> {
  const definitions = new Map<string, JsonObject>();
  for (const path of paths) {
    const file = join(folder, `${path.replaceAll('/', '__')}_openapi.json`);
    const document = JSON.parse(readFileSync(file, 'utf8')) as {components: {schemas: Record<string, JsonObject>}};
    for (const [name, schema] of Object.entries(document.components.schemas))
      definitions.set(name, withoutDescriptions(schema) as JsonObject);
  }
  return definitions;
}

function withoutDescriptions(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(withoutDescriptions);
  if (!isJsonObject(value)) return value;
  const result: JsonObject = {};
  for (const [key, inner] of Object.entries(value)) {
    if (inner === undefined || (key === 'description' && typeof inner === 'string')) continue;
    if (key === '$ref' && typeof inner === 'string') result[key] = inner.replace(marker, '');
    else result[key] = withoutDescriptions(inner);
  }
  return result;
}
