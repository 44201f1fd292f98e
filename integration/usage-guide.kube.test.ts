import {afterAll, beforeAll, expect, test} from '@jest/globals';
import {blocksOf} from './support/guide.ts';
import {kubectlDescribe} from './support/kubectl.ts';
import {System} from './support/system.ts';
import {usageGuideTests} from './support/usage-guide.ts';

let system: System;
let namespace: string;

beforeAll(async () => {
  system = await System.start();
  namespace = await system.createNamespace();
}, 120_000);
afterAll(() => system?.stop());

test('the usage guide gives the same examples in both languages', async () => {
  const blocks = await blocksOf('docs/usage-guide.md');
  expect(await blocksOf('docs/usage-guide.zh.md')).toEqual(blocks);
  expect(blocks).toHaveLength(10);
});

kubectlDescribe('the usage guide', () => {
  usageGuideTests(() => ({
    namespace,
    client: system.cluster.client,
    kubectl: (args, input) => system.kubectl(namespace, args, input),
    krt: (args) => system.krt(namespace, args),
    shell: (snippet) => system.shell(namespace, snippet),
  }));
});
