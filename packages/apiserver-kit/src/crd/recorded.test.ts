/**
 * What kube-apiserver 1.36.3 answered to definitions, objects and changes of objects, recorded in `recorded/`.
 *
 * @module
 */
import {readFileSync} from 'node:fs';
import {describe, expect, test} from '@jest/globals';
import {describeFieldErrors, type FieldError} from '../errors/field-error.ts';
import {goJson} from '../errors/go-text.ts';
import {decodeJson} from '../json/decode-json.ts';
import {cloneJson, isJsonObject, type JsonObject, type JsonValue} from '../json/json-value.ts';
import type {KubeObject} from '../kube-object.ts';
import {mergePatch} from '../patch/merge-patch.ts';
import {subdomainProblems} from '../registry/name-rules.ts';
import {validateObjectMeta} from '../registry/object-meta-validation.ts';
import {systemContext} from '../registry/system-context.ts';
import {applyDefaults} from '../schema/defaults.ts';
import {pruneUnknown} from '../schema/prune.ts';
import type {Schema} from '../schema/schema.ts';
import {validateObject} from '../schema/validate-object.ts';
import {customResourceDefinitionResource} from './definition-resource.ts';

function lines(name: string): JsonObject[] {
  const text = readFileSync(new URL(`recorded/${name}.jsonl`, import.meta.url), 'utf8');
  return text
    .trimEnd()
    .split('\n')
    .map((line) => decodeJson(line).value as JsonObject);
}

function texts(errors: readonly FieldError[]): string[] {
  return errors.map((error) => describeFieldErrors([error])).sort();
}

const resource = customResourceDefinitionResource();
const [version] = resource.versions;

/** A definition of one version with a schema. */
function definitionOf({definition, schema, fields}: JsonObject): JsonObject {
  if (isJsonObject(definition)) return definition;
  const root = schema ?? {type: 'object', properties: {spec: {type: 'object', properties: fields}}};
  return {
    metadata: {name: 'foos.cc.example.com'},
    spec: {
      group: 'cc.example.com',
      scope: 'Namespaced',
      names: {plural: 'foos', kind: 'Foo'},
      versions: [{name: 'v1', served: true, storage: true, schema: {openAPIV3Schema: root as JsonValue}}],
    },
  };
}

describe('a definition', () => {
  test.each(lines('definitions').map((line) => [line['what'] as string, line] as const))('%s', async (_what, line) => {
    const context = systemContext(resource, {verb: 'create'});
    const object = {apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition', ...definitionOf(line)};
    const definition = version!.normalize!(object, () => {});
    await resource.strategy.prepareForCreate?.(definition, context);
    const errors = (await resource.strategy.validate?.(definition, undefined, context)) ?? [];
    expect(texts(errors)).toEqual(line['errors']);
  });
});

function prepared(object: KubeObject, schema: Schema): KubeObject {
  const next = cloneJson(object);
  pruneUnknown(next, schema, {isResourceRoot: true});
  applyDefaults(next, schema);
  return next;
}

describe('a new object', () => {
  const [schema, ...cases] = lines('objects') as [JsonObject, ...JsonObject[]];

  test.each(cases.map((line) => [goJson(line['object']), line] as const))('%s', (_shown, line) => {
    const object = prepared(line['object'] as KubeObject, schema);
    const found = validateObjectMeta(
      {...object.metadata, namespace: 'default'},
      {namespaced: true, custom: true, validateName: subdomainProblems},
    );
    expect(texts(validateObject(object, schema, {found}))).toEqual(line['errors']);
  });
});

describe('an object that was there before its schema', () => {
  const [schema, starts, ...cases] = lines('changes') as [JsonObject, JsonObject, ...JsonObject[]];

  test.each(cases.map((line) => [`${line['old'] as string} ${goJson(line['patch'])}`, line] as const))(
    '%s',
    (_shown, line) => {
      const start = {
        apiVersion: 'v1',
        kind: 'Rat',
        metadata: {name: 'x'},
        ...(starts[line['old'] as string] as JsonObject),
      };
      const old = prepared(start, schema);
      const next = prepared(mergePatch(old, line['patch'] as JsonObject) as KubeObject, schema);
      const warnings: string[] = [];
      const subresource = line['subresource'] as string;
      const errors = validateObject(next, schema, {old, subresource, warn: (text) => warnings.push(text)});
      expect(texts(errors)).toEqual(line['errors']);
      if (line['warnings'] !== undefined) expect(warnings).toHaveLength(line['warnings'] as number);
    },
  );
});
