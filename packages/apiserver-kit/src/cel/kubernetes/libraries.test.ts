import {readdirSync, readFileSync} from 'node:fs';
import {describe, expect, test} from '@jest/globals';
import {parseAllDocuments} from 'yaml';
import {CelEnvironment} from '../environment.ts';
import {functionTable} from '../function-table.ts';
import {types} from '../types.ts';
import {kubernetesLibraries} from './index.ts';

const environment = new CelEnvironment({libraries: kubernetesLibraries, homogeneousLiterals: true});

function evaluate(source: string): unknown {
  return environment.compile(source).evaluate({}).value;
}

describe('true in Kubernetes', () => {
  test.each([
    '[1, 2, 2].isSorted() && ![2, 1].isSorted() && [].isSorted()',
    '[1, 2, 3].sum() == 6 && [1.5, 2.5].sum() == 4.0 && [].sum() == 0',
    "[3, 1, 2].min() == 1 && ['b', 'c', 'a'].max() == 'c'",
    "['a', 'b', 'a'].indexOf('a') == 0 && ['a', 'b', 'a'].lastIndexOf('a') == 2 && ['a'].indexOf('x') == -1",
    "'abc 123'.find('[0-9]+') == '123' && 'abc'.find('[0-9]+') == ''",
    "'1 22 333'.findAll('[0-9]+') == ['1', '22', '333'] && '1 22 333'.findAll('[0-9]+', 2) == ['1', '22']",
    'sets.contains([1, 2, 3], [3, 1]) && sets.equivalent([1, 1, 2], [2, 1]) && !sets.intersects([1], [2])',
    '[1, 2, 3, 4].slice(1, 3) == [2, 3] && [[1], [2, 3]].flatten() == [1, 2, 3]',
    "lists.range(3) == [0, 1, 2] && [1, 2, 2, 1].distinct() == [1, 2] && ['b', 'a'].sort() == ['a', 'b'] && [1, 2].reverse() == [2, 1]",
    "[{'n': 2}, {'n': 1}].sortBy(x, x.n)[0].n == 1 && [3, 1].first().value() == 3 && [].last() == optional.none()",
    "format.dns1123Label().validate('a-b') == optional.none() && format.named('uuid').value().validate('x').value() == ['does not match the UUID format']",
    "!format.named('x').hasValue() && format.dns1123LabelPrefix().validate('a-').hasValue() == false && format.labelValue().validate('-').hasValue()",
    "quantity('1Gi') == quantity('1024Mi') && quantity('1500m').compareTo(quantity('1.5')) == 0",
    "quantity('50k').add(quantity('20k')) == quantity('70k') && quantity('50k').sub(20000).isLessThan(quantity('40k'))",
    "quantity('1e3').asInteger() == 1000 && !quantity('50.7k').isLessThan(quantity('50k')) && quantity('-1').sign() == -1",
    "!isQuantity('1.5Gib') && !isQuantity('') && isQuantity('.5') && isQuantity('5.')",
    "quantity('0.5').isInteger() == false && quantity('9223372036854775808').isInteger() == false",
    "url('https://user:pw@example.com:80/a b?k=a&k=b&q').getHost() == 'example.com:80'",
    "url('https://[::1]:80/').getHostname() == '::1' && url('https://[::1]:80/').getPort() == '80'",
    "url('https://example.com/a b/').getEscapedPath() == '/a%20b/' && url('/path').getScheme() == ''",
    "url('https://example.com/?k=a&k=b').getQuery() == {'k': ['a', 'b']}",
    "isURL('https://example.com') && !isURL('example.com/x') && !isURL('https://ex ample.com') && !isURL('../relative')",
    "ip('::1').isLoopback() && ip('127.0.0.1').family() == 4 && ip('2001:DB8::1') == ip('2001:db8:0::1')",
    "ip.isCanonical('2001:db8::abcd') && !ip.isCanonical('2001:DB8::ABCD') && string(ip('2001:db8:0:0:1:0:0:1')) == '2001:db8::1:0:0:1'",
    "!isIP('::ffff:1.2.3.4') && !isIP('fe80::1%eth0') && !isIP('1.2.3') && isIP('::1.2.3.4')",
    "ip('10.0.0.1').isGlobalUnicast() && !ip('255.255.255.255').isGlobalUnicast() && ip('224.0.0.1').isLinkLocalMulticast()",
    "cidr('10.0.0.0/8').containsIP('10.1.2.3') && !cidr('10.0.0.0/8').containsIP('11.0.0.0')",
    "cidr('10.0.0.0/8').containsCIDR('10.1.0.0/16') && !cidr('10.1.0.0/16').containsCIDR('10.0.0.0/8')",
    "cidr('10.1.2.3/8').masked() == cidr('10.0.0.0/8') && cidr('::/0').prefixLength() == 0 && !isCIDR('10.0.0.0/33')",
    "semver('1.2.3').isLessThan(semver('1.10.0')) && semver('1.0.0-rc.1').isLessThan(semver('1.0.0'))",
    "!isSemver('v1.0') && isSemver('v1.0', true) && semver('v01.01', true).minor() == 1 && semver('1.0.0-a.1').compareTo(semver('1.0.0-a.b')) == -1",
  ])('%s', (source) => expect(evaluate(source)).toBe(true));
});

test.each([
  ["quantity('x')", 'quantities must match'],
  ["ip('x')", 'parse error'],
  ['[].min()', 'min called on empty list'],
  ["quantity('1.5').asInteger()", 'cannot convert value to integer'],
])('%s has no value', (source, message) => {
  expect(() => evaluate(source)).toThrow(message);
});

test.each([
  ["[1, 'a']", "expected type 'int' but found 'string'"],
  ["quantity('1') + quantity('1')", 'found no matching overload'],
  ["[quantity('1')].sum()", 'found no matching overload'],
])('%s is refused', (source, message) => {
  expect(() => environment.compile(source)).toThrow(message);
});

describe('the rules of kruntimes compile', () => {
  const root = new URL('../../../../../', import.meta.url);
  const read = (folder: string): unknown[] =>
    readdirSync(new URL(folder, root))
      .filter((name) => name.endsWith('.yaml'))
      .flatMap((name) =>
        parseAllDocuments(readFileSync(new URL(folder + name, root), 'utf8')).map((document) => document.toJS()),
      );

  test('those of its kinds', () => {
    const rules = read('packages/api-types/crds/').flatMap(rulesIn);
    const lenient = new CelEnvironment({
      variables: {self: types.dyn, oldSelf: types.dyn},
      libraries: kubernetesLibraries,
      homogeneousLiterals: true,
    });
    expect(rules.length).toBeGreaterThan(15);
    for (const rule of rules) expect(() => lenient.compile(rule)).not.toThrow();
  });

  test('those of its admission policies', () => {
    const policies = read('charts/kruntimes/files/admission/') as AdmissionPolicy[];
    const authorizer = functionTable(
      Object.fromEntries(
        ['group', 'resource', 'namespace', 'name', 'check', 'serviceAccount', 'subresource'].map((name) => [
          name,
          {'dyn.(string): dyn': () => null},
        ]),
      ),
    );
    const allowed = functionTable({allowed: {'dyn.(): bool': () => true}});
    let count = 0;
    for (const {spec} of policies) {
      const variables = Object.fromEntries(
        ['object', 'oldObject', 'request', 'authorizer', 'params', 'namespaceObject', 'variables'].map((name) => [
          name,
          types.dyn,
        ]),
      );
      const admission = new CelEnvironment({
        variables,
        libraries: [...kubernetesLibraries, authorizer, allowed],
        homogeneousLiterals: true,
      });
      const expressions = [...(spec.variables ?? []), ...(spec.validations ?? []), ...(spec.matchConditions ?? [])];
      for (const {expression, messageExpression} of expressions) {
        for (const source of [expression, messageExpression]) {
          if (source === undefined) continue;
          admission.compile(source);
          count++;
        }
      }
    }
    expect(count).toBeGreaterThan(8);
  });
});

interface AdmissionPolicy {
  spec: Partial<
    Record<'variables' | 'validations' | 'matchConditions', {expression: string; messageExpression?: string}[]>
  >;
}

function rulesIn(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(rulesIn);
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) =>
    key === 'x-kubernetes-validations' ? (inner as {rule: string}[]).map(({rule}) => rule) : rulesIn(inner),
  );
}
