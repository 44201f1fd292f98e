/** The runtime `bash` as a process of its own, for tests that kill it. */
import {runRuntime} from '@kruntimes/runtime-sdk';
import {bashRuntime} from './bash-runtime.fixture.ts';

await runRuntime(bashRuntime);
