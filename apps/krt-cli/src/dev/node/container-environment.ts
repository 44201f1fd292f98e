import type {Container, EnvVarSource} from 'kubernetes-types/core/v1.d.ts';
import {mapPaths, type PathMapping} from './path-mapping.ts';
import {bindToPod} from './pod-port.ts';
import {expandVariables} from './variable-expansion.ts';

export interface EnvironmentSources {
  /** Of the image, and what every container gets. */
  base: Readonly<Record<string, string>>;
  /** The value that a `valueFrom` refers to; undefined: optional and not there. Throws when it cannot be had. */
  valueOf(source: EnvVarSource): string | undefined;
  /** All entries of an `envFrom` source, with its prefix. */
  envFrom: Readonly<Record<string, string>>;
  mappings: readonly PathMapping[];
  podIP: string;
}

export interface CommandLine {
  program: string;
  args: string[];
  env: Record<string, string>;
}

/** Evaluates command, args and env of a container the way a kubelet does, then turns its paths into local ones. */
export function commandLine(
  container: Container,
  entrypoint: readonly string[],
  sources: EnvironmentSources,
): CommandLine {
  const variables = new Map(Object.entries({...sources.base, ...sources.envFrom}));
  for (const {name, value, valueFrom} of container.env ?? []) {
    // A variable may refer to those before it.
    const text = valueFrom === undefined ? expandVariables(value ?? '', variables) : sources.valueOf(valueFrom);
    if (text !== undefined) variables.set(name, text);
  }
  const expanded = (texts: readonly string[]): string[] =>
    texts.map((text) => bindToPod(mapPaths(expandVariables(text, variables), sources.mappings), sources.podIP));
  // `command` replaces the image's entrypoint, which is a path of this machine already.
  const command = container.command?.length ? expanded(container.command) : entrypoint;
  const [program = '', ...fixed] = command;
  const args = expanded(container.args ?? []);
  const own = new Set([...(container.env ?? []).map(({name}) => name), ...Object.keys(sources.envFrom)]);
  const env = [...variables].map(([name, value]) => [name, own.has(name) ? mapPaths(value, sources.mappings) : value]);
  return {program, args: [...fixed, ...args], env: Object.fromEntries(env)};
}
