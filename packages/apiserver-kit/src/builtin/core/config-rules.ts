import {Buffer} from 'node:buffer';
import type {ConfigMap, Secret} from 'kubernetes-types/core/v1.js';
import {type FieldError, fieldErrors, ShownValue} from '../../errors/field-error.ts';
import {DecodeError} from '../../json/decode-error.ts';
import {decodeJson} from '../../json/decode-json.ts';
import {isJsonObject, type JsonObject, setMember} from '../../json/json-value.ts';
import type {BuiltinRules} from '../rules.ts';
import {configMapTable, secretTable} from '../tables/core-tables.ts';
import {asInvalid, configKeyProblems, immutable, sameJson} from '../validation/field-rules.ts';

/** The largest that the values of a ConfigMap or Secret may be together. */
const MAX_BYTES = 1024 * 1024;

/** ConfigMaps. */
export const configMapRules: BuiltinRules = {
  version: {table: configMapTable},
  strategy: {
    validate(object, old) {
      const {data = {}, binaryData = {}, immutable: fixed} = object as ConfigMap;
      const errors: FieldError[] = [];
      let size = 0;
      for (const [key, value] of Object.entries(data)) {
        errors.push(...asInvalid(configKeyProblems(key), key, `data[${key}]`));
        if (Object.hasOwn(binaryData, key))
          errors.push(fieldErrors.invalid(`data[${key}]`, key, 'duplicate of key present in binaryData'));
        size += Buffer.byteLength(value);
      }
      for (const [key, value] of Object.entries(binaryData)) {
        errors.push(...asInvalid(configKeyProblems(key), key, `binaryData[${key}]`));
        size += Buffer.byteLength(value, 'base64');
      }
      if (size > MAX_BYTES) errors.push(fieldErrors.tooLong('[]', MAX_BYTES));
      const before = old as ConfigMap | undefined;
      if (before?.immutable) {
        if (!fixed) errors.push(fieldErrors.forbidden('immutable', 'field is immutable when `immutable` is set'));
        for (const key of ['data', 'binaryData'] as const)
          if (!sameJson((object as ConfigMap)[key], before[key]))
            errors.push(fieldErrors.forbidden(key, 'field is immutable when `immutable` is set'));
      }
      return errors;
    },
  },
};

/** Secrets. What comes as `stringData` is kept as `data`. */
export const secretRules: BuiltinRules = {
  version: {table: secretTable, selectableFields: ['type']},
  defaults(object) {
    const secret = object as Secret;
    if (secret.stringData) {
      const data: JsonObject = {};
      const all = {...secret.data};
      for (const [key, value] of Object.entries(secret.stringData))
        setMember(all, key, Buffer.from(value).toString('base64'));
      for (const key of Object.keys(all).toSorted()) setMember(data, key, all[key]!);
      object['data'] = data;
      delete object['stringData'];
    }
    secret.type ||= 'Opaque';
  },
  strategy: {
    validate(object, old) {
      const secret = object as Secret;
      const errors: FieldError[] = [];
      const data = secret.data ?? {};
      let size = 0;
      for (const [key, value] of Object.entries(data)) {
        errors.push(...asInvalid(configKeyProblems(key), key, `data[${key}]`));
        size += Buffer.byteLength(value, 'base64');
      }
      if (size > MAX_BYTES) errors.push(fieldErrors.tooLong('data', MAX_BYTES));
      errors.push(...typeProblems(secret, data));
      const before = old as Secret | undefined;
      if (before) {
        errors.push(...immutable(secret.type, before.type, 'type'));
        if (before.immutable) {
          if (!secret.immutable)
            errors.push(fieldErrors.forbidden('immutable', 'field is immutable when `immutable` is set'));
          if (!sameJson(secret.data, before.data))
            errors.push(fieldErrors.forbidden('data', 'field is immutable when `immutable` is set'));
        }
      }
      return errors;
    },
  },
};

function typeProblems({type, metadata}: Secret, data: Readonly<Record<string, string>>): FieldError[] {
  const missing = (key: string): FieldError[] =>
    Object.hasOwn(data, key) ? [] : [fieldErrors.required(`data[${key}]`)];
  switch (type) {
    case 'kubernetes.io/service-account-token': {
      const name = metadata?.annotations?.['kubernetes.io/service-account.name'];
      return name ? [] : [fieldErrors.required('metadata.annotations[kubernetes.io/service-account.name]')];
    }
    case 'kubernetes.io/dockercfg':
      return [...missing('.dockercfg'), ...jsonProblems(data['.dockercfg'], '.dockercfg')];
    case 'kubernetes.io/dockerconfigjson':
      return [...missing('.dockerconfigjson'), ...jsonProblems(data['.dockerconfigjson'], '.dockerconfigjson')];
    case 'kubernetes.io/basic-auth': {
      const either = Object.hasOwn(data, 'username') || Object.hasOwn(data, 'password');
      return either ? [] : [...missing('username'), ...missing('password')];
    }
    case 'kubernetes.io/ssh-auth':
      return data['ssh-privatekey'] ? [] : [fieldErrors.required('data[ssh-privatekey]')];
    case 'kubernetes.io/tls':
      return [...missing('tls.crt'), ...missing('tls.key')];
    default:
      return [];
  }
}

/** It must be an object in JSON. What it is is not shown. */
function jsonProblems(value: string | undefined, key: string): FieldError[] {
  if (value === undefined) return [];
  const hidden = new ShownValue('"<secret contents redacted>"');
  try {
    const found = decodeJson(Buffer.from(value, 'base64')).value;
    if (found === null || isJsonObject(found)) return [];
    const type = Array.isArray(found) ? 'array' : typeof found === 'boolean' ? 'bool' : typeof found;
    const why = `json: cannot unmarshal ${type} into Go value of type map[string]interface {}`;
    return [fieldErrors.invalid(`data[${key}]`, hidden, why)];
  } catch (error) {
    if (error instanceof DecodeError) return [fieldErrors.invalid(`data[${key}]`, hidden, error.message)];
    throw error;
  }
}
