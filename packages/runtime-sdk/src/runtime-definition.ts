import {RuntimeSdkError} from './errors.ts';

/** What is to be executed, as the daemon asked. Frozen. */
export interface Execution {
  /** Names this attempt of a Run: letters, digits, `.`, `_`, `-`; at most 253. */
  readonly id: string;
  /** Arguments of the entrypoint; without an entrypoint, the command line itself. */
  readonly args: readonly string[];
  /** What the Run sets beside the environment of the container. */
  readonly env: Readonly<Record<string, string>>;
  /** Absolute path of the directory that holds the source of the Run. */
  readonly workingDir: string;
  /** Path relative to `workingDir`, without `..`; empty when the Run names none. */
  readonly entrypoint: string;
  /** Function inside the entrypoint; empty when none is named. */
  readonly handler: string;
  /** Seconds until the server ends the execution; 0 for none. */
  readonly timeoutSeconds: number;
}

/** The program to start for an execution. */
export interface ProcessSpec {
  /** Absolute path, path relative to `cwd` (with a slash), or a name that is looked up in `PATH`. No shell is involved. */
  readonly command: string;
  readonly args: readonly string[];
  /** Set over the environment of the container and of the Run. */
  readonly env?: Readonly<Record<string, string>>;
  /** Absolute path. Default `execution.workingDir`. */
  readonly cwd?: string;
}

export interface RuntimeOptions {
  /** What logs and `--help` call it, such as `python-runtime`. */
  name: string;
  version?: string;
  description?: string;
  /**
   * Decides which program runs an execution. What it throws becomes the error message of the execution, which ends
   * without having been started.
   */
  command: (execution: Execution) => ProcessSpec | Promise<ProcessSpec>;
}

/** A Runtime that can be served. Made by {@link defineRuntime}. */
export interface RuntimeDefinition extends Readonly<RuntimeOptions> {
  readonly version: string;
  readonly description: string;
}

/**
 * Describes a Runtime: which program executes what a Run asks for.
 *
 * @throws {RuntimeSdkError} `RUNTIME_INVALID` when name or command is missing.
 */
export function defineRuntime(options: RuntimeOptions): RuntimeDefinition {
  if (typeof options.name !== 'string' || options.name === '') {
    throw new RuntimeSdkError('RUNTIME_INVALID', 'a Runtime needs a name, such as "python-runtime"');
  }
  if (typeof options.command !== 'function') {
    throw new RuntimeSdkError('RUNTIME_INVALID', `Runtime ${options.name} needs a function command(execution)`);
  }
  return Object.freeze({
    name: options.name,
    version: options.version ?? '0.0.0',
    description: options.description ?? '',
    command: options.command,
  });
}
