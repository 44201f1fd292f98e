import {readFile} from 'node:fs/promises';
import type {Readable} from 'node:stream';
import type {Run} from '@kruntimes/api-types';
import {KrtError, usageError} from './krt-error.ts';
import {runsFromDocuments} from './run-manifest.ts';
import {parseYamlDocuments} from './yaml-document.ts';

/** More than any API server takes in one object; protects against `-f /dev/zero`. */
const largestBytes = 16 * 1024 * 1024;

/** The Runs of files in order; `-` is stdin. */
export async function readRuns(filenames: readonly string[], stdin: Readable): Promise<Run[]> {
  const runs: Run[] = [];
  for (const filename of filenames) {
    const text = filename === '-' ? await readStream(stdin) : await readText(filename, '-f');
    const source = filename === '-' ? 'stdin' : filename;
    const found = runsFromDocuments(parseYamlDocuments(text, source), source);
    if (found.length === 0) throw new KrtError('INVALID', `${source} holds no Run`);
    runs.push(...found);
  }
  return runs;
}

/** @throws KrtError `USAGE` when the file cannot be read or is not UTF-8 text */
export async function readText(path: string, flag: string): Promise<string> {
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch (error) {
    throw usageError(`${flag} ${path}: ${readProblem(error)}`);
  }
  return decode(bytes, path);
}

async function readStream(stream: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > largestBytes) throw usageError('stdin is larger than 16 MiB');
    chunks.push(chunk);
  }
  return decode(Buffer.concat(chunks), 'stdin');
}

export async function readScript(path: string, stdin: Readable): Promise<string> {
  return path === '-' ? await readStream(stdin) : await readText(path, '--script-file');
}

function decode(bytes: Uint8Array, source: string): string {
  try {
    return new TextDecoder('utf-8', {fatal: true, ignoreBOM: false}).decode(bytes);
  } catch {
    throw usageError(`${source} is not UTF-8 text`);
  }
}

function readProblem(error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === 'ENOENT') return 'no such file';
  if (code === 'EISDIR') return 'is a folder';
  if (code === 'EACCES') return 'permission denied';
  return String(code ?? error);
}
