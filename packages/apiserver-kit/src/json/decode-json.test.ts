import {describe, expect, test} from '@jest/globals';
import fc from 'fast-check';
import {DecodeError} from './decode-error.ts';
import {decodeJson} from './decode-json.ts';
import {encodeJson} from './encode-json.ts';
import {MAX_DEPTH} from './json-value.ts';

fc.configureGlobal({seed: 5});

const decode = (text: string | Uint8Array) => decodeJson(text).value;

function problem(text: string | Uint8Array): string {
  try {
    decodeJson(text);
  } catch (error) {
    if (error instanceof DecodeError) return error.message;
    throw error;
  }
  return 'none';
}

describe('values', () => {
  test('anything that JSON can say is what JSON.parse makes of it', () => {
    fc.assert(
      // Larger integers are more exact here.
      fc.property(
        fc.json({maxDepth: 6}).filter((text) => !/[0-9]{16}/.test(text)),
        (text) => {
          expect(decode(text)).toEqual(JSON.parse(text));
        },
      ),
      {numRuns: 500},
    );
  });

  test('spaces, escapes and other characters are read', () => {
    expect(decode(' \t\r\n{ "a\\u0062" : [ "\\"\\\\\\/\\b\\f\\n\\r\\t" , "\\u00e9é\\ud83d\\ude00😀" ] } ')).toEqual({
      ab: ['"\\/\b\f\n\r\t', 'éé😀😀'],
    });
  });

  test('integers of 64 bits are exact, others are doubles', () => {
    expect(decode('[9007199254740991,9007199254740993,-9223372036854775808,9223372036854775807]')).toEqual([
      9007199254740991,
      9007199254740993n,
      -9223372036854775808n,
      9223372036854775807n,
    ]);
    expect(decode('[9223372036854775808,12345678901234567890,1e3,1.0,1.5E-2]')).toEqual([
      9223372036854775808, 12345678901234567000, 1000, 1, 0.015,
    ]);
  });

  test('members that would change the prototype are members', () => {
    const value = decode('{"__proto__":{"polluted":true},"constructor":1}') as object;
    expect(Object.keys(value)).toEqual(['__proto__', 'constructor']);
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
    expect(({} as {polluted?: boolean}).polluted).toBeUndefined();
  });

  test('what is no UTF-8, and half a surrogate pair, is U+FFFD', () => {
    expect(decode(Buffer.from('"\xffa\xe2\x82b\xed\xa0\x80"', 'latin1'))).toBe(
      '\ufffda\ufffd\ufffdb\ufffd\ufffd\ufffd',
    );
    expect(decode(Buffer.from('"€\u{10ffff}\xff"'.replace('\xff', 'x')))).toBe('€\u{10ffff}x');
    expect(decode('["\\ud800","\\udc00x","\\ud800\\u0041","\\ud800\\ud83d\\ude00"]')).toEqual([
      '\ufffd',
      '\ufffdx',
      '\ufffdA',
      '\ufffd😀',
    ]);
  });
});

describe('duplicates', () => {
  test('are told by their path, the last value counts', () => {
    const text =
      '{"metadata":{"name":"a","name":"b","labels":{"x.y/z":"1","x.y/z":"2"}},"spec":{"items":[{},{"n":1,"n":2}],"any":{"a":{"b":1,"b":2},"a":1}},"spec":{"c":3}}';
    expect(decodeJson(text)).toMatchObject({
      value: {metadata: {name: 'b', labels: {'x.y/z': '2'}}, spec: {c: 3}},
      duplicates: [
        'duplicate field "metadata.name"',
        'duplicate field "metadata.labels.x.y/z"',
        'duplicate field "spec.items[1].n"',
        'duplicate field "spec.any.a.b"',
        'duplicate field "spec.any.a"',
        'duplicate field "spec"',
      ],
    });
  });

  test('are told once, and not more than a hundred', () => {
    expect(decodeJson('{"a":1,"a":2,"a":3}').duplicates).toEqual(['duplicate field "a"']);
    const members = Array.from({length: 150}, (_, index) => `"k${index}":1,"k${index}":2`);
    expect(decodeJson(`{${members.join()}}`).duplicates).toHaveLength(100);
  });

  test('members of Object.prototype are none', () => {
    expect(decodeJson('{"toString":1,"__proto__":2}').duplicates).toEqual([]);
    expect(decodeJson('{"__proto__":1,"__proto__":2}').duplicates).toEqual(['duplicate field "__proto__"']);
  });
});

describe('errors', () => {
  // Each as kube-apiserver 1.36 answers it.
  test.each([
    ['', 'unexpected end of JSON input'],
    ['{', 'unexpected end of JSON input'],
    ['{"a":"abc', 'unexpected end of JSON input'],
    ['{"a"}', "invalid character '}' after object key"],
    ['{"a":}', "invalid character '}' looking for beginning of value"],
    ['{"a":1,}', "invalid character '}' looking for beginning of object key string"],
    ['[1,]', "invalid character ']' looking for beginning of value"],
    ['{"a":tru}', "invalid character '}' in literal true (expecting 'e')"],
    ['{"a":"\x01"}', "invalid character '\\x01' in string literal"],
    ['{"a":"\\q"}', "invalid character 'q' in string escape code"],
    ['{"a":"\\u12g4"}', "invalid character 'g' in \\u hexadecimal character escape"],
    ['{"a":01}', "invalid character '1' after object key:value pair"],
    ['{"a":1.}', "invalid character '}' after decimal point in numeric literal"],
    ['{"a":1e}', "invalid character '}' in exponent of numeric literal"],
    ['{"a":-}', "invalid character '}' in numeric literal"],
    ['{"a":1} x', "invalid character 'x' after top-level value"],
    ['\ufeff{}', "invalid character 'ï' looking for beginning of value"],
    ["{'a':1}", "invalid character '\\'' looking for beginning of object key string"],
    ['[1 2]', "invalid character '2' after array element"],
    ['1e400', 'json: cannot unmarshal number 1e400 into Go value of type float64'],
  ])('%j', (text, message) => {
    expect(problem(Buffer.from(text))).toBe(message);
  });

  test('bytes that are no UTF-8 are told as they are', () => {
    expect(problem(Buffer.from([0xff]))).toBe("invalid character 'ÿ' looking for beginning of value");
    expect(problem(Buffer.from([0x22, 0xff, 0x22, 0x80]))).toBe("invalid character '\\u0080' after top-level value");
  });

  test('nesting that is too deep', () => {
    expect(problem('['.repeat(MAX_DEPTH) + ']'.repeat(MAX_DEPTH))).toBe('none');
    expect(problem('['.repeat(MAX_DEPTH + 1))).toBe("invalid character '[' exceeded max depth");
    expect(problem('{"a":'.repeat(3_000_000))).toBe("invalid character '{' exceeded max depth");
  });

  test('whatever comes, there is a value or a DecodeError, as JSON.parse has it', () => {
    const broken = fc
      .tuple(fc.json(), fc.nat(), fc.string({unit: 'binary', maxLength: 3}), fc.nat(3))
      .map(([text, at, garbage, cut]) => {
        const place = at % (text.length + 1);
        return text.slice(0, place) + garbage + text.slice(place + cut);
      });
    fc.assert(
      fc.property(broken, (text) => {
        let valid = true;
        try {
          JSON.parse(text);
        } catch {
          valid = false;
        }
        const message = problem(text);
        expect(message === 'none' || message.startsWith('json: cannot unmarshal number')).toBe(valid);
      }),
      {numRuns: 2_000},
    );
  });

  test('whatever bytes come, there is a value or a DecodeError', () => {
    fc.assert(
      fc.property(fc.uint8Array({maxLength: 64}), (bytes) => {
        expect(typeof problem(bytes)).toBe('string');
      }),
    );
  });
});

describe('encodeJson', () => {
  test('is the inverse of decodeJson', () => {
    const integer = fc.oneof(fc.maxSafeInteger(), fc.bigInt({min: 2n ** 53n, max: 2n ** 63n - 1n}));
    const value = fc.letrec((tie) => ({
      value: fc.oneof(
        {depthSize: 'small'},
        fc.constant(null),
        fc.boolean(),
        integer,
        fc.string({unit: 'grapheme'}),
        fc.array(tie('value')),
        fc.dictionary(fc.oneof(fc.string(), fc.constant('__proto__')), tie('value')),
      ),
    })).value;
    fc.assert(
      fc.property(value, (tree) => {
        const text = encodeJson(tree as never);
        expect(encodeJson(decode(text))).toBe(text);
      }),
    );
  });

  test('leaves undefined members out, beside a bigint too', () => {
    expect(encodeJson({a: undefined, b: [1n, {c: undefined, d: 2n ** 62n}], '"': '\n'})).toBe(
      '{"b":[1,{"d":4611686018427387904}],"\\"":"\\n"}',
    );
  });
});
