/**
 * Keeps files that programs leave behind: on a filesystem or in S3, streaming, whole or not at all.
 *
 * @example Stores what a program left in a directory, reads it back and deletes it.
 * ```ts
 * import {mkdir, mkdtemp, writeFile} from 'node:fs/promises';
 * import {tmpdir} from 'node:os';
 * import {join} from 'node:path';
 * import {text} from 'node:stream/consumers';
 * import {collectArtifacts, createFilesystemStore} from '@kruntimes/artifact-store';
 *
 * const root = await mkdtemp(join(tmpdir(), 'artifacts-'));
 * for (const name of ['left', 'spool', 'store']) await mkdir(join(root, name));
 * await writeFile(join(root, 'left', 'report.txt'), 'all is well');
 *
 * const store = createFilesystemStore({directory: join(root, 'store')});
 * {
 *   await using collected = await collectArtifacts({
 *     directory: join(root, 'left'),
 *     spoolDirectory: join(root, 'spool'),
 *     maxBytes: 1 << 30,
 *   });
 *   for (const {name, sizeBytes, contentType, open} of collected.items) {
 *     const {key, digest} = await store.put(`runs/1/${name}`, open(), {sizeBytes, contentType});
 *     console.log('stored', key, digest);
 *   }
 *   for (const {name, reason} of collected.rejected) console.log('not stored:', name, reason);
 * }
 * const {body} = await store.get('runs/1/report.txt');
 * console.log(await text(body));
 * console.log('deleted', await store.deletePrefix('runs/1/'));
 * await store.close();
 * ```
 *
 * @module
 */

export type {
  ArtifactStore,
  GetOptions,
  ListedObject,
  OpenedObject,
  PutOptions,
  StoredObject,
} from './artifact-store.ts';
export {
  type CollectedArtifacts,
  type CollectedItem,
  type CollectOptions,
  collectArtifacts,
} from './collect-artifacts.ts';
export {ArtifactStoreError, type ArtifactStoreErrorCode} from './errors.ts';
export {createFilesystemStore, type FilesystemStoreOptions} from './filesystem-store.ts';
export {openStore, type StoreLocation, type StoreMounts} from './open-store.ts';
export type {Rejection, RejectionCode} from './rejection.ts';
export type {S3Credentials, S3StoreOptions} from './s3-connection.ts';
export {createS3Store} from './s3-store.ts';
