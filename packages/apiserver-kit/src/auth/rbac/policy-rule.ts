import type {JsonObject} from '../../json/json-value.ts';
import type {AccessAttributes} from '../authorization.ts';

/** @see https://kubernetes.io/docs/reference/kubernetes-api/authorization-resources/cluster-role-v1/ */
export interface PolicyRule extends JsonObject {
  verbs: string[];
  apiGroups?: string[];
  resources?: string[];
  resourceNames?: string[];
  nonResourceURLs?: string[];
}

/** Whether a rule allows what somebody wants to do. */
export function ruleAllows(rule: PolicyRule, access: AccessAttributes): boolean {
  if (!hasOrAll(rule.verbs, access.verb)) return false;
  const {path} = access;
  if (path !== undefined) return (rule.nonResourceURLs ?? []).some((pattern) => pathMatches(pattern, path));
  return (
    hasOrAll(rule.apiGroups, access.group) &&
    (rule.resources ?? []).some((pattern) => resourceMatches(pattern, access.resource, access.subresource)) &&
    nameMatches(rule.resourceNames, access.name)
  );
}

function hasOrAll(list: readonly string[] | undefined, value: string): boolean {
  return list !== undefined && (list.includes('*') || list.includes(value));
}

/** A pattern is a resource, a resource and its subresource, `*`, or a subresource of all resources: a star before its slash. */
function resourceMatches(pattern: string, resource: string, subresource: string): boolean {
  if (pattern === '*') return true;
  if (subresource === '') return pattern === resource;
  if (pattern.startsWith('*/')) return pattern.slice(2) === subresource;
  return (
    pattern.length === resource.length + 1 + subresource.length &&
    pattern.startsWith(resource) &&
    pattern[resource.length] === '/' &&
    pattern.endsWith(subresource)
  );
}

function nameMatches(names: readonly string[] | undefined, name: string): boolean {
  return names === undefined || names.length === 0 || names.includes(name);
}

function pathMatches(pattern: string, path: string): boolean {
  if (pattern === '*' || pattern === path) return true;
  return pattern.endsWith('*') && path.startsWith(pattern.replace(/\*+$/, ''));
}

/**
 * What of `wanted` the rules that somebody has do not give, as rules of one verb, group and resource each. A list that says
 * `*` is only given by one that says `*` too, whatever exists at present.
 */
export function missingRules(held: readonly PolicyRule[], wanted: readonly PolicyRule[]): PolicyRule[] {
  return wanted.flatMap(breakDown).filter((part) => !held.some((rule) => covers(rule, part)));
}

/** A rule as rules of one verb, and of one group, resource and name, or of one URL. */
function breakDown(rule: PolicyRule): PolicyRule[] {
  const {verbs, apiGroups = [], resources = [], resourceNames = [], nonResourceURLs = []} = rule;
  const parts: PolicyRule[] = [];
  for (const group of apiGroups) {
    for (const resource of resources) {
      for (const verb of verbs) {
        const part = {apiGroups: [group], resources: [resource], verbs: [verb]};
        if (resourceNames.length === 0) parts.push(part);
        for (const name of resourceNames) parts.push({...part, resourceNames: [name]});
      }
    }
  }
  for (const url of nonResourceURLs) {
    for (const verb of verbs) parts.push({nonResourceURLs: [url], verbs: [verb]});
  }
  return parts;
}

/** Whether a rule gives all that one part of {@link breakDown} says. */
function covers(rule: PolicyRule, part: PolicyRule): boolean {
  if (!hasAllOf(rule.verbs, part.verbs)) return false;
  const url = part.nonResourceURLs?.[0];
  if (url !== undefined) {
    return (rule.nonResourceURLs ?? []).some(
      (held) => held === '*' || held === url || (held.endsWith('*') && url.startsWith(held.replace(/\*+$/, ''))),
    );
  }
  const name = part.resourceNames?.[0];
  return (
    hasAllOf(rule.apiGroups, part.apiGroups) &&
    resourceCovered(rule.resources ?? [], part.resources?.[0] ?? '') &&
    ((rule.resourceNames ?? []).length === 0 || (name !== undefined && rule.resourceNames!.includes(name)))
  );
}

function hasAllOf(held: readonly string[] = [], wanted: readonly string[] = []): boolean {
  return held.includes('*') || wanted.every((each) => held.includes(each));
}

function resourceCovered(held: readonly string[], wanted: string): boolean {
  if (held.includes('*') || held.includes(wanted)) return true;
  const slash = wanted.indexOf('/');
  return slash >= 0 && held.includes(`*${wanted.slice(slash)}`);
}

/** Rules of resources that differ in their verbs only become one. */
export function compactRules(rules: readonly PolicyRule[]): PolicyRule[] {
  const byTarget = new Map<string, PolicyRule>();
  for (const rule of rules) {
    const {verbs, ...target} = rule;
    const key = JSON.stringify(rule.nonResourceURLs === undefined ? target : rule);
    const present = byTarget.get(key);
    if (present) present.verbs.push(...verbs);
    else byTarget.set(key, {...target, verbs: [...verbs]});
  }
  return [...byTarget.values()];
}

/** A rule as messages show it: `{APIGroups:[""], Resources:["pods"], Verbs:["get"]}`. */
export function ruleText(rule: PolicyRule): string {
  const list = (name: string, values: readonly string[] | undefined): string[] =>
    values === undefined || values.length === 0
      ? []
      : [`${name}:[${values.map((each) => JSON.stringify(each)).join(' ')}]`];
  const parts = [
    ...list('APIGroups', rule.apiGroups),
    ...list('Resources', rule.resources),
    ...list('NonResourceURLs', rule.nonResourceURLs),
    ...list('ResourceNames', rule.resourceNames),
    ...list('Verbs', rule.verbs),
  ];
  return `{${parts.join(', ')}}`;
}
