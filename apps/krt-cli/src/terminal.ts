import type {Readable, Writable} from 'node:stream';

/** Where krt reads and writes; injected, so that tests can look at every byte. */
export interface Terminal {
  stdin: Readable & {isTTY?: boolean};
  stdout: Writable & {isTTY?: boolean; columns?: number};
  stderr: Writable & {isTTY?: boolean; columns?: number};
  env: NodeJS.ProcessEnv;
}

export function processTerminal(): Terminal {
  return {stdin: process.stdin, stdout: process.stdout, stderr: process.stderr, env: process.env};
}

/** Writes and waits while the reader is slower than we are: memory stays flat however much a Run prints. */
export async function write(stream: Writable, data: string | Uint8Array): Promise<void> {
  if (data.length === 0) return;
  if (stream.write(data)) return;
  await new Promise<void>((resolve) => {
    const done = (): void => {
      stream.off('drain', done);
      stream.off('close', done);
      stream.off('error', done);
      resolve();
    };
    stream.once('drain', done);
    stream.once('close', done);
    stream.once('error', done);
  });
}

/** Colours only on a terminal, never with NO_COLOR (https://no-color.org) or TERM=dumb. */
export function wantsColor(stream: {isTTY?: boolean}, env: NodeJS.ProcessEnv): boolean {
  return Boolean(stream.isTTY) && !env.NO_COLOR && env.TERM !== 'dumb';
}

export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan';
const codes: Readonly<Record<Style, readonly [number, number]>> = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  cyan: [36, 39],
};

export type Paint = (style: Style, text: string) => string;

export function painter(stream: {isTTY?: boolean}, env: NodeJS.ProcessEnv): Paint {
  if (!wantsColor(stream, env)) return (_style, text) => text;
  return (style, text) => `\u001b[${codes[style][0]}m${text}\u001b[${codes[style][1]}m`;
}

/** The colour of a phase, the same everywhere. */
export function phaseStyle(phase: string | undefined): Style {
  return phaseStyles[phase ?? ''] ?? 'cyan';
}

const phaseStyles: Readonly<Record<string, Style>> = {
  Succeeded: 'green',
  Failed: 'red',
  Timeout: 'red',
  Cancelled: 'yellow',
};
