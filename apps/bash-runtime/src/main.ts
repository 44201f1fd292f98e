import {runRuntime} from '@kruntimes/runtime-sdk';
import {bashRuntime} from './bash-runtime.ts';

await runRuntime(bashRuntime(process.env));
