import {basename} from 'node:path';
import {runCli} from './cli.ts';

// kubectl calls its plug-ins by a file name that begins with `kubectl-`.
const plugIn = basename(process.argv[1] ?? '').startsWith('kubectl-');
await runCli({program: plugIn ? 'kubectl krt' : 'krt', argv: process.argv.slice(2)});
