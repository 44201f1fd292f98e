import {createReadStream} from 'node:fs';
import {pipeline} from 'node:stream/promises';
import {createGunzip} from 'node:zlib';
import {unpackTar} from 'modern-tar/fs';
import {KrtError} from './krt-error.ts';

/**
 * Unpacks a .tar.gz into an empty directory: files and directories alone, so that nothing in it can lead out of there,
 * and of their modes just whether somebody may execute them.
 *
 * @throws KrtError `INVALID` when it is no such archive
 */
export async function unpackArchive(archive: string, directory: string, signal: AbortSignal): Promise<void> {
  try {
    await pipeline(
      createReadStream(archive),
      createGunzip(),
      unpackTar(directory, {
        filter: ({type}) => type === 'file' || type === 'directory',
        map: (header) => ({
          ...header,
          uid: process.getuid?.() ?? 0,
          gid: process.getgid?.() ?? 0,
          mode: header.type === 'directory' || ((header.mode ?? 0) & 0o111) !== 0 ? 0o755 : 0o644,
        }),
      }),
      {signal},
    );
  } catch (error) {
    signal.throwIfAborted();
    // Errors of the file system are the caller's to explain.
    if ((error as NodeJS.ErrnoException).syscall !== undefined) throw error;
    const why = error instanceof Error ? error.message : String(error);
    throw new KrtError('INVALID', `the archive cannot be unpacked: ${why}`, {cause: error});
  }
}
