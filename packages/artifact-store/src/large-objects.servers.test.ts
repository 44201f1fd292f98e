import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {mkdtemp, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {text} from 'node:stream/consumers';
import {fileURLToPath} from 'node:url';
import {expect, test} from '@jest/globals';
import type {PutReport, PutRequest, StoreDescription} from './store-program.fixture.ts';
import {startS3Server} from './testing/index.ts';

const TIMEOUT_MS = 1_800_000;
const MiB = 1024 * 1024;
const GiB = 1024 * MiB;
const program = fileURLToPath(new URL('./store-program.fixture.ts', import.meta.url));

/** Of 2 GiB of zeros. */
const DIGEST = 'sha256:a7c744c13cc101ed66c29f672f92455547889cc586ce6d44fe76ae824958ea51';
/** Buffers that the garbage collector has not come to yet: about 35 MiB as a rule. */
const MAX_GROWTH = 128 * MiB;

/** Puts 2 GiB in a process of its own. */
async function putLarge(description: StoreDescription): Promise<PutReport> {
  const request: PutRequest = {description, key: 'large/a', sizeBytes: 2 * GiB};
  const child = spawn(process.execPath, ['--conditions=development', program, JSON.stringify(request)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [output, [code]] = await Promise.all([text(child.stdout), once(child, 'exit')]);
  expect(code).toBe(0);
  return JSON.parse(output) as PutReport;
}

test(
  'memory is flat while 2 GiB go to a filesystem',
  async () => {
    const directory = await mkdtemp(join(tmpdir(), 'large-objects-'));
    try {
      const {maxRss, maxRssBefore, digest} = await putLarge({$case: 'filesystem', directory});
      expect(digest).toBe(DIGEST);
      expect(maxRss - maxRssBefore).toBeLessThan(MAX_GROWTH);
    } finally {
      await rm(directory, {recursive: true});
    }
  },
  TIMEOUT_MS,
);

test(
  'memory is flat while 2 GiB go to S3',
  async () => {
    await using server = await startS3Server({goModule: fileURLToPath(new URL('../../../tools/s3', import.meta.url))});
    await server.createBucket('artifacts');
    const {endpoint, region, credentials} = server;
    const description = {$case: 's3', bucket: 'artifacts', prefix: '', endpoint, region, credentials} as const;
    const {maxRss, maxRssBefore, digest} = await putLarge(description);
    expect(digest).toBe(DIGEST);
    expect(maxRss - maxRssBefore).toBeLessThan(MAX_GROWTH);
  },
  TIMEOUT_MS,
);
