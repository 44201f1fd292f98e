import {randomUUID} from 'node:crypto';
import {mkdir, readFile, rm, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import {setTimeout as wait} from 'node:timers/promises';
import {isNativeError} from 'node:util/types';
import {type Channel, createClient} from 'nice-grpc';
import {
  ExecutionState,
  type RuntimeClient,
  RuntimeDefinition,
  type RuntimeEventsClient,
  RuntimeEventsDefinition,
  StatusRequest,
  type StatusResponse,
} from '../index.ts';
import type {CaseContext, ProgramRequest, StartedProgram} from './conformance-case.ts';

/**
 * How a server is given a shell program. `script`: as the file `script` of the working directory, which is the
 * entrypoint. `args`: as the command line `sh -c PROGRAM`, without an entrypoint.
 */
export type CommandStyle = 'script' | 'args';

const pollMs = 20;
const settleMs = 400;
/** A server may take 10 s between SIGTERM and SIGKILL. */
const cleanUpMs = 15_000;

/** Status without decoding of the answer. */
const rawStatusDefinition = {
  status: {
    path: '/executor.v1.Runtime/Status',
    requestStream: false,
    responseStream: false,
    requestSerialize: (request: StatusRequest) => StatusRequest.encode(request).finish(),
    requestDeserialize: (bytes: Uint8Array) => StatusRequest.decode(bytes),
    responseSerialize: (bytes: Uint8Array) => bytes,
    responseDeserialize: (bytes: Uint8Array) => Uint8Array.from(bytes),
    options: {},
  },
} as const;

export function isEnded(state: ExecutionState): boolean {
  return state === ExecutionState.SUCCEEDED || state === ExecutionState.FAILED;
}

/** The context of one case, and the end of everything the case began. */
export class CaseWorkbench implements CaseContext {
  readonly signal: AbortSignal;
  readonly client: RuntimeClient;
  readonly events: RuntimeEventsClient;
  readonly #channel: Channel;
  readonly #workspaceRoot: string;
  readonly #commandStyle: CommandStyle;
  readonly #ids: string[] = [];
  readonly #directories: string[] = [];

  constructor(options: {channel: Channel; workspaceRoot: string; commandStyle: CommandStyle; signal: AbortSignal}) {
    this.signal = options.signal;
    this.#channel = options.channel;
    this.#workspaceRoot = options.workspaceRoot;
    this.#commandStyle = options.commandStyle;
    const defaults = {'*': {signal: options.signal}};
    this.client = createClient(RuntimeDefinition, options.channel, defaults);
    this.events = createClient(RuntimeEventsDefinition, options.channel, defaults);
  }

  unusedId(): string {
    return `conformance-${randomUUID()}`;
  }

  async start({program, args = [], env = {}, timeoutSeconds = 0}: ProgramRequest): Promise<StartedProgram> {
    const id = this.unusedId();
    const directory = join(this.#workspaceRoot, id);
    this.#directories.push(directory);
    await mkdir(directory, {recursive: true});
    const asScript = this.#commandStyle === 'script';
    if (asScript) await writeFile(join(directory, 'script'), `#!/bin/sh\n${program}\n`, {mode: 0o755});
    const request = {
      id,
      workingDir: directory,
      entrypoint: asScript ? 'script' : '',
      args: asScript ? [...args] : ['sh', '-c', program, 'sh', ...args],
      env: {...env},
      timeoutSeconds: BigInt(timeoutSeconds),
    };
    this.#ids.push(id);
    await this.client.execute(request);
    return {
      id,
      directory,
      repeat: async () => {
        await this.client.execute(request);
      },
    };
  }

  async ended(id: string): Promise<StatusResponse> {
    return endOf(this.client, id, this.signal);
  }

  statusBytes(id: string): Promise<Uint8Array> {
    return createClient(rawStatusDefinition, this.#channel).status({id}, {signal: this.signal});
  }

  async written(program: StartedProgram, file: string): Promise<string> {
    for (;;) {
      const text = await this.read(program, file);
      if (text !== '') return text;
      await wait(pollMs, undefined, {signal: this.signal});
    }
  }

  async read({directory}: StartedProgram, file: string): Promise<string> {
    try {
      return await readFile(join(directory, file), 'utf8');
    } catch (error) {
      // Not `instanceof`: errors of the file system may come from another realm.
      if (isNativeError(error) && 'code' in error && error.code === 'ENOENT') return '';
      throw error;
    }
  }

  async write({directory}: StartedProgram, file: string): Promise<void> {
    await writeFile(join(directory, file), 'x');
  }

  async settle(): Promise<void> {
    await wait(settleMs, undefined, {signal: this.signal});
  }

  /** Ends and forgets every execution of the case, as far as the server lets it. */
  async cleanUp(): Promise<void> {
    const signal = AbortSignal.timeout(cleanUpMs);
    const client: RuntimeClient = createClient(RuntimeDefinition, this.#channel, {'*': {signal}});
    await Promise.all(this.#ids.map((id) => dismiss(client, id, signal)));
    await Promise.all(
      this.#directories.map((directory) => rm(directory, {recursive: true, force: true, maxRetries: 5})),
    );
  }
}

async function endOf(client: RuntimeClient, id: string, signal: AbortSignal): Promise<StatusResponse> {
  for (;;) {
    const status = await client.status({id});
    if (isEnded(status.state)) return status;
    await wait(pollMs, undefined, {signal});
  }
}

/** A server that fails here has been judged by its case already. */
async function dismiss(client: RuntimeClient, id: string, signal: AbortSignal): Promise<void> {
  try {
    await client.cancel({id});
    await endOf(client, id, signal);
    await client.forget({id});
  } catch {
    // Unknown already, or a server that does not end it: nothing more can be done from outside.
  }
}
