import {createHash, type Hash} from 'node:crypto';
import type {Clock} from '@kruntimes/reconciler-kit';
import {KrtError} from './krt-error.ts';

/** What is to be downloaded, as the status of the Run has it. */
export interface ExpectedArtifact {
  name: string;
  sizeBytes: number;
  /** `sha256:` and hexadecimal digits. */
  digest: string;
}

/** One answer of whoever has the artifact. */
export interface ArtifactBody {
  /** Offset of the first byte that comes; 0 also when a later one was asked for and cannot be had. */
  offset: number;
  /** Of the whole artifact. */
  totalBytes: number;
  /** As the store tells it, where it does. */
  digest?: string | undefined;
  bytes: AsyncIterable<Uint8Array>;
}

/** Where bytes come from. */
export interface ArtifactSource {
  /**
   * Opens the artifact from `offset` on.
   * @throws RetryLater when asking again may help
   */
  open(artifact: ExpectedArtifact, offset: number, signal: AbortSignal): Promise<ArtifactBody>;
}

/** Where they go. */
export interface ArtifactSink {
  /** Takes what is there from an earlier download into `hash`; returns how many bytes that is. */
  resume(hash: Hash): Promise<number>;
  write(bytes: Uint8Array): Promise<void>;
  /** Forgets everything; false: it cannot, since the bytes are gone to somebody else. */
  restart(): Promise<boolean>;
}

/** Thrown by a source: not now, but maybe in a moment. */
export class RetryLater extends Error {
  override readonly name = 'RetryLater';
}

export interface DownloadOptions {
  source: ArtifactSource;
  sink: ArtifactSink;
  clock: Clock;
  random: () => number;
  signal: AbortSignal;
  /** The download fails when nothing has come for so long. */
  stallTimeoutMs: number;
  onProgress?: ((bytes: number) => void) | undefined;
  /** Why nothing comes for the moment. */
  onTrouble?: ((problem: string) => void) | undefined;
}

const firstDelayMs = 200;
const longestDelayMs = 5000;

/**
 * Brings a whole artifact into the sink, over as many connections as it takes, and checks its digest.
 *
 * @throws KrtError `DIGEST_MISMATCH`, `ARTIFACTS_UNAVAILABLE` when nothing comes any more; what the source throws
 */
export async function downloadArtifact(artifact: ExpectedArtifact, options: DownloadOptions): Promise<void> {
  const {sink} = options;
  let hash = createHash('sha256');
  let position = await sink.resume(hash);
  let resumed = position > 0;
  if (position > artifact.sizeBytes) {
    await sink.restart();
    hash = createHash('sha256');
    position = 0;
    resumed = false;
  }
  for (;;) {
    await transfer(artifact, {...options, position, hash});
    if (`sha256:${hash.copy().digest('hex')}` === artifact.digest) return;
    // What lay there may have been the beginning of something else.
    const again = resumed && (await sink.restart());
    if (!again) throw mismatch(artifact, `sha256:${hash.digest('hex')}`);
    hash = createHash('sha256');
    position = 0;
    resumed = false;
  }
}

async function transfer(
  artifact: ExpectedArtifact,
  options: DownloadOptions & {position: number; hash: Hash},
): Promise<void> {
  const {source, sink, hash, clock, random, signal, stallTimeoutMs, onProgress, onTrouble} = options;
  let {position} = options;
  let lastByteMs = clock.monotonic();
  let failures = 0;
  onProgress?.(position);
  while (position < artifact.sizeBytes) {
    let problem = 'the connection broke';
    try {
      const body = await source.open(artifact, position, signal);
      checkBody(artifact, body);
      // A source that cannot begin in the middle sends what is here already once more.
      let skip = position - body.offset;
      if (skip < 0) throw new RetryLater(`asked for byte ${position}, got ${body.offset}`);
      for await (const chunk of body.bytes) {
        const fresh = chunk.subarray(Math.min(skip, chunk.length), skip + artifact.sizeBytes - position);
        skip = Math.max(0, skip - chunk.length);
        lastByteMs = clock.monotonic();
        failures = 0;
        if (fresh.length === 0) continue;
        hash.update(fresh);
        await sink.write(fresh);
        // Whoever takes the bytes may be slow; that is no silence of the source.
        lastByteMs = clock.monotonic();
        position += fresh.length;
        onProgress?.(position);
      }
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof RetryLater)) throw error;
      problem = error.message;
    }
    if (position >= artifact.sizeBytes) return;
    const silentMs = clock.monotonic() - lastByteMs;
    if (silentMs >= stallTimeoutMs) throw stalled(artifact, problem);
    if (failures > 0) onTrouble?.(problem);
    failures++;
    const delayMs = Math.min(longestDelayMs, firstDelayMs * 2 ** Math.min(failures - 1, 10)) * (0.5 + random() / 2);
    await clock.sleep(Math.min(delayMs, stallTimeoutMs - silentMs), signal);
  }
}

function checkBody(artifact: ExpectedArtifact, body: ArtifactBody): void {
  if (body.digest !== undefined && body.digest !== artifact.digest) throw mismatch(artifact, body.digest);
  if (body.totalBytes !== artifact.sizeBytes) throw mismatch(artifact, `${body.totalBytes} bytes`);
}

function mismatch({name, digest, sizeBytes}: ExpectedArtifact, found: string): KrtError {
  return new KrtError(
    'DIGEST_MISMATCH',
    `artifact "${name}" is not what the Run stored: ${digest} (${sizeBytes} bytes) was expected, ${found} came`,
    {hint: 'it was changed in the store or on the way; nothing was kept'},
  );
}

function stalled({name}: ExpectedArtifact, problem: string): KrtError {
  return new KrtError('ARTIFACTS_UNAVAILABLE', `artifact "${name}" does not come: ${problem}`, {
    retryable: true,
    hint: 'the same command goes on where it stopped',
  });
}
