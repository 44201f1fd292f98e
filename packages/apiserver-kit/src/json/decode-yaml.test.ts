import {describe, expect, test} from '@jest/globals';
import fc from 'fast-check';
import {stringify} from 'yaml';
import {DecodeError} from './decode-error.ts';
import {decodeYaml} from './decode-yaml.ts';
import {MAX_DEPTH} from './json-value.ts';

fc.configureGlobal({seed: 11});

const decode = (text: string | Uint8Array) => decodeYaml(text).value;

function problem(text: string | Uint8Array): string {
  try {
    decodeYaml(text);
  } catch (error) {
    if (error instanceof DecodeError) return error.message;
    throw error;
  }
  return 'none';
}

describe('values', () => {
  // Each as kube-apiserver 1.36 reads it.
  test.each([
    ['yes', true],
    ['Y', true],
    ['On', true],
    ['TRUE', true],
    ['tRue', 'tRue'],
    ['off', false],
    ['n', false],
    ['"yes"', 'yes'],
    ["'1'", '1'],
    ['', null],
    ['~', null],
    ['NULL', null],
    ['nUll', 'nUll'],
    ['1', 1],
    ['-0', 0],
    ['+1', 1],
    ['1_000', 1000],
    ['_1', '_1'],
    ['017', 15],
    ['0o17', 15],
    ['-017', -15],
    ['08', 8],
    ['0o8', '0o8'],
    ['00', 0],
    ['0x1F', 31],
    ['-0x1f', -31],
    ['0x', '0x'],
    ['0xG', '0xG'],
    ['0b11', 3],
    ['-0b11', -3],
    ['0b2', '0b2'],
    ['9223372036854775807', 9223372036854775807n],
    ['9223372036854775808', 9223372036854775808],
    ['18446744073709551616', 18446744073709551616],
    ['0xFFFFFFFFFFFFFFFFFF', '0xFFFFFFFFFFFFFFFFFF'],
    ['0777777777777777777777777', 7.777777777777778e23],
    ['1.0', 1],
    ['1.', 1],
    ['.5', 0.5],
    ['-.5', -0.5],
    ['1e3', 1000],
    ['1E+3', 1000],
    ['1e', '1e'],
    ['1e400', '1e400'],
    ['1.5_0', 1.5],
    ['.', '.'],
    ['-', undefined],
    ['--1', '--1'],
    ['1:30', '1:30'],
    ['2001-01-01', '2001-01-01'],
    ['nan', 'nan'],
    ['0x1p4', '0x1p4'],
    ['!!str 1', '1'],
    ['!!int "12"', 12],
    ['!!float 1', 1],
    ['!!bool yes', true],
    ['!!null ""', null],
    ['!!binary aGVsbG8=', 'hello'],
    ['!foo 12', '12'],
    ['! 12', '12'],
    ['!<tag:yaml.org,2002:str> 1', '1'],
    ['!!timestamp 2001-01-01', '2001-01-01'],
  ])('%s', (text, value) => {
    if (value !== undefined) expect(decode(`{v: ${text} }`)).toEqual({v: value});
    expect(decode(`- ${text}`)).toEqual([value === undefined ? [null] : value]);
  });

  test('blocks, flows, comments, and only the first document', () => {
    const text = [
      '# comment',
      'a: |',
      '  x',
      '   y',
      'b: >-',
      '  x',
      '  y',
      '',
      '  z',
      'c: "a',
      '  b" # c',
      "d: ['it''s', {e: f, g}]",
      'h:',
      '- i',
      '- j: k',
      '  l: m',
      '-',
      '---',
      'not: [read',
    ].join('\n');
    expect(decode(text)).toEqual({
      a: 'x\n y\n',
      b: 'x y\nz',
      c: 'a b',
      d: ["it's", {e: 'f', g: null}],
      h: ['i', {j: 'k', l: 'm'}, null],
    });
    expect(decode('a: b\r\nc: d\r\n')).toEqual({a: 'b', c: 'd'});
    expect(decode('\ufeffa: b')).toEqual({a: 'b'});
    expect([decode(''), decode('# c\n'), decode('---\n---\na: 1')]).toEqual([null, null, null]);
    expect(decode('{"a": {"b": [1, true, "x"]}}')).toEqual({a: {b: [1, true, 'x']}});
  });

  test('keys are texts', () => {
    expect(
      decode('{yes: 1, 017: 2, 1.50: 3, 1e21: 4, 1e-7: 5, 2001-01-01: 6, "": 7, 1e3: 8, 18446744073709551616: 9}'),
    ).toEqual({
      true: 1,
      '15': 2,
      '1.5': 3,
      '1e+21': 4,
      '1e-07': 5,
      '2001-01-01': 6,
      '': 7,
      '1000': 8,
      '1.8446744e+19': 9,
    });
    expect(Object.keys(decode('{__proto__: {a: 1}}') as object)).toEqual(['__proto__']);
  });

  test('anchors and merge keys', () => {
    expect(decode('{a: &x 1, b: *x, c: &x 2, d: *x, *x : 1}')).toEqual({a: 1, b: 1, c: 2, d: 2, '2': 1});
    expect(
      decode('{a: &a {p: 1, m: 2}, b: {p: 3, <<: *a}, c: {<<: *a, p: 4}, d: {<<: [*a, {p: 5, o: 6}], q: 1}}'),
    ).toEqual({
      a: {p: 1, m: 2},
      b: {p: 1, m: 2},
      c: {p: 4, m: 2},
      d: {p: 1, m: 2, o: 6, q: 1},
    });
    expect(decode('{"<<": 1}')).toEqual({'<<': 1});
  });

  test('what is written comes back', () => {
    const value = fc.letrec((tie) => ({
      value: fc.oneof(
        {depthSize: 'small'},
        fc.constant(null),
        fc.boolean(),
        fc.integer(),
        fc.double({noDefaultInfinity: true, noNaN: true}).map((number) => number + 0),
        fc.string().map((text) => text.replace(/[^ -~]/g, '?')),
        fc.array(tie('value'), {maxLength: 4}),
        fc.dictionary(
          fc.stringMatching(/^[a-z]{1,4}$/).map((key) => `k-${key}`),
          tie('value'),
          {maxKeys: 4},
        ),
      ),
    })).value;
    fc.assert(
      fc.property(value, (tree) => {
        expect(decode(stringify(tree, {version: '1.1', aliasDuplicateObjects: false}))).toEqual(tree);
      }),
      {numRuns: 300},
    );
  });
});

test('duplicates are told by their line', () => {
  const decoded = decodeYaml(
    'spec:\n  a: 1\n  a: 2\n  any: {b: 1, b: 2, b: 3}\n  on: 1\n  true: 2\n  1: x\n  "1": y\nspec: {}\n',
  );
  expect(decoded.duplicates).toEqual([
    'line 3: key "a" already set in map',
    'line 4: key "b" already set in map',
    'line 4: key "b" already set in map',
    'line 6: key true already set in map',
    'line 9: key "spec" already set in map',
  ]);
  expect(decoded.duplicatesText).toBe(
    `yaml: unmarshal errors:\n${decoded.duplicates.map((text) => `  ${text}`).join('\n')}`,
  );
  expect(decodeYaml('a: 1').duplicatesText).toBe('');
});

describe('errors', () => {
  // Each as kube-apiserver 1.36 answers it.
  test.each([
    ['a: [\n', 'yaml: line 1: did not find expected node content'],
    ['a: b: c\n', 'yaml: mapping values are not allowed in this context'],
    ['\tx: 1\n', 'yaml: found character that cannot start any token'],
    ['a: @b', 'yaml: found character that cannot start any token'],
    ['a: "\\q"', 'yaml: found unknown escape character'],
    ["a: 'x", 'yaml: found unexpected end of stream'],
    ['a: "x\n', 'yaml: line 2: found unexpected end of stream'],
    ['a:\n    b: 1\n  c: 2\n', 'yaml: line 2: did not find expected key'],
    ['a:\n\tb: 1\n', 'yaml: line 2: found character that cannot start any token'],
    ['a:\n  b\n  c: d\n', 'yaml: line 3: mapping values are not allowed in this context'],
    ['a: 1\n b: 2\n', 'yaml: line 2: mapping values are not allowed in this context'],
    ['x: 1\na: - b', 'yaml: line 2: block sequence entries are not allowed in this context'],
    ['a: 1\nb\n', "yaml: line 3: could not find expected ':'"],
    ['a: |x\n  b\n', 'yaml: did not find expected comment or line break'],
    ['a: "b" c\n', 'yaml: did not find expected key'],
    ['a: {b: 1 c: 2}\n', "yaml: did not find expected ',' or '}'"],
    ['a: [1 , , 2]\n', 'yaml: did not find expected node content'],
    ['x: 1\na: [1,2\nfoo: bar', "yaml: line 2: did not find expected ',' or ']'"],
    ['* \n', 'yaml: did not find expected alphabetic or numeric character'],
    ['a: !<\n', 'yaml: did not find expected tag URI'],
    ['%FOO\n---\na: 1\n', 'yaml: found unknown directive name'],
    ['a: "\\ud83d"', 'yaml: found invalid Unicode character escape code'],
    ['a: \x01', 'yaml: control characters are not allowed'],
    ['a: *x', "yaml: unknown anchor 'x' referenced"],
    ['a: &a [*a]', "yaml: anchor 'a' value contains itself"],
    ['{<<: 1}', 'yaml: map merge requires map or sequence of maps as the value'],
    ['{<<: [[{a: 1}]]}', 'yaml: map merge requires map or sequence of maps as the value'],
    ['a: !!int x', 'yaml: cannot decode !!str `x` as a !!int'],
    ['a: !!int "1.5"', 'yaml: cannot decode !!float `1.5` as a !!int'],
    ['a: !!binary "%"', 'yaml: !!binary value contains invalid base64 data'],
    ['a: .inf', 'json: unsupported value: +Inf'],
    ['a: .nan', 'json: unsupported value: NaN'],
  ])('%j', (text, message) => {
    expect(problem(text)).toBe(message);
  });

  test('bytes that are no UTF-8', () => {
    expect(problem(Buffer.from([0x61, 0x3a, 0x20, 0xff]))).toBe('yaml: invalid leading UTF-8 octet');
  });

  test('aliases that would make it huge, and nesting that is too deep', () => {
    const levels = Array.from({length: 9}, (_, level) => {
      const item = level === 0 ? 'x' : `*l${level - 1}`;
      return `l${level}: &l${level} [${Array.from({length: 10}, () => item).join()}]`;
    });
    expect(problem(levels.join('\n'))).toBe('yaml: document contains excessive aliasing');
    for (const open of ['[', '{a: ', '- ', '? ']) {
      expect(problem(open.repeat(30_000))).toBe(`yaml: exceeded max depth of ${MAX_DEPTH}`);
    }
    expect(problem(`a: ${'['.repeat(MAX_DEPTH + 1)}${']'.repeat(MAX_DEPTH + 1)}`)).toBe(
      `yaml: exceeded max depth of ${MAX_DEPTH}`,
    );
    expect(problem('\n'.repeat(3_000_000))).toBe('yaml: more than 300000 tokens');
  });

  test('whatever comes, there is a value or a DecodeError', () => {
    const words = fc.constantFrom(
      ...[
        'a',
        ': ',
        '- ',
        '\n',
        '  ',
        '[',
        ']',
        '{',
        '}',
        ',',
        '"',
        "'",
        '|',
        '>',
        '&x ',
        '*x',
        '!!int ',
        '<<: ',
        '? ',
        '#',
      ],
      ...['---\n', '%YAML 1.1\n', '\t', '\\', '1', 'yes', '@'],
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.array(words, {maxLength: 20}).map((parts) => parts.join('')),
          fc.string(),
        ),
        (text) => {
          expect(typeof problem(text)).toBe('string');
        },
      ),
      {numRuns: 2_000},
    );
    fc.assert(
      fc.property(fc.uint8Array({maxLength: 64}), (bytes) => {
        expect(typeof problem(bytes)).toBe('string');
      }),
    );
  });
});
