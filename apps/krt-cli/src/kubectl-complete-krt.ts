import {runCli} from './cli.ts';

// kubectl asks a program `kubectl_complete-<plug-in>` for completions, with the words after the plug-in's name.
await runCli({program: 'kubectl krt', argv: ['__complete', ...process.argv.slice(2)]});
