import {readFile} from 'node:fs/promises';
import {expect, test} from '@jest/globals';
import {limits} from './limits.ts';
import {
  artifactsStoredReasons,
  failureReasons,
  programReasons,
  reasonDescriptions,
  retryableReasons,
} from './reasons.ts';

const reasons = Object.keys(reasonDescriptions);

test('each reason is one word in the style of Kubernetes, within the bound of the schema', () => {
  expect(reasons.filter((reason) => !/^[A-Z][A-Za-z]+$/.test(reason) || reason.length > limits.reason)).toEqual([]);
});

test('each reason stands in one group only', () => {
  expect(new Set(reasons).size).toBe(reasons.length);
  expect(reasons).toHaveLength(4 + 5 + 5 + 2 + 6);
});

test('what may be retried is how a program can end, but for success, and every failure', () => {
  const all = [...Object.keys(programReasons), ...Object.keys(failureReasons)];
  expect([...retryableReasons]).toEqual(all.filter((reason) => reason !== 'Completed'));
});

test('the README lists every reason with its sentence', async () => {
  const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8').then((text) =>
    text.replaceAll(/ +/g, ' '),
  );
  const missing = Object.entries({...reasonDescriptions, ...artifactsStoredReasons}).filter(
    ([reason, text]) => !readme.includes(`| \`${reason}\` | ${text} |`),
  );
  expect(missing).toEqual([]);
});
