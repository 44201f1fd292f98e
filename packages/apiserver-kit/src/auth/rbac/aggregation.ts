import type {JsonObject} from '../../json/json-value.ts';
import type {KubeObject} from '../../kube-object.ts';
import {toLabelSelector} from '../../selectors/label-selector.ts';
import {follow, type Stores} from '../stores.ts';
import type {PolicyRule} from './policy-rule.ts';
import {RBAC_GROUP, rulesOf} from './rbac-index.ts';

/** Gives a ClusterRole new rules, as they are computed from the role that is there when it is written. */
export type WriteRules = (name: string, rules: (role: KubeObject) => readonly PolicyRule[]) => Promise<void>;

export interface Aggregation {
  /** Until the rules of all roles are what they should be. */
  settled(): Promise<void>;
  close(): void;
}

/**
 * Keeps the rules of ClusterRoles that have an `aggregationRule` equal to those of the ClusterRoles that it selects, ordered by
 * name, each rule once.
 *
 * @see https://kubernetes.io/docs/reference/access-authn-authz/rbac/#aggregated-clusterroles
 */
export function aggregateClusterRoles(
  stores: Stores,
  write: WriteRules,
  onError: (error: unknown) => void,
): Aggregation {
  const roles = new Map<string, KubeObject>();
  const stale = new Set<string>();
  let working: Promise<void> | undefined;
  let closed = false;

  const work = async (): Promise<void> => {
    // In a turn of its own, so that one write follows a burst of changes.
    await Promise.resolve();
    while (stale.size > 0 && !closed) {
      const [name] = stale as unknown as [string];
      stale.delete(name);
      const role = roles.get(name);
      if (!role || same(rulesOf(role), aggregatedRules(role, roles.values()))) continue;
      await write(name, (present) => aggregatedRules(present, roles.values())).catch(onError);
    }
    working = undefined;
  };
  const end = follow(stores, RBAC_GROUP, 'clusterroles', ({current, previous}) => {
    const name = (current ?? previous)?.object.metadata.name;
    if (name === undefined) return;
    if (current) roles.set(name, current.object);
    else roles.delete(name);
    for (const [other, role] of roles) if (selectorsOf(role).length > 0) stale.add(other);
    if (stale.size > 0) working ??= work();
  });
  return {
    async settled() {
      await working;
    },
    close() {
      closed = true;
      end();
    },
  };
}

/** The rules that an aggregated role should have; those that it has where it is none. */
export function aggregatedRules(role: KubeObject, all: Iterable<KubeObject>): readonly PolicyRule[] {
  const selectors = selectorsOf(role);
  if (selectors.length === 0) return rulesOf(role);
  const byName = (a: KubeObject, b: KubeObject): number => (nameOf(a) < nameOf(b) ? -1 : 1);
  const rules = new Map<string, PolicyRule>();
  const others = [...all].filter((each) => nameOf(each) !== nameOf(role)).toSorted(byName);
  for (const selector of selectors.map(toLabelSelector)) {
    for (const other of others) {
      if (!selector.matches(other.metadata.labels)) continue;
      for (const rule of rulesOf(other)) rules.set(JSON.stringify(rule), rule);
    }
  }
  return [...rules.values()];
}

function nameOf(role: KubeObject): string {
  return role.metadata.name ?? '';
}

function selectorsOf(role: KubeObject): JsonObject[] {
  const rule = role['aggregationRule'] as JsonObject | null | undefined;
  return (rule?.['clusterRoleSelectors'] as JsonObject[] | null | undefined) ?? [];
}

function same(left: readonly PolicyRule[], right: readonly PolicyRule[]): boolean {
  return JSON.stringify(left) === JSON.stringify(right);
}
