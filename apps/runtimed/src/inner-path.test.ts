import {existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, statSync, symlinkSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {dirname, join, relative} from 'node:path';
import {afterEach, beforeEach, describe, expect, test} from '@jest/globals';
import fc from 'fast-check';
import {isRuntimedError} from './errors.ts';
import {resolveInside} from './inner-path.ts';

let directory: string;
let root: string;

beforeEach(() => {
  directory = realpathSync(mkdtempSync(join(tmpdir(), 'krt-inner-')));
  root = join(directory, 'root');
  mkdirSync(join(root, 'a/b'), {recursive: true});
  writeFileSync(join(root, 'a/b/file'), '');
  writeFileSync(join(directory, 'outside'), '');
});

afterEach(() => rmSync(directory, {recursive: true, force: true}));

const link = (path: string, target: string): void => symlinkSync(target, join(root, path));

describe('resolveInside', () => {
  test.each([
    ['a/b/file', 'a/b/file', 'file'],
    ['a/b', 'a/b', 'directory'],
    ['a/none/x', 'a/none/x', 'missing'],
    ['a/b/file/x', 'a/b/file/x', 'missing'],
  ])('%s is %s', async (path, resolved, kind) => {
    expect(await resolveInside(root, path, 'entrypoint')).toEqual({path: resolved, kind});
  });

  test('follows symlinks that stay inside, from where they stand', async () => {
    link('a/up', '../a/b/./file');
    link('here', '.');
    expect(await resolveInside(root, 'here/a/up', 'entrypoint')).toEqual({path: 'a/b/file', kind: 'file'});
    expect(await resolveInside(root, 'up', 'entrypoint', 'a')).toEqual({path: 'a/b/file', kind: 'file'});
  });

  test.each(['/etc/passwd', '../outside', 'a/../../outside', '../nothing-there', '../root/a', 'self', '/'])(
    'refuses a symlink to %s',
    async (target) => {
      link('self', target);
      await expect(resolveInside(root, 'self', 'entrypoint')).rejects.toMatchObject({
        code: 'PATH_INVALID',
        message: 'entrypoint "self" leads out of the source by a symlink',
      });
    },
  );

  test('what it finds is what the kernel finds, and never outside', async () => {
    const segment = fc.constantFrom('a', 'b', 'c', '..', '.');
    const paths = fc.array(segment, {minLength: 1, maxLength: 5}).map((segments) => segments.join('/'));
    const links = fc.array(fc.tuple(paths, paths), {maxLength: 5});
    let round = 0;
    await fc.assert(
      fc.asyncProperty(links, paths, async (pairs, asked) => {
        const base = join(directory, `r${round++}`, 'x');
        mkdirSync(join(base, 'a/b'), {recursive: true});
        writeFileSync(join(base, 'a/c'), '');
        for (const [place, target] of pairs) {
          const at = join(base, place);
          if (at.startsWith(`${base}/`) && existsSync(dirname(at))) {
            const inside = realpathSync(dirname(at));
            if (inside.startsWith(base) && !existsSync(at)) tryLink(target, at);
          }
        }
        let found: Awaited<ReturnType<typeof resolveInside>> | undefined;
        try {
          found = await resolveInside(base, asked, 'path');
        } catch (error) {
          expect(isRuntimedError(error, 'PATH_INVALID')).toBe(true);
          return;
        }
        expect(join(base, found.path).startsWith(base)).toBe(true);
        // Not join(), which takes `..` back before the kernel sees it.
        const path = `${base}/${asked}`;
        if (!existsSync(path)) return;
        expect(found.path).toBe(relative(base, realpathSync.native(path)));
        expect(found.kind === 'directory').toBe(statSync(path).isDirectory());
      }),
      {numRuns: 300},
    );
  });
});

function tryLink(target: string, at: string): void {
  try {
    symlinkSync(target, at);
  } catch {
    // A dangling symlink stands there already.
  }
}
