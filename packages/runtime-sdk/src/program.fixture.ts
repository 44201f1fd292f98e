import {runRuntime} from './program.ts';
import {defineRuntime} from './runtime-definition.ts';

/** A Runtime server as a process of its own. */
await runRuntime(
  defineRuntime({
    name: 'fixture-runtime',
    version: '1.2.3',
    command: ({args: [command = '', ...args]}) => ({command, args}),
  }),
);
