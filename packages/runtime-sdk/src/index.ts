/**
 * Write a Runtime for kruntimes: say which program executes a Run; the server, the supervision of processes and the
 * handling of output come from here.
 *
 * @example A Runtime that runs JavaScript files with Node.js. Start it with
 * `node main.js --listen unix:///tmp/runtime.sock --workspace-root /tmp/workspace`.
 * ```ts
 * import {defineRuntime, runRuntime} from '@kruntimes/runtime-sdk';
 *
 * const runtime = defineRuntime({
 *   name: 'node-runtime',
 *   description: 'Runs JavaScript files',
 *   command({entrypoint, args}) {
 *     if (entrypoint === '') throw new Error('a Run of this Runtime names an entrypoint');
 *     return {command: process.execPath, args: [`./${entrypoint}`, ...args]};
 *   },
 * });
 *
 * await runRuntime(runtime);
 * ```
 *
 * @module
 */

export type {Clock, Timer} from './clock.ts';
export {systemClock} from './clock.ts';
export {RuntimeSdkError, type RuntimeSdkErrorCode} from './errors.ts';
export {createLogger, type LogFormat, type Logger, type LogLevel, silentLogger} from './logger.ts';
export type {LaunchSpec} from './process-start.ts';
export {runRuntime} from './program.ts';
export {
  defineRuntime,
  type Execution,
  type ProcessSpec,
  type RuntimeDefinition,
  type RuntimeOptions,
} from './runtime-definition.ts';
export {type RunningServer, type ServeOptions, serveRuntime} from './runtime-server.ts';
export type {ProcessExit, SupervisedProcess, Supervisor} from './supervisor.ts';
