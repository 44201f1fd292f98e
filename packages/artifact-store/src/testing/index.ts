/**
 * A real S3 server for tests.
 *
 * @example
 * ```ts
 * import {createS3Store} from '@kruntimes/artifact-store';
 * import {startS3Server} from '@kruntimes/artifact-store/testing';
 *
 * await using server = await startS3Server({goModule: 'tools/s3'});
 * await server.createBucket('artifacts');
 * const store = createS3Store({
 *   bucket: 'artifacts',
 *   endpoint: server.endpoint,
 *   region: server.region,
 *   credentials: async () => server.credentials,
 * });
 * console.log(await store.deletePrefix('runs/1/'));
 * await store.close();
 * ```
 *
 * @module
 */

export {S3Server, type S3ServerOptions, startS3Server} from './s3-server.ts';
export {type ResolveS3ServerOptions, resolveS3Server} from './s3-server-binary.ts';
