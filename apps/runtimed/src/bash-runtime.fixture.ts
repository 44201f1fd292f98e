import {defineRuntime} from '@kruntimes/runtime-sdk';

/** Runs scripts with bash; without an entrypoint, the arguments are the command line. */
export const bashRuntime = defineRuntime({
  name: 'bash',
  command({entrypoint, args}) {
    if (entrypoint !== '') return {command: 'bash', args: [entrypoint, ...args]};
    const [command = 'true', ...rest] = args;
    return {command, args: rest};
  },
});
