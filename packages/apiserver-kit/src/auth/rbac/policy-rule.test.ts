import {describe, expect, test} from '@jest/globals';
import fc from 'fast-check';
import {access} from '../access.fixture.ts';
import type {AccessAttributes} from '../authorization.ts';
import {compactRules, missingRules, type PolicyRule, ruleAllows, ruleText} from './policy-rule.ts';

const user = {username: 'alice', groups: []};
const rule = (verbs: string, groups: string, resources: string, names?: string): PolicyRule => ({
  verbs: verbs.split(' '),
  apiGroups: groups.split(' ').map((each) => (each === 'core' ? '' : each)),
  resources: resources.split(' '),
  ...(names !== undefined && {resourceNames: names.split(' ')}),
});

describe('ruleAllows', () => {
  const allows = (policyRule: PolicyRule, wish: Partial<AccessAttributes>): boolean =>
    ruleAllows(policyRule, access(user, wish));

  test.each<[PolicyRule, Partial<AccessAttributes>, boolean]>([
    [rule('get', 'core', 'pods'), {}, true],
    [rule('get', 'core', 'pods'), {verb: 'list'}, false],
    [rule('get', 'core', 'pods'), {group: 'apps'}, false],
    [rule('get', 'core', 'pods'), {subresource: 'log'}, false],
    [rule('get', 'core', 'pods/log'), {subresource: 'log'}, true],
    [rule('get', 'core', 'pods/log'), {}, false],
    [rule('get', 'core', '*/log'), {subresource: 'log'}, true],
    [rule('get', 'core', '*/log'), {subresource: 'xlog'}, false],
    [rule('get', 'core', '*'), {subresource: 'log'}, true],
    [rule('*', '*', '*'), {group: 'apps', resource: 'x', verb: 'bind'}, true],
    [rule('*', '*', '*'), {path: '/metrics'}, false],
    [rule('get', 'core', 'pods', 'a'), {name: 'a'}, true],
    [rule('get', 'core', 'pods', 'a'), {name: 'b'}, false],
    // Names are not known of a list or a create.
    [rule('list', 'core', 'pods', 'a'), {verb: 'list'}, false],
    [{verbs: ['get'], nonResourceURLs: ['/healthz']}, {path: '/healthz'}, true],
    [{verbs: ['get'], nonResourceURLs: ['/healthz']}, {path: '/healthz/etcd'}, false],
    [{verbs: ['get'], nonResourceURLs: ['/healthz/*']}, {path: '/healthz/etcd'}, true],
    [{verbs: ['get'], nonResourceURLs: ['*']}, {path: '/x'}, true],
    [{verbs: ['get'], nonResourceURLs: ['*']}, {}, false],
    [{verbs: ['get']}, {}, false],
  ])('%j and %j: %s', (policyRule, wish, allowed) => {
    expect(allows(policyRule, wish)).toBe(allowed);
  });
});

describe('missingRules', () => {
  const some = <T>(...values: T[]): fc.Arbitrary<T[]> =>
    fc.array(fc.constantFrom(...values), {minLength: 1, maxLength: 3});
  const rules = fc.array(
    fc.oneof(
      fc.record(
        {
          verbs: some('get', 'list', '*'),
          apiGroups: some('', 'apps', '*'),
          resources: some('pods', 'pods/log', '*/log', '*'),
          resourceNames: some('a', 'b'),
        },
        {requiredKeys: ['verbs', 'apiGroups', 'resources']},
      ),
      fc.record({verbs: some('get', '*'), nonResourceURLs: some('/a', '/a/*', '/a/b', '*')}),
    ),
    {maxLength: 4},
  );
  const wishes: AccessAttributes[] = [];
  for (const verb of ['get', 'list', 'watch']) {
    for (const path of ['/a', '/a/b', '/a/c', '/d']) wishes.push(access(user, {verb, path}));
    for (const group of ['', 'apps', 'batch']) {
      for (const subresource of ['', 'log', 'exec']) {
        for (const resource of ['pods', 'jobs']) {
          for (const name of ['', 'a', 'b', 'c']) wishes.push(access(user, {verb, group, resource, subresource, name}));
        }
      }
    }
  }

  test('who misses nothing may do everything that is granted', () => {
    fc.assert(
      fc.property(rules, rules, (held, wanted) => {
        fc.pre(missingRules(held, wanted).length === 0);
        for (const wish of wishes) {
          if (!wanted.some((each) => ruleAllows(each, wish))) continue;
          expect(held.some((each) => ruleAllows(each, wish))).toBe(true);
        }
      }),
      {numRuns: 300},
    );
  });

  test('nobody misses what they have, and what is missed is enough', () => {
    fc.assert(
      fc.property(rules, rules, (held, wanted) => {
        expect(missingRules(held, held)).toEqual([]);
        expect(missingRules([...held, ...missingRules(held, wanted)], wanted)).toEqual([]);
      }),
    );
  });

  test('is told by verb, group and resource, in few lines', () => {
    const missing = missingRules(
      [rule('get', 'core', 'pods')],
      [
        rule('get list', 'core', 'pods nodes'),
        rule('watch', 'core', 'pods', 'a'),
        {verbs: ['get'], nonResourceURLs: ['/x']},
      ],
    );
    expect(compactRules(missing).map(ruleText)).toEqual([
      '{APIGroups:[""], Resources:["pods"], Verbs:["list"]}',
      '{APIGroups:[""], Resources:["nodes"], Verbs:["get" "list"]}',
      '{APIGroups:[""], Resources:["pods"], ResourceNames:["a"], Verbs:["watch"]}',
      '{NonResourceURLs:["/x"], Verbs:["get"]}',
    ]);
  });
});
