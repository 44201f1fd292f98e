import {accessSync, constants} from 'node:fs';
import {delimiter, join} from 'node:path';
import {describe, test} from '@jest/globals';

const onPath = (process.env['PATH'] ?? '').split(delimiter).some((folder) => {
  try {
    accessSync(join(folder, 'kubectl'), constants.X_OK);
    return true;
  } catch {
    return false;
  }
});
// In CI a missing kubectl is a failure: the tests run, and say so.
const skipped = !onPath && process.env['CI'] !== 'true';
if (skipped) console.warn('kubectl is not on the PATH: the tests that need it are skipped');

/** `test` for what needs kubectl, which a machine need not have: skipped without it, except in CI. */
export const kubectlTest: typeof test = skipped ? (test.skip as typeof test) : test;

/** `describe` for the same. */
export const kubectlDescribe: typeof describe = skipped ? (describe.skip as typeof describe) : describe;
