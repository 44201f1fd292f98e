import {runCli} from './cli.ts';

// The plug-in of kubectl: a file of its own, because not every system tells a program the name of the link to it.
await runCli({program: 'kubectl krt', argv: process.argv.slice(2)});
