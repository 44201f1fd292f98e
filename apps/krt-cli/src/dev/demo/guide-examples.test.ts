import {describe, expect, test} from '@jest/globals';
import {findExample, guideExamples, manifestsIn} from './guide-examples.ts';

describe('manifestsIn', () => {
  test('finds the manifests between other blocks', () => {
    const markdown = [
      'text',
      '```sh',
      'kind: no',
      '```',
      '```yaml',
      'kind: Run',
      'metadata: {name: hello}',
      '```',
      '```yaml',
      'timeoutSeconds: 5',
      '```',
    ].join('\n');
    expect(manifestsIn(markdown)).toEqual([{id: 'Run/hello', text: 'kind: Run\nmetadata: {name: hello}\n'}]);
  });

  test('a block may have several manifests', () => {
    const markdown = '```yaml\nkind: Run\nmetadata: {name: a}\n---\nkind: Runtime\nmetadata: {name: b}\n```\n';
    expect(manifestsIn(markdown)).toEqual([
      {id: 'Run/a', text: 'kind: Run\nmetadata: {name: a}\n'},
      {id: 'Runtime/b', text: 'kind: Runtime\nmetadata: {name: b}\n'},
    ]);
  });

  test('an example that is not there is named', () => {
    expect(() => findExample([], 'Run/hello')).toThrow('docs/usage-guide.md has no example Run/hello');
  });
});

test('the usage guide has what the demo shows', async () => {
  const ids = (await guideExamples()).map(({id}) => id);
  expect(ids).toEqual(expect.arrayContaining(['Runtime/bash', 'Run/hello', 'Run/env-example']));
});
