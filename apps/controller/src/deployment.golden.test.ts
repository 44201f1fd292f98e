import {readFile} from 'node:fs/promises';
import {expect, test} from '@jest/globals';
import {parse} from 'yaml';
import {deploymentOf} from './deployment.ts';

test('the Runtime of the usage guide becomes exactly this Deployment', async () => {
  const golden = parse(await readFile(new URL('./deployment.golden.yaml', import.meta.url), 'utf8'));
  // By way of JSON, as it goes to the API server.
  const deployment = JSON.parse(JSON.stringify(deploymentOf(golden.runtime, {runtimedImage: 'kruntimes-runtimed:v1'})));
  expect(deployment).toEqual(golden.deployment);
});
