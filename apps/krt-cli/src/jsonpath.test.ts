import {describe, expect, test} from '@jest/globals';
import {formatJsonPath, parseJsonPath} from './jsonpath.ts';

const run = {
  metadata: {name: 'hello', labels: {'kruntimes.io/runtime': 'bash'}},
  status: {
    phase: 'Failed',
    exitCode: 3,
    conditions: [
      {type: 'Scheduled', status: 'True'},
      {type: 'Finished', status: 'False', weight: 2},
    ],
  },
};
const list = {items: [{metadata: {name: 'a'}}, {metadata: {name: 'b'}}]};

describe('jsonpath', () => {
  test.each([
    ['{.status.phase}', run, 'Failed'],
    ['{status.phase}', run, 'Failed'],
    ['{$.status.exitCode}', run, '3'],
    ['phase={.status.phase}!', run, 'phase=Failed!'],
    ['{.metadata.labels.kruntimes\\.io/runtime}', run, 'bash'],
    ["{.metadata.labels['kruntimes.io/runtime']}", run, 'bash'],
    ['{.status.conditions[0].type}', run, 'Scheduled'],
    ['{.status.conditions[-1].type}', run, 'Finished'],
    ['{.status.conditions[0:1]}', run, '{"type":"Scheduled","status":"True"}'],
    ['{.status.conditions[*].type}', run, 'Scheduled Finished'],
    ['{.status.conditions[?(@.type=="Finished")].status}', run, 'False'],
    ['{.status.conditions[?(@.weight>1)].type}', run, 'Finished'],
    ['{.status.conditions[?(@.weight)].type}', run, 'Finished'],
    ['{.status.conditions[?(@.type!="Finished")].type}', run, 'Scheduled'],
    ['{..type}', run, 'Scheduled Finished'],
    ['{.nothing.at.all}', run, ''],
    ['{.metadata.labels}', run, '{"kruntimes.io/runtime":"bash"}'],
    ['{"a\\tb\\n"}', run, 'a\tb\n'],
    ['{range .items[*]}{.metadata.name}{"\\n"}{end}', list, 'a\nb\n'],
    ['{.items[*].metadata.name}', list, 'a b'],
    ['no braces', run, 'no braces'],
  ])('%s', (template, object, expected) => {
    expect(formatJsonPath(parseJsonPath(template), object)).toBe(expected);
  });

  test('is not led into prototypes', () => {
    expect(formatJsonPath(parseJsonPath('{.constructor.name}{.__proto__}'), {})).toBe('');
  });

  test.each([
    ['{.a', 'is never closed'],
    ['{.a[0}', 'is never closed'],
    ['{range .items[*]}x', '{range} without {end}'],
    ['{end}', '{end} without {range}'],
    ['{.a[b]}', 'is not understood'],
    ['{.a[?(b==1)]}', 'is neither a path'],
  ])('%s is refused', (template, problem) => {
    expect(() => parseJsonPath(template)).toThrow(problem);
  });
});
