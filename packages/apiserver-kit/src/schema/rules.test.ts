import {describe, expect, test} from '@jest/globals';
import type {JsonObject, JsonValue} from '../json/json-value.ts';
import {compileRules} from './rules.ts';
import type {Schema, ValidationRule} from './schema.ts';

function errors(
  field: Schema,
  rules: (string | ValidationRule)[],
  value: JsonValue | undefined,
  old?: JsonValue,
): string[] {
  const own = rules.map((rule) => (typeof rule === 'string' ? {rule} : rule));
  const schema: Schema = {type: 'object', properties: {f: {...field, 'x-kubernetes-validations': own}}};
  const object = (f: JsonValue | undefined): JsonObject => (f === undefined ? {} : {f});
  const before = old === undefined ? undefined : object(old);
  return compileRules(schema)
    .validate(object(value), before)
    .map(({field: path, message}) => `${path}: ${message}`);
}

const text: Schema = {type: 'string', maxLength: 100};

describe('a value of the type that the schema says', () => {
  const object: Schema = {
    type: 'object',
    properties: {
      namespace: {type: 'string'},
      'a-b': {type: 'integer'},
      'c.d/e__f': {type: 'integer'},
      time: {type: 'string', format: 'date-time'},
      day: {type: 'string', format: 'date'},
      span: {type: 'string', format: 'duration'},
      bytes: {type: 'string', format: 'byte'},
      either: {'x-kubernetes-int-or-string': true},
      number: {type: 'number'},
      nothing: {type: 'string', nullable: true},
      free: {type: 'object', 'x-kubernetes-preserve-unknown-fields': true},
      set: {type: 'array', 'x-kubernetes-list-type': 'set', items: {type: 'string'}},
      list: {type: 'array', items: {type: 'string'}},
      map: {
        type: 'array',
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['k'],
        items: {type: 'object', properties: {k: {type: 'string'}, v: {type: 'integer'}}},
      },
      labels: {type: 'object', additionalProperties: {type: 'string'}},
    },
  };

  test.each<[string, JsonObject]>([
    ["self.__namespace__ == 'x'", {namespace: 'x'}],
    ['self.a__dash__b == 1', {'a-b': 1}],
    ['self.c__dot__d__slash__e__underscores__f == 2', {'c.d/e__f': 2}],
    ["self.time > timestamp('2020-01-01T00:00:00Z')", {time: '2020-01-01T00:00:01Z'}],
    ["self.time == timestamp('2020-01-01T00:00:00Z')", {time: '2020-01-01T02:00:00+02:00'}],
    ['self.day.getFullYear() == 2020', {day: '2020-02-03'}],
    ["self.span == duration('90m')", {span: '1h30m'}],
    ["self.bytes == b'abc'", {bytes: 'YWJj'}],
    ['type(self.either) == int && self.either + 1 == 3', {either: 2}],
    ["type(self.either) == string && self.either == '2'", {either: '2'}],
    ['self.number == 1.0', {number: 1}],
    ['!has(self.nothing)', {nothing: null}],
    ["self.labels['__proto__'] == 'x'", JSON.parse('{"labels": {"__proto__": "x"}}') as JsonObject],
    ["!has(self.labels.constructor) && !('toString' in self.labels)", {labels: {}}],
    ["self.list + ['x'] == ['a', 'x']", {list: ['a']}],
    ["(self.set + ['a', 'b']).size() == 2", {set: ['a']}],
  ])('%s', (rule, value) => expect(errors(object, [rule], value)).toEqual([]));

  test.each<[string, JsonObject, JsonObject, boolean]>([
    ['set', {set: ['a', 'b']}, {set: ['b', 'a']}, true],
    ['list', {list: ['a', 'b']}, {list: ['b', 'a']}, false],
    ['map', {map: [{k: 'a', v: 1}, {k: 'b'}]}, {map: [{k: 'b'}, {k: 'a', v: 1}]}, true],
    ['map', {map: [{k: 'a', v: 1}]}, {map: [{k: 'a', v: 2}]}, false],
    ['free', {free: {x: [1]}}, {free: {x: [1]}}, true],
    ['free', {free: {x: [1]}}, {free: {x: [2]}}, false],
    ['time', {time: '2020-01-01T00:00:00Z'}, {time: '2020-01-01T01:00:00+01:00'}, true],
  ])('%s: %j and %j are equal: %s', (name, value, old, isEqual) => {
    expect(errors(object, [`self.${name} == oldSelf.${name}`], value, old)).toHaveLength(isEqual ? 0 : 1);
  });

  test('what is only preserved can not be read', () => {
    expect(errors(object, ['self.free.x == 1'], {free: {x: 1}})[0]).toContain("undefined field 'x'");
  });
});

describe('a transition rule', () => {
  const immutable = {rule: 'self == oldSelf', message: 'stays'};

  test('does not run where there was nothing', () => {
    expect(errors(text, [immutable], 'a')).toEqual([]);
    expect(errors(text, [immutable], 'b', 'a')).toEqual(['f: Invalid value: "b": stays']);
  });

  test('runs always if oldSelf is optional', () => {
    const rule = {rule: 'oldSelf.hasValue()', optionalOldSelf: true};
    expect(errors(text, [rule], 'a')).toEqual(['f: Invalid value: "a": failed rule: oldSelf.hasValue()']);
    expect(errors(text, [rule], 'a', 'b')).toEqual([]);
  });

  test('of an element finds what was there by its keys', () => {
    const items: Schema = {
      type: 'object',
      properties: {k: {type: 'string'}, v: {type: 'integer', 'x-kubernetes-validations': [{rule: 'self >= oldSelf'}]}},
    };
    const list: Schema = {type: 'array', items, 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['k']};
    const old = [
      {k: 'a', v: 5},
      {k: 'b', v: 1},
    ];
    const next = [
      {k: 'c', v: 0},
      {k: 'b', v: 2},
      {k: 'a', v: 4},
    ];
    expect(errors(list, [], next, old)).toEqual(['f[2].v: Invalid value: 4: failed rule: self >= oldSelf']);
  });

  test('of a list of another type does not run for its elements', () => {
    const items: Schema = {type: 'string', 'x-kubernetes-validations': [immutable]};
    expect(errors({type: 'array', items}, [], ['b'], ['a'])).toEqual([]);
  });
});

describe('an error', () => {
  test.each<[ValidationRule, string]>([
    [{rule: 'false'}, 'f: Invalid value: "x": failed rule: false'],
    [{rule: 'false', message: ' why '}, 'f: Invalid value: "x": why'],
    [{rule: 'false', messageExpression: "'it is ' + self"}, 'f: Invalid value: "x": it is x'],
    [{rule: 'false', messageExpression: "self.charAt(9) + ''", message: 'why'}, 'f: Invalid value: "x": why'],
    [{rule: 'false', messageExpression: "'  '", message: 'why'}, 'f: Invalid value: "x": why'],
    [{rule: 'false', reason: 'FieldValueForbidden', message: 'why'}, 'f: Forbidden: why'],
    [{rule: 'false', reason: 'FieldValueRequired', message: 'why'}, 'f: Required value: why'],
    [{rule: 'false', reason: 'FieldValueDuplicate', message: 'why'}, 'f: Duplicate value: "x"'],
    [
      {rule: '1 / (self.size() - 1) == 0'},
      'f: Invalid value: "string": division by zero evaluating rule: 1 / (self.size() - 1) == 0',
    ],
  ])('%j', (rule, message) => expect(errors(text, [rule], 'x')).toEqual([message]));

  test('of an object or list shows no value, and names its field', () => {
    const object: Schema = {type: 'object', properties: {a: {type: 'integer'}}};
    expect(errors(object, [{rule: 'false', message: 'why', fieldPath: '.a'}], {a: 1})).toEqual([
      'f.a: Invalid value: why',
    ]);
  });

  test('of a rule that does not compile says so', () => {
    expect(errors(text, ['self.x == 1'], 'a')[0]).toContain(
      "rule compile error: compilation failed: ERROR: <input>:1:5: type 'string'",
    );
  });
});

describe('what rules may cost', () => {
  const list: Schema = {type: 'array', items: {type: 'integer'}};
  const numbers = Array.from({length: 600}, (_, index) => index);

  test('a rule', () => {
    const rule = 'self.all(x, self.all(y, x >= 0 && y >= 0 && x + y >= 0))';
    expect(errors(list, [rule], numbers)).toEqual([
      `f: Invalid value: "array": 'operation cancelled: actual cost limit exceeded': no further validation rules will be run due to call cost exceeds limit for rule: ${rule}`,
    ]);
  });

  test('all rules of an object', () => {
    const rules = Array.from({length: 14}, (_, index) => `self.all(x, self.all(y, x + y + x + y >= ${-index}))`);
    const found = errors(list, rules, numbers.slice(0, 280));
    expect(found).toEqual([
      'f: Invalid value: "array": validation failed due to running out of cost budget, no further validation rules will be run',
    ]);
  });
});
