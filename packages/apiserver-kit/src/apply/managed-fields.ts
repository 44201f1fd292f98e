import {isJsonObject, type JsonValue} from '../json/json-value.ts';
import {byBytes} from '../json/sorted-keys.ts';
import type {ManagedFieldsEntry} from '../kube-object.ts';
import {type FieldSet, parseFieldSet, union} from './field-set.ts';

/** Somebody who owns fields of an object. */
export interface Manager {
  readonly name: string;
  readonly operation: 'Apply' | 'Update';
  readonly apiVersion: string;
  /** Empty: the object itself. */
  readonly subresource: string;
  /** RFC 3339, whole seconds, UTC. */
  readonly time: string | undefined;
  readonly set: FieldSet;
  /** What it was read from. */
  readonly entry?: ManagedFieldsEntry;
}

/** By their identifiers: see {@link managerId}. */
export type Managers = Map<string, Manager>;

/** Whoever applies is the same in all versions; whoever updates is another one in each. */
export function managerId({name, operation, apiVersion, subresource}: Omit<Manager, 'time' | 'set' | 'entry'>): string {
  return JSON.stringify({
    ...(name === '' ? {} : {manager: name}),
    operation,
    ...(operation === 'Apply' ? {} : {apiVersion}),
    ...(subresource === '' ? {} : {subresource}),
  });
}

/** Reads what is stored, which was written by {@link encodeManagers}. */
export function decodeManagers(entries: readonly ManagedFieldsEntry[] | undefined): Managers {
  const managers: Managers = new Map();
  for (const entry of entries ?? []) {
    const manager: Manager = {
      name: entry.manager ?? '',
      operation: entry.operation === 'Apply' ? 'Apply' : 'Update',
      apiVersion: entry.apiVersion ?? '',
      subresource: entry.subresource ?? '',
      time: entry.time,
      set: entry.fieldsV1 ?? {},
      entry,
    };
    managers.set(managerId(manager), manager);
  }
  return managers;
}

/** Reads what a client sent. @throws Error for what are no managed fields */
export function parseManagers(entries: JsonValue): Managers {
  if (!Array.isArray(entries)) throw new Error('managedFields must be a list');
  const managers: Managers = new Map();
  for (const entry of entries) {
    const manager = parseManager(entry);
    managers.set(managerId(manager), manager);
  }
  return managers;
}

function parseManager(entry: JsonValue): Manager {
  if (!isJsonObject(entry)) throw new Error('an entry of managedFields must be an object');
  const {operation, fieldsType, fieldsV1, time} = entry;
  if (operation !== 'Apply' && operation !== 'Update') throw new Error('operation must be `Apply` or `Update`');
  const apiVersion = text(entry['apiVersion']);
  if (apiVersion === '') throw new Error('apiVersion must not be empty');
  if (fieldsType !== 'FieldsV1') throw new Error('fieldsType must be FieldsV1');
  if (fieldsV1 !== undefined && !isJsonObject(fieldsV1)) throw new Error('fieldsV1 must be an object');
  return {
    name: text(entry['manager']),
    operation,
    apiVersion,
    subresource: text(entry['subresource']),
    time: time === undefined || time === null ? undefined : wholeSeconds(new Date(text(time))),
    set: parseFieldSet(fieldsV1 ?? {}),
  };
}

function text(value: JsonValue | undefined): string {
  if (value !== undefined && value !== null && typeof value !== 'string') throw new Error('expected a text');
  return value ?? '';
}

/** As Kubernetes writes times. @throws RangeError for a date that is none */
export function wholeSeconds(date: Date): string {
  return `${date.toISOString().slice(0, 19)}Z`;
}

/** Undefined where there is nobody. */
export function encodeManagers(managers: Managers): ManagedFieldsEntry[] | undefined {
  if (managers.size === 0) return undefined;
  return [...managers.values()].toSorted(compareManagers).map(encodeManager);
}

function encodeManager({name, operation, apiVersion, subresource, time, set, entry}: Manager): ManagedFieldsEntry {
  const unchanged = entry && entry.fieldsV1 === set && entry.time === time && entry.apiVersion === apiVersion;
  if (unchanged) return entry;
  return {
    ...(name === '' ? {} : {manager: name}),
    operation,
    apiVersion,
    ...(time === undefined ? {} : {time}),
    fieldsType: 'FieldsV1',
    fieldsV1: set,
    ...(subresource === '' ? {} : {subresource}),
  };
}

function compareManagers(left: Manager, right: Manager): number {
  return (
    byBytes(left.operation, right.operation) ||
    byBytes(left.time ?? '', right.time ?? '') ||
    byBytes(left.name, right.name) ||
    byBytes(left.apiVersion, right.apiVersion) ||
    byBytes(left.subresource, right.subresource)
  );
}

/** Managers by update that an object keeps apart. */
const MAX_UPDATE_MANAGERS = 10;

/** Joins the oldest managers by update, those of a version into one, where there are more than Kubernetes keeps. */
export function capUpdateManagers(managers: Managers): void {
  const updaters = [...managers].filter(([, {operation}]) => operation === 'Update');
  let count = updaters.length;
  if (count <= MAX_UPDATE_MANAGERS) return;
  updaters.sort(([a, {time}], [b, other]) => byBytes(time ?? '', other.time ?? '') || byBytes(a, b));
  const firsts = new Map<string, string>();
  for (const [id, manager] of updaters) {
    if (count <= MAX_UPDATE_MANAGERS) return;
    const {apiVersion} = manager;
    const first = firsts.get(apiVersion);
    if (first === undefined) {
      firsts.set(apiVersion, id);
      continue;
    }
    const bucket = {name: 'ancient-changes', operation: 'Update', apiVersion, subresource: ''} as const;
    const bucketId = managerId(bucket);
    const joined = managers.get(bucketId) ?? managers.get(first)!;
    if (!managers.has(bucketId)) managers.delete(first);
    managers.delete(id);
    managers.set(bucketId, {...bucket, time: manager.time, set: union(manager.set, joined.set)});
    count--;
  }
}
