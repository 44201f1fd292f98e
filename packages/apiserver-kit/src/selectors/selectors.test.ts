import {describe, expect, test} from '@jest/globals';
import fc from 'fast-check';
import {StatusError} from '../errors/status-error.ts';
import {checkFieldSelector, parseFieldSelector} from './field-selector.ts';
import {type LabelSelector, toLabelSelector} from './label-selector.ts';
import {parseLabelSelector} from './parse-label-selector.ts';

function problem(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof StatusError && error.code === 400 && error.reason === 'BadRequest') return error.message;
    throw error;
  }
  return 'none';
}

const NAME_PART =
  "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const VALUE =
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";

fc.configureGlobal({seed: 7});

describe('label selectors', () => {
  const objects = {
    a: {n: 'a', num: '5', e: ''},
    b: {n: 'b', num: '5', e: ''},
    c: {n: 'c', num: '6', e: ''},
    none: {},
  };
  const selected = (selector: LabelSelector): string =>
    Object.entries(objects)
      .filter(([, labels]) => selector.matches(labels))
      .map(([name]) => name)
      .join(' ');

  test.each([
    ['', 'a b c none'],
    ['n=a', 'a'],
    ['n==a', 'a'],
    [' n = a ', 'a'],
    ['n!=a', 'b c none'],
    ['n in (a,b)', 'a b'],
    ['n\tin\n(a)', 'a'],
    ['n notin (a,b)', 'c none'],
    ['n', 'a b c'],
    ['!n', 'none'],
    ['! n', 'none'],
    ['n=a,n=b', ''],
    ['num>5', 'c'],
    ['num<6', 'a b'],
    ['num>05', 'c'],
    ['n>1', ''],
    ['e=', 'a b c'],
    ['e in ()', 'a b c'],
    ['n in ()', ''],
    ['n in (a,)', 'a'],
    ['n in (,,a)', 'a'],
    ['e notin ()', 'none'],
    ['in in (a)', ''],
    ['notin', ''],
    ['n in (in,notin)', ''],
    ['toString', ''],
    ['!constructor', 'a b c none'],
  ])('%j', (text, expected) => {
    expect(selected(parseLabelSelector(text))).toBe(expected);
  });

  // Each as kube-apiserver 1.36 answers it.
  test.each([
    [',', "found ',', expected: !, identifier, or 'end of string'"],
    ['=a', "found '=', expected: !, identifier, or 'end of string'"],
    ['(n)', "found '(', expected: !, identifier, or 'end of string'"],
    ['n,', "found '', expected: identifier after ','"],
    ['n=a=b', "found '=', expected: ',' or 'end of string'"],
    ['!n=a', "found '=', expected: ',' or 'end of string'"],
    ['n in (a) b', "found 'b', expected: ',' or 'end of string'"],
    ['!', "unable to parse requirement: found '', expected: identifier"],
    ['!!n', "unable to parse requirement: found '!', expected: identifier"],
    ['n=!a', "unable to parse requirement: found '!', expected: identifier"],
    ['n===a', "unable to parse requirement: found '=', expected: identifier"],
    ['n!==a', "unable to parse requirement: found '=', expected: identifier"],
    ['n>=4', "unable to parse requirement: found '=', expected: identifier"],
    ['n a', "unable to parse requirement: found 'a', expected: in, notin, =, ==, !=, gt, lt"],
    ['n!a', "unable to parse requirement: found '!', expected: in, notin, =, ==, !=, gt, lt"],
    ['n in', "unable to parse requirement: found '' expected: '('"],
    ['n in a', "unable to parse requirement: found 'a' expected: '('"],
    ['n in (', "unable to parse requirement: found '', expected: ',', ')' or identifier"],
    ['n in ((a))', "unable to parse requirement: found '(', expected: ',', ')' or identifier"],
    ['n in (a', "unable to parse requirement: found '', expected: ',' or ')'"],
    ['n in (a b)', "unable to parse requirement: found 'b', expected: ',' or ')'"],
    ['n in (a,', "unable to parse requirement: found '', expected: ',', or identifier"],
    ['n in (,(', "unable to parse requirement: found '(', expected: ',', or identifier"],
    [
      'num>x',
      `unable to parse requirement: values[0]: Invalid value: "x": for 'Gt', 'Lt' operators, the value must be an integer`,
    ],
    [
      'n<',
      `unable to parse requirement: values[0]: Invalid value: "": for 'Gt', 'Lt' operators, the value must be an integer`,
    ],
    ['num>-1', `unable to parse requirement: values[0][num]: Invalid value: "-1": ${VALUE}`],
    ['x=a"b', `unable to parse requirement: values[0][x]: Invalid value: "a\\"b": ${VALUE}`],
    [
      'n in (-b,-a)',
      `unable to parse requirement: [values[0][n]: Invalid value: "-a": ${VALUE}, values[1][n]: Invalid value: "-b": ${VALUE}]`,
    ],
    ['A@b', `unable to parse requirement: <nil>: Invalid value: "A@b": ${NAME_PART}`],
    ['/x=1', 'unable to parse requirement: <nil>: Invalid value: "/x": prefix part must be non-empty'],
    ['x/=1', `unable to parse requirement: <nil>: Invalid value: "x/": name part must be non-empty; ${NAME_PART}`],
    [
      `n=${'a'.repeat(64)}`,
      `unable to parse requirement: values[0][n]: Invalid value: "${'a'.repeat(64)}": must be no more than 63 bytes`,
    ],
  ])('%j is refused', (text, message) => {
    expect(problem(() => parseLabelSelector(text))).toBe(message);
  });

  test('objects say the same', () => {
    expect(selected(toLabelSelector({}))).toBe('a b c none');
    expect(selected(toLabelSelector({matchLabels: {n: 'a', num: '5'}}))).toBe('a');
    const expressions = (...matchExpressions: {key: string; operator: string; values?: string[]}[]) =>
      toLabelSelector({matchExpressions});
    expect(selected(expressions({key: 'n', operator: 'In', values: ['a', 'c']}))).toBe('a c');
    expect(selected(expressions({key: 'n', operator: 'NotIn', values: ['a', 'c']}))).toBe('b none');
    expect(selected(expressions({key: 'n', operator: 'Exists'}, {key: 'num', operator: 'In', values: ['6']}))).toBe(
      'c',
    );
    expect(selected(expressions({key: 'n', operator: 'DoesNotExist'}))).toBe('none');
    expect(problem(() => expressions({key: 'n', operator: 'Gt', values: ['1']}))).toBe(
      '"Gt" is not a valid label selector operator',
    );
    expect(problem(() => expressions({key: 'n', operator: 'In'}))).toBe(
      "values: Invalid value: []: for 'in', 'notin' operators, values set can't be empty",
    );
  });

  test('whatever comes, there is a selector or a 400', () => {
    const words = fc.constantFrom('n', 'in', 'notin', '(', ')', ',', '=', '!', '<', '>', ' ', 'é', '/', '-', '1');
    fc.assert(
      fc.property(
        fc.oneof(
          fc.array(words).map((parts) => parts.join('')),
          fc.string(),
        ),
        (text) => {
          expect(typeof problem(() => parseLabelSelector(text).matches(objects.a))).toBe('string');
        },
      ),
      {numRuns: 1_000},
    );
  });
});

describe('field selectors', () => {
  const matches = (text: string, fields: Record<string, string>): boolean =>
    parseFieldSelector(text).matches((field) => fields[field] ?? '');

  test.each([
    ['', true],
    [',', true],
    ['metadata.name=a', true],
    ['metadata.name==a', true],
    ['metadata.name!=a', false],
    ['metadata.name=a,', true],
    ['metadata.name=a,phase=', true],
    ['metadata.name=a,phase!=', false],
    ['metadata.name=a,metadata.name=b', false],
    ['odd=a\\,b\\=c\\\\', true],
  ])('%j', (text, expected) => {
    expect(matches(text, {'metadata.name': 'a', odd: 'a,b=c\\'})).toBe(expected);
  });

  // Each as kube-apiserver 1.36 answers it.
  test.each([
    ['metadata.name', "invalid selector: 'metadata.name'; can't understand 'metadata.name'"],
    ['a=b,c>d', "invalid selector: 'a=b,c>d'; can't understand 'c>d'"],
    ['metadata.name in (a)', "invalid selector: 'metadata.name in (a)'; can't understand 'metadata.name in (a)'"],
    ['metadata.name=a\\x', 'invalid field selector: invalid escape sequence: \\x'],
    ['metadata.name=a\\', 'invalid field selector: invalid escape sequence: \\'],
    ['metadata.name=a=b', 'invalid field selector: unescaped character in value: 61'],
    ['metadata.name===a', 'invalid field selector: unescaped character in value: 61'],
  ])('%j is refused', (text, message) => {
    expect(problem(() => parseFieldSelector(text))).toBe(message);
  });

  test('fields that cannot be selected by are refused', () => {
    const check = (text: string, kind: {custom: boolean; namespaced: boolean}, selectable?: string[]): string =>
      problem(() => checkFieldSelector(parseFieldSelector(text), kind, selectable));
    const plain = '"x" is not a known field selector: only "metadata.name", "metadata.namespace"';
    expect(check('x=y', {custom: false, namespaced: true})).toBe(plain);
    expect(check('metadata.namespace=y', {custom: false, namespaced: false})).toBe('none');
    expect(check('x=y', {custom: true, namespaced: true})).toBe('field label not supported: x');
    expect(check('x=y,metadata.name=z', {custom: true, namespaced: true}, ['x'])).toBe('none');
    expect(check('metadata.namespace=y', {custom: false, namespaced: false}, ['x'])).toBe(
      'field label not supported: metadata.namespace',
    );
  });

  test('the value that a field must have', () => {
    const selector = parseFieldSelector('metadata.name=a,phase!=b');
    expect(selector.requiredValue('metadata.name')).toBe('a');
    expect(selector.requiredValue('phase')).toBeUndefined();
  });

  test('whatever comes, there is a selector or a 400', () => {
    const words = fc.constantFrom('metadata.name', 'a', '=', '!=', ',', '\\', 'é', ' ', '\n');
    fc.assert(
      fc.property(
        fc.oneof(
          fc.array(words).map((parts) => parts.join('')),
          fc.string(),
        ),
        (text) => {
          expect(typeof problem(() => parseFieldSelector(text))).toBe('string');
        },
      ),
      {numRuns: 1_000},
    );
  });
});
