#!/usr/bin/env node
import process from 'node:process';
import {conformanceCommand} from './conformance-command.ts';

// Whoever reads may have read enough, as head does: then there is nobody to tell.
process.stdout.on('error', () => process.exit(1));

process.exitCode = await conformanceCommand(process.argv.slice(2), {
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
});
