import {writeFile} from 'node:fs/promises';
import {createProgram} from '../program.ts';
import {processTerminal} from '../terminal.ts';
import {cliReference} from './cli-reference.ts';

const program = createProgram({
  program: 'krt',
  argv: [],
  terminal: processTerminal(),
  context: () => Promise.reject(new Error('no command is run here')),
  finish: () => undefined,
});
await writeFile(new URL('../../../../docs/cli.md', import.meta.url), cliReference(program));
