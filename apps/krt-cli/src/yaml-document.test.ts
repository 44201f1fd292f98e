import {describe, expect, test} from '@jest/globals';
import * as fc from 'fast-check';
import {formatYaml, parseYamlDocuments} from './yaml-document.ts';

describe('parseYamlDocuments', () => {
  test('reads all documents and leaves empty ones out', () => {
    expect(parseYamlDocuments('a: 1\n---\n# nothing\n---\nb: 2\n', 'f')).toEqual([{a: 1}, {b: 2}]);
    expect(parseYamlDocuments('', 'f')).toEqual([]);
  });

  test('reads JSON', () => {
    expect(parseYamlDocuments('{"a":\t[1]}', 'f')).toEqual([{a: [1]}]);
  });

  test("means what kubectl's reader means", () => {
    const text = 'a: yes\nb: off\nc: 0755\nd: 12:30\ne: 2026-01-02\nf: "yes"\ng: 1e3\n';
    const expected = {a: true, b: false, c: 493, d: '12:30', e: '2026-01-02', f: 'yes', g: 1000};
    expect(parseYamlDocuments(text, 'f')).toEqual([expected]);
  });

  test('block scripts keep their lines', () => {
    expect(parseYamlDocuments('s: |\n  echo "$A"\n  exit 3\n', 'f')).toEqual([{s: 'echo "$A"\nexit 3\n'}]);
  });

  test.each(['a: [1', 'a: 1\na: 2', 'a: b: c', '\tx'])('%j is refused with its place', (text) => {
    expect(() => parseYamlDocuments(text, 'run.yaml')).toThrow(/^run\.yaml is not valid YAML: .*line \d/);
  });
});

describe('formatYaml', () => {
  test('quotes what others would not read as text', () => {
    expect(formatYaml({a: ['yes', 'on', '0755', '1', 'null', 'x']})).toBe(
      'a:\n- "yes"\n- "on"\n- "0755"\n- "1"\n- "null"\n- x\n',
    );
  });

  test('what it writes is read back', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string({minLength: 1}), fc.jsonValue()), (value) => {
        const plain = JSON.parse(JSON.stringify(value)) as unknown;
        expect(parseYamlDocuments(`---\n${formatYaml(plain)}`, 'f')).toEqual([plain]);
      }),
    );
  });
});
