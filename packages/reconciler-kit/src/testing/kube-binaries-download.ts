import {spawn} from 'node:child_process';
import {createHash} from 'node:crypto';
import {createWriteStream} from 'node:fs';
import {rm} from 'node:fs/promises';
import {join} from 'node:path';
import {Readable} from 'node:stream';
import {pipeline} from 'node:stream/promises';
import type {ReadableStream as WebReadableStream} from 'node:stream/web';
import {parse} from 'yaml';

/** @see https://book.kubebuilder.io/reference/envtest.html */
export const ENVTEST_INDEX_URL =
  'https://raw.githubusercontent.com/kubernetes-sigs/controller-tools/HEAD/envtest-releases.yaml';

export interface DownloadOptions {
  version: string;
  /** For example `linux-amd64`. */
  platform: string;
  indexUrl: string;
  /** Where the programs go, as `etcd` and `kube-apiserver`. */
  directory: string;
  log: (line: string) => void;
  timeoutMs: number;
}

interface EnvtestIndex {
  releases?: Record<string, Record<string, {hash: string; selfLink: string}>>;
}

/** Fetches the archive of the official envtest binaries and unpacks it, provided that its SHA-512 is the index's. */
export async function downloadKubeBinaries(options: DownloadOptions): Promise<void> {
  const {version, platform, indexUrl, directory, log, timeoutMs} = options;
  const answer = await fetchWithin(indexUrl, timeoutMs);
  // All scalars as text: a checksum of digits only is no number.
  const index = parse(await answer.text(), {schema: 'failsafe'}) as EnvtestIndex;
  const release = chooseRelease(Object.keys(index.releases ?? {}), version);
  const name = release && `envtest-${release}-${platform}.tar.gz`;
  const entry = name === undefined ? undefined : index.releases?.[release!]?.[name];
  if (!entry) throw new Error(`download: the index has no Kubernetes ${version} for ${platform}`);

  log(`downloading ${entry.selfLink}`);
  const archive = join(directory, 'archive.tar.gz');
  const hash = createHash('sha512');
  const watchdog = new AbortController();
  let timer = setTimeout(() => watchdog.abort(), timeoutMs);
  try {
    const {body} = await fetchWithin(entry.selfLink, timeoutMs, watchdog.signal);
    await pipeline(
      Readable.fromWeb(body as WebReadableStream<Uint8Array>),
      async function* (chunks: AsyncIterable<Uint8Array>) {
        for await (const chunk of chunks) {
          clearTimeout(timer);
          timer = setTimeout(() => watchdog.abort(), timeoutMs);
          hash.update(chunk);
          yield chunk;
        }
      },
      createWriteStream(archive),
    );
  } catch (error) {
    throw new Error(`download of ${entry.selfLink} failed: ${reasonOf(error)}`, {cause: error});
  } finally {
    clearTimeout(timer);
  }
  const digest = hash.digest('hex');
  if (digest !== entry.hash.toLowerCase()) {
    throw new Error(
      `download: ${entry.selfLink} has SHA-512 ${digest.slice(0, 16)}…, but the index says ${entry.hash.slice(0, 16)}…`,
    );
  }
  await unpack(archive, directory);
  await rm(archive);
}

/** The version itself, else the newest patch of the same minor version (envtest does not pack every patch). */
export function chooseRelease(releases: readonly string[], version: string): string | undefined {
  if (releases.includes(`v${version}`)) return `v${version}`;
  const minor = `v${version.split('.').slice(0, 2).join('.')}.`;
  const patches = releases.filter((release) => release.startsWith(minor) && /^v\d+\.\d+\.\d+$/.test(release));
  return patches.toSorted((a, b) => Number(b.slice(minor.length)) - Number(a.slice(minor.length)))[0];
}

async function fetchWithin(url: string, timeoutMs: number, signal?: AbortSignal): Promise<Response> {
  try {
    const response = await fetch(url, {signal: signal ?? AbortSignal.timeout(timeoutMs)});
    if (!response.ok) throw new Error(`HTTP ${response.status}`);
    return response;
  } catch (error) {
    throw new Error(`download: ${url}: ${reasonOf(error)}`, {cause: error});
  }
}

function reasonOf(error: unknown): string {
  const {name, message = String(error), cause} = error as Partial<Error>;
  if (name === 'AbortError' || name === 'TimeoutError') return 'no answer in time';
  // What fetch itself says is only "fetch failed".
  return (cause as Partial<Error> | undefined)?.message ?? message;
}

async function unpack(archive: string, directory: string): Promise<void> {
  // The archive holds controller-tools/envtest/{etcd,kube-apiserver,kubectl}.
  const tar = spawn('tar', ['-xzf', archive, '-C', directory, '--strip-components=2'], {stdio: 'ignore'});
  await new Promise<void>((resolve, reject) => {
    tar.once('error', reject);
    tar.once('close', (code) =>
      code === 0 ? resolve() : reject(new Error(`tar -xzf of the archive ended with ${code}`)),
    );
  });
}
