import {accessSync, constants} from 'node:fs';
import {delimiter, join} from 'node:path';
import {defineRuntime, type RuntimeDefinition} from '@kruntimes/runtime-sdk';
import {commandOf} from './command.ts';

/** Where bash is looked for when PATH does not have it. */
const usualPlaces = ['/bin', '/usr/bin', '/usr/local/bin'];

/** The Runtime that executes scripts and command lines. */
export function bashRuntime(env: NodeJS.ProcessEnv): RuntimeDefinition {
  // Found once, so that no execution searches for it, and no Run changes which one it is.
  const bash = [...(env['PATH'] ?? '').split(delimiter), ...usualPlaces]
    .map((directory) => join(directory || '.', 'bash'))
    .find(isExecutable);
  return defineRuntime({
    name: 'bash-runtime',
    version: '0.0.0',
    description: 'Runtime server that executes scripts',
    command: (execution) => commandOf(execution, bash ?? 'bash'),
  });
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
