import {spawnSync} from 'node:child_process';
import {test} from '@jest/globals';

// It may be there and not be allowed to trace, in a container for one.
const works = spawnSync('strace', ['-f', '-e', 'trace=none', 'true']).status === 0;
if (!works) console.warn('strace does not work here: the test that traces system calls is skipped');

/** `test` for what traces system calls, which not every machine can. */
export const traceTest: typeof test = works ? test : (test.skip as typeof test);
