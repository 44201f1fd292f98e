import {Readable} from 'node:stream';
import {type ArtifactStore, createFilesystemStore, createS3Store, type S3Credentials} from './index.ts';

/** A store that can be made from JSON. */
export type StoreDescription =
  | {$case: 'filesystem'; directory: string}
  | {$case: 's3'; bucket: string; prefix: string; endpoint: string; region: string; credentials: S3Credentials};

/** What this program does: it puts one object and prints how much memory that took. */
export interface PutRequest {
  description: StoreDescription;
  key: string;
  sizeBytes: number;
  /** Stop after so many bytes, print a line, and wait for ever. */
  silentAfter?: number;
}

/** Printed at the end. */
export interface PutReport {
  /** Most memory in use until the object was put, in bytes, by the operating system's count. */
  maxRss: number;
  /** The same, before the object, but after a sixteenth of it. */
  maxRssBefore: number;
  digest: string;
}

export function makeStore(description: StoreDescription): ArtifactStore {
  if (description.$case === 'filesystem') return createFilesystemStore(description);
  return createS3Store({...description, credentials: async () => description.credentials});
}

const CHUNK_BYTES = 256 * 1024;

async function* zeros(sizeBytes: number, silentAfter: number | undefined): AsyncGenerator<Buffer> {
  let sent = 0;
  while (sent < sizeBytes) {
    // New ones, as a file would give them.
    const chunk = Buffer.alloc(Math.min(CHUNK_BYTES, sizeBytes - sent));
    sent += chunk.length;
    yield chunk;
    if (silentAfter !== undefined && sent >= silentAfter) {
      process.stdout.write('silent\n');
      await new Promise((resolve) => setTimeout(resolve, 3_600_000));
    }
  }
}

async function main({description, key, sizeBytes, silentAfter}: PutRequest): Promise<void> {
  const store = makeStore(description);
  const put = (bytes: number) => store.put(key, Readable.from(zeros(bytes, silentAfter)), {sizeBytes: bytes});
  const maxRss = (): number => process.resourceUsage().maxRSS * 1024;
  if (silentAfter === undefined) await put(Math.ceil(sizeBytes / 16));
  const maxRssBefore = maxRss();
  const {digest} = await put(sizeBytes);
  await store.close();
  const report: PutReport = {maxRss: maxRss(), maxRssBefore, digest};
  process.stdout.write(`${JSON.stringify(report)}\n`);
}

if (import.meta.main) await main(JSON.parse(process.argv[2]!) as PutRequest);
