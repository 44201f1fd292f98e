import {expect, test} from '@jest/globals';
import {StatusError} from '../errors/status-error.ts';
import {decodeObject} from './decode-object.ts';

const crontab = {group: 'stable.example.com', version: 'v1', kind: 'CronTab', custom: true};
const configMap = {group: '', version: 'v1', kind: 'ConfigMap', custom: false};

function answer(text: string, expected: typeof crontab, format: 'json' | 'yaml' = 'json'): unknown {
  try {
    return decodeObject(Buffer.from(text, 'latin1'), format, expected).value;
  } catch (error) {
    if (error instanceof StatusError && error.code === 400) return error.message;
    throw error;
  }
}

const GO_TYPE =
  'struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }';

// Each as kube-apiserver 1.36 answers it.
test.each([
  ['', "couldn't get version/kind; json parse error: unexpected end of JSON input (<empty>)"],
  ['{"a"}', `couldn't get version/kind; json parse error: invalid character '}' after object key ({"a"})`],
  [
    '[1,]',
    "couldn't get version/kind; json parse error: invalid character ']' looking for beginning of value (5b312c5d)",
  ],
  [
    '\xef\xbb\xbf{}',
    "couldn't get version/kind; json parse error: invalid character 'ï' looking for beginning of value (efbbbf7b7d)",
  ],
  [
    `{"apiVersion":"stable.example.com/v1" 1`,
    `couldn't get version/kind; json parse error: invalid character '1' after object key:value pair ({"apiVersion":"stable.example. ...)`,
  ],
  [
    '[]',
    `couldn't get version/kind; json parse error: json: cannot unmarshal array into Go value of type ${GO_TYPE} (5b5d)`,
  ],
  [
    '1',
    `couldn't get version/kind; json parse error: json: cannot unmarshal number into Go value of type ${GO_TYPE} (31)`,
  ],
  [
    '{"apiVersion":1}',
    `couldn't get version/kind; json parse error: json: cannot unmarshal number into Go struct field .apiVersion of type string ({"apiVersion":1})`,
  ],
  ['null', "Object 'Kind' is missing in 'null' (6e756c6c)"],
  ['{}', "Object 'Kind' is missing in '{}' ({})"],
  ['{"apiVersion":"a/b/c","kind":"X"}', 'unexpected GroupVersion string: a/b/c ({"apiVersion":"a/b/c","kind":" ...)'],
])('a body that is not recognized: %s', (text, message) => {
  expect(answer(text, crontab)).toBe(`the object provided is unrecognized (must be of type CronTab): ${message}`);
});

test('YAML that is not recognized', () => {
  expect(answer('a: [\n', crontab, 'yaml')).toBe(
    'the object provided is unrecognized (must be of type CronTab): yaml: line 1: did not find expected node content (613a205b0a)',
  );
  expect(answer('', crontab, 'yaml')).toBe(
    "the object provided is unrecognized (must be of type CronTab): Object 'Kind' is missing in '' (<empty>)",
  );
});

test('a number that nothing can hold', () => {
  expect(answer('{"apiVersion":"stable.example.com/v1","kind":"CronTab","spec":1e400}', crontab)).toBe(
    'CronTab in version "v1" cannot be handled as a CronTab: json: cannot unmarshal number 1e400 into Go value of type float64',
  );
});

test('a custom object of another version is refused, of another kind it is for validation', () => {
  expect(answer('{"kind":"CronTab"}', crontab)).toBe(
    'the API version in the data () does not match the expected API version (stable.example.com/v1)',
  );
  expect(answer('{"apiVersion":"v1","kind":"Pod"}', crontab)).toBe(
    'the API version in the data (v1) does not match the expected API version (stable.example.com/v1)',
  );
  const other = {apiVersion: 'stable.example.com/v1', kind: 'Foo'};
  expect(answer(JSON.stringify(other), crontab)).toEqual(other);
});

test('a built-in object need not say what it is, but may not be something else', () => {
  expect(answer('null', configMap)).toEqual({apiVersion: 'v1', kind: 'ConfigMap'});
  expect(answer('{"kind":"","data":{}}', configMap)).toEqual({apiVersion: 'v1', kind: 'ConfigMap', data: {}});
  expect(answer('', configMap, 'yaml')).toEqual({apiVersion: 'v1', kind: 'ConfigMap'});
  expect(answer('{"kind":"X"}', configMap)).toBe(
    'X in version "v1" cannot be handled as a ConfigMap: no kind "X" is registered for version "v1" in scheme "pkg/runtime/scheme.go:111"',
  );
  expect(answer('{"apiVersion":"a.b/v2","kind":"ConfigMap"}', configMap)).toBe(
    'ConfigMap in version "v2" cannot be handled as a ConfigMap: no kind "ConfigMap" is registered for version "a.b/v2" in scheme "pkg/runtime/scheme.go:111"',
  );
  expect(answer('{"apiVersion":"v1","kind":"Pod"}', configMap)).toBe(
    'Pod in version "v1" cannot be handled as a ConfigMap: converting (v1.Pod) to (core.ConfigMap): unknown conversion',
  );
  const event = {group: 'events.k8s.io', version: 'v1', kind: 'Event', custom: false};
  expect(answer('{"apiVersion":"v1","kind":"Event"}', event)).toBe(
    'the API version in the data (v1) does not match the expected API version (events.k8s.io/v1)',
  );
});
