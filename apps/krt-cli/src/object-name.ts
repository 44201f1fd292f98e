import {GROUP} from '@kruntimes/api-types';
import {usageError} from './krt-error.ts';

/**
 * The name in `hello`, `run/hello`, `runs/hello` or `run.kruntimes.io/hello`: what `-o name` prints is taken as an argument.
 * @throws KrtError `USAGE` for another kind
 */
export function objectName(argument: string, kind: 'run' | 'runtime'): string {
  const [type, name, ...more] = argument.split('/');
  if (name === undefined) return argument;
  const known = [kind, `${kind}s`, `${kind}.${GROUP}`, `${kind}s.${GROUP}`];
  if (more.length === 0 && name !== '' && known.includes(type?.toLowerCase() ?? '')) return name;
  throw usageError(
    `"${argument}" is not the name of a ${kind === 'run' ? 'Run' : 'Runtime'}`,
    `write NAME or ${kind}/NAME`,
  );
}

/** The names without the word `run` or `runs` that kubectl wants before them; alone it is a name itself. */
export function withoutKind(args: readonly string[]): readonly string[] {
  return args.length > 1 && /^runs?$/.test(args[0] ?? '') ? args.slice(1) : args;
}

/**
 * What `krt get` is asked for, by kubectl's habits: `get runs`, `get runtime bash`, `get runtime/bash`; without a kind, Runs. A word that
 * is a kind is no name: a Run that is called `runs` is `run/runs`.
 *
 * @throws KrtError `USAGE` for a name of another kind
 */
export function kindAndNames(args: readonly string[]): {kind: 'run' | 'runtime'; names: string[]} {
  const word = /^(run|runtime)s?(?:\.kruntimes\.io)?$/i.exec(args[0] ?? '')?.[1]?.toLowerCase();
  const prefixed = /^runtimes?(?:\.kruntimes\.io)?\//i.test(args[0] ?? '');
  const kind = word === 'runtime' || prefixed ? 'runtime' : 'run';
  const names = word === undefined ? args : args.slice(1);
  return {kind, names: names.map((name) => objectName(name, kind))};
}
