/**
 * Black-box tests of a Runtime server: whether it keeps the contract of `executor.v1.Runtime` (level `required`) and
 * of `kruntimes.runtime.v1.RuntimeEvents` (level `optional`). The command `krt-conformance` does the same.
 *
 * @example Test the server whose address is given.
 * ```ts
 * import {runConformance} from '@kruntimes/runtime-protocol/conformance';
 *
 * const report = await runConformance(process.argv[2] ?? 'unix:///run/kruntimes/runtime.sock', {
 *   workspaceRoot: process.argv[3] ?? '/workspace',
 *   caseTimeoutMs: 10_000,
 *   onResult: ({id, passed, message}) => console.log(passed ? 'ok' : 'failed', id, message),
 * });
 * console.log(report.passed ? 'the server conforms' : 'the server does not conform');
 * ```
 *
 * @module
 */

export type {CommandStyle} from './case-workbench.ts';
export type {
  CaseContext,
  ConformanceCase,
  ConformanceLevel,
  ProgramRequest,
  StartedProgram,
} from './conformance-case.ts';
export {
  type ConformanceOptions,
  type ConformanceReport,
  type ConformanceResult,
  conformanceCases,
  runConformance,
} from './conformance-run.ts';
