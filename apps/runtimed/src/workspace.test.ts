import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterEach, beforeEach, describe, expect, test} from '@jest/globals';
import {systemClock} from '@kruntimes/reconciler-kit';
import {isRuntimedError} from './errors.ts';
import {type Workspace, WorkspaceRoot} from './workspace.ts';

const name = '6f1b7d2e-0c3a-4a57-9d3c-0a1b2c3d4e5f-1';
let path: string;
let root: WorkspaceRoot;

beforeEach(async () => {
  path = mkdtempSync(join(tmpdir(), 'kruntimes-workspace-'));
  root = await WorkspaceRoot.open(path, systemClock);
});

afterEach(async () => {
  root.close();
  rmSync(path, {recursive: true, force: true});
});

async function withWorkspace(use: (workspace: Workspace) => Promise<void>): Promise<void> {
  const workspace = await root.create(name);
  try {
    await use(workspace);
  } finally {
    workspace.close();
  }
}

async function codeOf(action: () => Promise<void>): Promise<string | undefined> {
  try {
    await action();
  } catch (error) {
    return isRuntimedError(error) ? error.code : String(error);
  }
  return undefined;
}

describe('WorkspaceRoot', () => {
  test('makes the directories of an attempt for their owner only', () =>
    withWorkspace(async ({paths}) => {
      expect(readdirSync(join(path, name)).toSorted()).toEqual(['artifacts', 'home', 'outputs', 'tmp', 'work']);
      for (const directory of [join(path, name), paths.work, paths.home, paths.tmp, paths.artifacts]) {
        expect(statSync(directory).mode & 0o777).toBe(0o700);
      }
      expect(statSync(paths.outputs).mode & 0o777).toBe(0o600);
      expect(readFileSync(paths.outputs, 'utf8')).toBe('');
    }));

  test('makes the workspace of an attempt once', () =>
    withWorkspace(async () => {
      await expect(root.create(name)).rejects.toMatchObject({code: 'WORKSPACE_EXISTS'});
    }));

  test('lists workspaces and nothing else', () =>
    withWorkspace(async () => {
      for (const other of ['lost+found', `${name}x`, 'a-1', `.${name}`]) mkdirSync(join(path, other));
      expect(await root.names()).toEqual([name]);
    }));

  test('finds a workspace again, and knows when it was made', async () => {
    await withWorkspace(async ({paths}) => writeFileSync(paths.outputs, 'a=1\n'));
    const workspace = root.reopen(name);
    expect(workspace?.readOutputs()).toEqual({values: {a: '1'}});
    expect(Math.abs((workspace?.createdAt() ?? 0) - Date.now())).toBeLessThan(60_000);
    workspace?.close();
    await root.remove(name);
    expect(readdirSync(path)).toEqual([]);
    expect(root.reopen(name)).toBeUndefined();
  });

  test.each([
    ['beside itself', `${name}.moved`],
    ['to a name that is not UTF-8', Buffer.from([0x61, 0xff])],
  ])('finds one that its program moved %s', async (_, to) => {
    const workspace = await root.create(name);
    expect(workspace.movedTo()).toBeUndefined();
    renameSync(join(path, name), Buffer.concat([Buffer.from(`${path}/`), Buffer.from(to)]));
    symlinkSync(tmpdir(), join(path, name));
    const moved = workspace.movedTo();
    workspace.close();
    expect(moved).toEqual(Buffer.from(to));
    await root.remove(name);
    await root.remove(moved ?? '');
    expect(readdirSync(path)).toEqual([]);
  });

  test('looks for none that is gone, or in a directory of somebody else', async () => {
    const workspace = await root.create(name);
    mkdirSync(join(path, 'other'));
    renameSync(join(path, name), join(path, 'other', 'a'));
    expect(workspace.movedTo()).toBeUndefined();
    rmSync(join(path, 'other'), {recursive: true});
    expect(workspace.movedTo()).toBeUndefined();
    workspace.close();
  });

  test('does not take a symlink for a workspace', async () => {
    mkdirSync(join(path, 'elsewhere'));
    symlinkSync('elsewhere', join(path, name));
    expect(root.reopen(name)).toBeUndefined();
    await expect(root.create(name)).rejects.toMatchObject({code: 'WORKSPACE_EXISTS'});
  });
});

describe('writeSourceFile', () => {
  test('writes files with their mode and the directories above them', () =>
    withWorkspace(async (workspace) => {
      await workspace.writeSourceFile('script', 'echo hello\n', 0o700);
      await workspace.writeSourceFile('lib/deep/a.sh', 'a', 0o600);
      await workspace.writeSourceFile('lib/b.sh', 'b', 0o600);
      const {work} = workspace.paths;
      expect(readFileSync(join(work, 'script'), 'utf8')).toBe('echo hello\n');
      expect(statSync(join(work, 'script')).mode & 0o777).toBe(0o700);
      expect(readFileSync(join(work, 'lib/deep/a.sh'), 'utf8')).toBe('a');
      expect(readFileSync(join(work, 'lib/b.sh'), 'utf8')).toBe('b');
    }));

  test.each(['../outside', '/etc/passwd', 'a/../b', ''])('refuses the path %j', (file) =>
    withWorkspace(async (workspace) => {
      expect(await codeOf(() => workspace.writeSourceFile(file, 'x', 0o600))).toBe('PATH_INVALID');
    }),
  );

  test('says which files collide', () =>
    withWorkspace(async (workspace) => {
      await workspace.writeSourceFile('a', 'x', 0o600);
      for (const file of ['a', 'a/b']) {
        expect(await codeOf(() => workspace.writeSourceFile(file, 'x', 0o600))).toBe('SOURCE_INVALID');
      }
    }));

  test('writes through no symlink', () =>
    withWorkspace(async (workspace) => {
      symlinkSync(path, join(workspace.paths.work, 'out'));
      expect(await codeOf(() => workspace.writeSourceFile('out/file', 'x', 0o600))).toBe('SOURCE_INVALID');
      expect(readdirSync(path)).toEqual([name]);
    }));
});
