import {execFileSync} from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterEach, beforeEach, describe, expect, test} from '@jest/globals';
import {systemClock} from '@kruntimes/reconciler-kit';
import fc from 'fast-check';
import {DirectoryHandle} from './directory-handle.ts';
import {removeTree} from './tree-removal.ts';

let base: string;
let root: string;
let handle: DirectoryHandle;

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'kruntimes-removal-'));
  root = join(base, 'root');
  mkdirSync(root);
  handle = DirectoryHandle.open(root);
});

afterEach(() => {
  handle.close();
  rmSync(base, {recursive: true, force: true});
});

const remove = (name = 'victim') => removeTree(handle, name, systemClock);

describe('removeTree', () => {
  test('does nothing when there is nothing', async () => {
    await remove();
    expect(readdirSync(root)).toEqual([]);
  });

  test('removes a file, a FIFO and a symlink that stand where the directory should be', async () => {
    writeFileSync(join(base, 'outside'), 'kept');
    writeFileSync(join(root, 'file'), '');
    symlinkSync(join(base, 'outside'), join(root, 'link'));
    execFileSync('mkfifo', [join(root, 'fifo')]);
    for (const name of ['file', 'link', 'fifo']) await remove(name);
    expect(readdirSync(root)).toEqual([]);
    expect(readFileSync(join(base, 'outside'), 'utf8')).toBe('kept');
  });

  test('never follows a symlink', async () => {
    mkdirSync(join(base, 'outside'));
    writeFileSync(join(base, 'outside', 'file'), 'kept');
    mkdirSync(join(root, 'victim', 'deep'), {recursive: true});
    symlinkSync(join(base, 'outside'), join(root, 'victim', 'link'));
    symlinkSync(join(base, 'outside'), join(root, 'victim', 'deep', 'link'));
    symlinkSync('..', join(root, 'victim', 'deep', 'loop'));
    await remove();
    expect(readdirSync(root)).toEqual([]);
    expect(readFileSync(join(base, 'outside', 'file'), 'utf8')).toBe('kept');
  });

  test('removes directories without any permission', async () => {
    mkdirSync(join(root, 'victim', 'a', 'b', 'c'), {recursive: true});
    writeFileSync(join(root, 'victim', 'a', 'b', 'c', 'file'), '', {mode: 0});
    for (const path of ['victim/a/b/c', 'victim/a/b', 'victim/a', 'victim']) chmodSync(join(root, path), 0);
    await remove();
    expect(readdirSync(root)).toEqual([]);
  });

  test('removes names that are not UTF-8', async () => {
    const name = Buffer.concat([Buffer.from(`${root}/victim/`), Buffer.from([0xff, 0xfe, 0x0a])]);
    mkdirSync(join(root, 'victim'));
    mkdirSync(name);
    writeFileSync(Buffer.concat([name, Buffer.from([0x2f, 0xc3])]), '');
    await remove();
    expect(readdirSync(root)).toEqual([]);
  });

  test('removes a tree deeper than any path may be long', async () => {
    const script =
      'use strict; mkdir "victim"; chdir "victim"; for (1..200) { mkdir "d" x 100; chdir "d" x 100; } open(my $f, ">", "file");';
    execFileSync('perl', ['-e', script], {cwd: root});
    await remove();
    expect(readdirSync(root)).toEqual([]);
  });

  test('removes many files and large ones', async () => {
    mkdirSync(join(root, 'victim', 'many'), {recursive: true});
    for (let i = 0; i < 500; i++) writeFileSync(join(root, 'victim', 'many', `file${i}`), '');
    writeFileSync(join(root, 'victim', 'large'), Buffer.alloc(9 * 1024 * 1024, 1));
    await remove();
    expect(readdirSync(root)).toEqual([]);
  });

  test('removes any tree and nothing beside it', async () => {
    const tree = fc.letrec<{node: Tree}>((tie) => ({
      node: fc.record({
        mode: fc.constantFrom(0, 0o500, 0o700, 0o200),
        files: fc.nat(4),
        links: fc.nat(2),
        directories: fc.oneof({maxDepth: 4}, fc.constant<Tree[]>([]), fc.array(tie('node'), {maxLength: 3})),
      }),
    })).node;
    await fc.assert(
      fc.asyncProperty(tree, async (node) => {
        mkdirSync(join(root, 'beside', 'kept'), {recursive: true});
        grow(join(root, 'victim'), node);
        await remove();
        expect(readdirSync(root)).toEqual(['beside']);
        expect(readdirSync(join(root, 'beside'))).toEqual(['kept']);
      }),
      {numRuns: 50},
    );
  });

  test('says so when the tree does not stop growing', async () => {
    mkdirSync(join(root, 'victim', 'a', 'b', 'c', 'd', 'e'), {recursive: true});
    let now = 0;
    const clock = {...systemClock, monotonic: () => (now += 100_000)};
    await expect(removeTree(handle, 'victim', clock)).rejects.toMatchObject({code: 'WORKSPACE_BUSY', retryable: true});
  });
});

interface Tree {
  mode: number;
  files: number;
  links: number;
  directories: Tree[];
}

function grow(path: string, tree: Tree): void {
  mkdirSync(path);
  for (let i = 0; i < tree.files; i++) writeFileSync(join(path, `file${i}`), '');
  for (let i = 0; i < tree.links; i++) symlinkSync('../beside', join(path, `link${i}`));
  tree.directories.forEach((child, i) => grow(join(path, `dir${i}`), child));
  chmodSync(path, tree.mode);
}
