import {X509Certificate} from 'node:crypto';
import {mkdtemp, readFile, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterEach, beforeEach, expect, test} from '@jest/globals';
import {createIdentities, keptIdentities} from './control-plane-files.ts';

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'identities-'));
});

afterEach(async () => {
  await rm(directory, {recursive: true});
});

function lastYear(pem: string): number {
  return new X509Certificate(pem).validToDate.getUTCFullYear();
}

test('a control plane that goes on keeps its identities, whose certificates last for years', async () => {
  const identities = await keptIdentities(directory);
  expect(lastYear(identities.authority.cert)).toBeGreaterThanOrEqual(new Date().getUTCFullYear() + 9);
  expect(await keptIdentities(directory)).toEqual(identities);
});

test('an authority that ends soon is replaced, and nothing else', async () => {
  const old = createIdentities();
  await writeFile(join(directory, 'identities.json'), JSON.stringify(old));
  const {authority, ...others} = await keptIdentities(directory);
  expect(authority.cert).not.toBe(old.authority.cert);
  expect(lastYear(authority.cert)).toBeGreaterThanOrEqual(new Date().getUTCFullYear() + 9);
  expect({...others, authority: old.authority}).toEqual(old);
  const written = JSON.parse(await readFile(join(directory, 'identities.json'), 'utf8')) as unknown;
  expect(written).toEqual({...others, authority});
});
