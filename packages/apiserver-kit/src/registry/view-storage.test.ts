import {describe, expect, it} from '@jest/globals';
import {decodeJson} from '../json/decode-json.ts';
import type {KubeObject} from '../kube-object.ts';
import {createMemoryStorage} from '../storage/memory-storage.ts';
import type {StorageChange} from '../storage/storage.ts';
import {ViewStorage} from './view-storage.ts';

const json = (object: object): string => JSON.stringify({apiVersion: 'v1', kind: 'K', metadata: {}, ...object});
const value = (text: string | undefined): unknown => text && decodeJson(text).value;
const view = {
  of: 'ks',
  fromStored: ({old, ...rest}: KubeObject): KubeObject => ({...rest, renamed: old}),
  toStored: ({renamed, ...rest}: KubeObject): KubeObject => ({...rest, old: renamed}),
};

describe('ViewStorage', () => {
  it('shows and stores the objects of another resource, at its revisions', async () => {
    const storage = createMemoryStorage();
    const stored = storage.resource('ks');
    const shown = new ViewStorage(stored, view);
    const aborted = new AbortController();
    const seen: StorageChange[] = [];
    const reading = (async () => {
      for await (const changes of shown.changes(1, aborted.signal)) {
        seen.push(...changes);
        if (seen.length === 3) return;
      }
    })();
    const first = await stored.write({key: 'n/a', expected: 0, json: json({old: 1})});
    const second = await shown.write({key: 'n/b', expected: 0, json: json({renamed: 2})});
    expect(second).toBe(first + 1);
    const {revision, objects} = await shown.snapshot();
    expect(revision).toBe(second);
    expect(await shown.revision()).toBe(second);
    expect(objects.map(({json: text}) => value(text))).toEqual([
      expect.objectContaining({renamed: 1}),
      expect.objectContaining({renamed: 2}),
    ]);
    expect((await stored.snapshot()).objects.map(({json: text}) => value(text))).toEqual([
      expect.objectContaining({old: 1}),
      expect.objectContaining({old: 2}),
    ]);
    await expect(shown.write({key: 'n/a', expected: second, json: json({renamed: 3})})).rejects.toMatchObject({
      code: 'CONFLICT',
      current: {json: expect.stringContaining('"renamed":1')},
    });
    await shown.write({key: 'n/a', expected: first, json: undefined});
    await reading;
    expect(seen.map(({json: text, previous}) => [value(text), value(previous?.json)])).toEqual([
      [expect.objectContaining({renamed: 1}), undefined],
      [expect.objectContaining({renamed: 2}), undefined],
      [undefined, expect.objectContaining({renamed: 1})],
    ]);
    await storage.close();
  });
});
