import {mkdtemp, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterEach, beforeEach, describe, expect, test} from '@jest/globals';
import {cachedAuthorization, inClusterConfig} from './config.ts';
import {ManualClock} from './testing/manual-clock.ts';

const env = {KUBERNETES_SERVICE_HOST: '10.0.0.1', KUBERNETES_SERVICE_PORT: '443'};
let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'config-'));
});

afterEach(async () => {
  await rm(directory, {recursive: true});
});

async function write(files: Record<string, string>): Promise<void> {
  for (const [name, text] of Object.entries(files)) await writeFile(join(directory, name), text);
}

describe('inClusterConfig', () => {
  test('takes address, token, CA and namespace from where a Pod has them', async () => {
    await write({token: 'abc\n', 'ca.crt': 'PEM', namespace: 'team\n'});
    const config = await inClusterConfig({directory, env});
    expect(config).toMatchObject({server: 'https://10.0.0.1:443', ca: 'PEM', namespace: 'team'});
    await expect(config.authorization?.({refresh: false})).resolves.toBe('Bearer abc');
  });

  test('an IPv6 address gets its brackets; without a namespace file it is default', async () => {
    await write({token: 'abc'});
    const config = await inClusterConfig({directory, env: {...env, KUBERNETES_SERVICE_HOST: 'fd00::1'}});
    expect(new URL(config.server).port === '' ? 'https' : '').toBe('https');
    expect(config).toMatchObject({server: 'https://[fd00::1]:443', namespace: 'default'});
    expect(config.ca).toBeUndefined();
  });

  test('the token is read again after a minute, and at once when the server does not take it', async () => {
    const clock = new ManualClock();
    await write({token: 'one'});
    const config = await inClusterConfig({directory, env, clock});
    const header = (refresh = false) => config.authorization?.({refresh});
    expect(await header()).toBe('Bearer one');
    await write({token: 'two'});
    await clock.advance(59_999);
    expect(await header()).toBe('Bearer one');
    await clock.advance(1);
    expect(await header()).toBe('Bearer two');
    await write({token: 'three'});
    expect(await header()).toBe('Bearer two');
    expect(await header(true)).toBe('Bearer three');
  });

  test('a token that cannot be read for a moment is the one from before', async () => {
    const clock = new ManualClock();
    await write({token: 'one'});
    const config = await inClusterConfig({directory, env, clock});
    await write({token: ''});
    await expect(config.authorization?.({refresh: true})).resolves.toBe('Bearer one');
    await rm(join(directory, 'token'));
    await expect(config.authorization?.({refresh: true})).resolves.toBe('Bearer one');
  });

  test.each([{}, {KUBERNETES_SERVICE_HOST: '10.0.0.1'}, {KUBERNETES_SERVICE_PORT: '443'}])(
    'with %j this is no Pod',
    async (partial) => {
      await write({token: 'abc'});
      await expect(inClusterConfig({directory, env: partial})).rejects.toMatchObject({code: 'NOT_IN_CLUSTER'});
    },
  );

  test('a Pod without a token is told where to look', async () => {
    await expect(inClusterConfig({directory, env})).rejects.toMatchObject({
      code: 'NOT_IN_CLUSTER',
      message: expect.stringContaining('automountServiceAccountToken'),
    });
  });
});

describe('cachedAuthorization', () => {
  test('reads once for all who ask at the same time', async () => {
    let reads = 0;
    const authorization = cachedAuthorization(async () => `Bearer ${++reads}`, new ManualClock());
    const first = await Promise.all(Array.from({length: 10}, () => authorization({refresh: false})));
    const second = await Promise.all(Array.from({length: 10}, () => authorization({refresh: true})));
    expect(new Set(first)).toEqual(new Set(['Bearer 1']));
    expect(new Set(second)).toEqual(new Set(['Bearer 2']));
  });

  test('a failure is passed on and not kept', async () => {
    let fail = true;
    const authorization = cachedAuthorization(async () => {
      if (fail) throw new Error('no');
      return undefined;
    }, new ManualClock());
    await expect(authorization({refresh: false})).rejects.toThrow('no');
    fail = false;
    await expect(authorization({refresh: false})).resolves.toBeUndefined();
  });
});
