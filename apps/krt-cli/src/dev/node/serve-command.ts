import type {Readable} from 'node:stream';
import type {CommandProcess} from './command-process.ts';
import type {ContainerProcess} from './container-process.ts';
import {exitStatus, failureStatus, type RemoteStreams} from './remote-streams.ts';

/** Who attaches and does not read is sent away: the container does not wait for anybody. */
const MAX_PENDING_BYTES = 1024 * 1024;

/**
 * Joins a client with a command, which ends when the client goes. Resolves when both are done.
 *
 * @param start may throw where the system refuses the command; undefined: the container does not run any more
 */
export async function serveCommand(streams: RemoteStreams, start: () => CommandProcess | undefined): Promise<void> {
  let command: CommandProcess | undefined;
  try {
    command = start();
  } catch (error) {
    return await streams.finish(failureStatus(`error executing command in container: ${messageOf(error)}`));
  }
  if (command === undefined) return await streams.finish(failureStatus('the container has just ended'));
  const {stdin, stdout, stderr, exited} = command;
  const end = (): void => void command.end();
  if (streams.gone.aborted) end();
  else streams.gone.addEventListener('abort', end, {once: true});
  streams.onResize((size) => command.resize(size));
  if (stdin) streams.stdin?.pipe(stdin);
  const [code] = await Promise.all([
    exited.catch((error: unknown) => messageOf(error)),
    pass(stdout, async (bytes) => await streams.write('stdout', bytes)),
    // What a terminal itself has to say goes to the same place.
    stderr && pass(stderr, async (bytes) => await streams.write(streams.tty ? 'stdout' : 'stderr', bytes)),
  ]);
  streams.gone.removeEventListener('abort', end);
  const status =
    typeof code === 'number' ? exitStatus(code) : failureStatus(`error executing command in container: ${code}`);
  await streams.finish(status);
}

/** Joins a client with the main process of a container until one of them ends. */
export async function serveAttachment(
  streams: RemoteStreams,
  container: ContainerProcess,
  {stdinOnce}: {stdinOnce: boolean},
): Promise<void> {
  const over = Promise.withResolvers<string | undefined>();
  let pending = 0;
  let written = Promise.resolve();
  const leave = container.listen((stream, chunk) => {
    pending += chunk.length;
    if (pending > MAX_PENDING_BYTES) over.resolve('the client does not read what the container prints');
    else {
      written = written.then(async () => {
        await streams.write(streams.tty ? 'stdout' : stream, chunk);
        pending -= chunk.length;
      });
    }
  });
  void container.exited.then(() => over.resolve(undefined));
  streams.gone.addEventListener('abort', () => over.resolve(undefined), {once: true});
  if (streams.gone.aborted) over.resolve(undefined);
  streams.onResize((size) => container.resize(size));
  const {stdin} = container;
  if (stdin) {
    streams.stdin?.pipe(stdin, {end: false});
    if (stdinOnce) streams.stdin?.once('end', () => stdin.end());
  }
  const problem = await over.promise;
  leave();
  if (stdin) streams.stdin?.unpipe(stdin);
  if (stdinOnce) stdin?.end();
  if (problem === undefined) await written;
  await streams.finish(problem === undefined ? {status: 'Success'} : failureStatus(problem));
}

async function pass(from: Readable, write: (bytes: Buffer) => Promise<void>): Promise<void> {
  try {
    for await (const chunk of from as AsyncIterable<Buffer>) await write(chunk);
  } catch {
    // Nobody waits for what children of the command may still say.
  }
}

function messageOf(error: unknown): string {
  const {
    code,
    path,
    spawnargs,
    message = String(error),
  } = Object(error) as Partial<NodeJS.ErrnoException> & {
    spawnargs?: readonly string[];
  };
  return code === 'ENOENT' && spawnargs ? `exec: "${path}": executable file not found in $PATH` : message;
}
