import {createHash, type Hash} from 'node:crypto';
import {describe, expect, test} from '@jest/globals';
import type {Clock} from '@kruntimes/reconciler-kit';
import {ManualClock} from '@kruntimes/reconciler-kit/testing';
import fc from 'fast-check';
import {
  type ArtifactBody,
  type ArtifactSink,
  type ArtifactSource,
  downloadArtifact,
  type ExpectedArtifact,
  RetryLater,
} from './artifact-download.ts';

/** Time passes only while somebody sleeps. */
function sleepyClock(): Clock {
  let nowMs = 0;
  return Object.assign(new ManualClock(), {
    monotonic: () => nowMs,
    sleep: async (ms: number) => {
      nowMs += ms;
      await Promise.resolve();
    },
  });
}

class MemorySink implements ArtifactSink {
  bytes = Buffer.alloc(0);
  readonly canRestart: boolean;

  constructor(before = Buffer.alloc(0), canRestart = true) {
    this.bytes = before;
    this.canRestart = canRestart;
  }

  async resume(hash: Hash): Promise<number> {
    hash.update(this.bytes);
    return await Promise.resolve(this.bytes.length);
  }

  async write(bytes: Uint8Array): Promise<void> {
    this.bytes = Buffer.concat([this.bytes, bytes]);
    await Promise.resolve();
  }

  async restart(): Promise<boolean> {
    if (this.canRestart) this.bytes = Buffer.alloc(0);
    return await Promise.resolve(this.canRestart);
  }
}

const artifactOf = (content: Buffer): ExpectedArtifact => ({
  name: 'a',
  sizeBytes: content.length,
  digest: `sha256:${createHash('sha256').update(content).digest('hex')}`,
});

/** Sends `content`; each connection breaks after as many bytes as `cuts` says, the last one does not. */
function cutSource(content: Buffer, cuts: number[], ranges = true): ArtifactSource & {asked: number[]} {
  const asked: number[] = [];
  const left = [...cuts];
  return {
    asked,
    open: async (_artifact, offset): Promise<ArtifactBody> => {
      asked.push(offset);
      await Promise.resolve();
      const from = ranges ? offset : 0;
      const cut = left.shift();
      return {
        offset: from,
        totalBytes: content.length,
        bytes: (async function* () {
          await Promise.resolve();
          const end = cut === undefined ? content.length : Math.min(content.length, from + cut);
          for (let at = from; at < end; at += 7) yield content.subarray(at, Math.min(end, at + 7));
          if (cut !== undefined) throw new RetryLater('cut');
        })(),
      };
    },
  };
}

async function download(content: Buffer, source: ArtifactSource, sink: ArtifactSink): Promise<void> {
  const {signal} = new AbortController();
  const options = {source, sink, clock: sleepyClock(), random: () => 0.5, signal, stallTimeoutMs: 60_000};
  await downloadArtifact(artifactOf(content), options);
}

describe('downloadArtifact', () => {
  test('whatever lay there and wherever it is cut, the bytes are right', async () => {
    const bytes = fc.uint8Array({maxLength: 200}).map((array) => Buffer.from(array));
    const cuts = fc.array(fc.nat(100), {maxLength: 5});
    await fc.assert(
      fc.asyncProperty(bytes, bytes, fc.boolean(), cuts, fc.boolean(), async (content, junk, good, where, ranges) => {
        const sink = new MemorySink(good ? content.subarray(0, junk.length) : junk);
        await download(content, cutSource(content, where, ranges), sink);
        expect(sink.bytes.equals(content)).toBe(true);
      }),
    );
  });

  test('asks only for what is missing', async () => {
    const content = Buffer.from('0123456789'.repeat(3));
    const source = cutSource(content, [7]);
    await download(content, source, new MemorySink(content.subarray(0, 5)));
    expect(source.asked).toEqual([5, 12]);
  });

  test('a wrong digest is an error, of the object and of the bytes', async () => {
    const content = Buffer.from('content');
    const other = cutSource(Buffer.from('CONTENT'), []);
    await expect(download(content, other, new MemorySink())).rejects.toMatchObject({code: 'DIGEST_MISMATCH'});
    expect(other.asked).toEqual([0]);
    const longer = cutSource(Buffer.from('content and more'), []);
    await expect(download(content, longer, new MemorySink())).rejects.toMatchObject({code: 'DIGEST_MISMATCH'});
  });

  test('gives up when nothing comes', async () => {
    const content = Buffer.from('content');
    const never: ArtifactSource = {open: () => Promise.reject(new RetryLater('the bucket is away'))};
    await expect(download(content, never, new MemorySink())).rejects.toMatchObject({
      code: 'ARTIFACTS_UNAVAILABLE',
      message: 'artifact "a" does not come: the bucket is away',
      retryable: true,
    });
    const broken: ArtifactSource = {open: () => Promise.reject(new Error('a mistake'))};
    await expect(download(content, broken, new MemorySink())).rejects.toThrow('a mistake');
  });
});
