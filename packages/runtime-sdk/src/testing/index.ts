/**
 * Test a Runtime the way runtimed uses it: over the wire, with real processes.
 *
 * @example
 * ```ts
 * import assert from 'node:assert';
 * import {test} from 'node:test';
 * import {defineRuntime} from '@kruntimes/runtime-sdk';
 * import {startRuntime} from '@kruntimes/runtime-sdk/testing';
 *
 * const runtime = defineRuntime({
 *   name: 'node-runtime',
 *   command: ({entrypoint, args}) => ({command: process.execPath, args: [`./${entrypoint}`, ...args]}),
 * });
 *
 * test('arguments reach the program', async () => {
 *   await using server = await startRuntime(runtime);
 *   const result = await server.run({
 *     files: {'main.js': 'console.log(process.argv[2])'},
 *     entrypoint: 'main.js',
 *     args: ['hello'],
 *   });
 *   assert.equal(result.stdout, 'hello\n');
 *   assert.equal(result.exitCode, 0);
 * });
 * ```
 *
 * @module
 */

export {
  startRuntime,
  type TestExecution,
  type TestRequest,
  type TestResult,
  TestRuntime,
  type TestRuntimeOptions,
} from './test-runtime.ts';
