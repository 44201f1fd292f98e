import {isAbsolute} from 'node:path';
import {Command, CommanderError, InvalidArgumentError, Option} from 'commander';
import {ProtocolError} from '../index.ts';
import {type ConformanceOptions, type ConformanceResult, runConformance} from './conformance-run.ts';

/** Where a command writes. */
export interface CommandOutput {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
}

interface Flags extends Required<Pick<ConformanceOptions, 'level' | 'workspaceRoot' | 'commandStyle'>> {
  output: 'text' | 'json';
  caseTimeoutSeconds: number;
}

/**
 * The command `krt-conformance`.
 *
 * @returns its exit code: 0 all cases passed, 1 a case failed, 2 the command line is wrong
 */
export async function conformanceCommand(argv: readonly string[], {out, err}: CommandOutput): Promise<0 | 1 | 2> {
  const command = new Command('krt-conformance')
    .description('Test whether a Runtime server keeps the contract of executor.v1.')
    .argument('<address>', 'unix:///absolute/path or host:port of the server')
    .addOption(
      new Option('--level <level>', 'optional: RuntimeEvents too')
        .choices(['required', 'optional'])
        .default('required'),
    )
    .option('--workspace-root <dir>', 'directory that the server sees under the same name', absolute, '/workspace')
    .addOption(
      new Option('--command-style <style>', 'programs as a file and entrypoint, or as the args "sh -c PROGRAM"')
        .choices(['script', 'args'])
        .default('script'),
    )
    .option('--case-timeout-seconds <n>', 'longest time of one case', seconds, 30)
    .addOption(new Option('-o, --output <format>', 'report').choices(['text', 'json']).default('text'))
    .addHelpText(
      'after',
      `
Examples:
  krt-conformance unix:///run/kruntimes/runtime.sock
  krt-conformance 127.0.0.1:9091 --workspace-root /tmp/workspace --level optional
  krt-conformance 127.0.0.1:9091 --command-style args -o json > report.json

Exit codes: 0 all cases passed, 1 a case failed, 2 wrong command line`,
    )
    .exitOverride()
    .configureOutput({writeOut: out, writeErr: err});
  try {
    command.parse(argv, {from: 'user'});
    const {output, caseTimeoutSeconds, ...options} = command.opts<Flags>();
    const text = output === 'text';
    const report = await runConformance(command.args[0] ?? '', {
      ...options,
      caseTimeoutMs: caseTimeoutSeconds * 1_000,
      onResult: (result) => {
        if (text) out(line(result));
      },
    });
    const failed = report.results.filter(({passed}) => !passed).length;
    out(
      text ? `\n${report.results.length - failed} passed, ${failed} failed\n` : `${JSON.stringify(report, null, 2)}\n`,
    );
    return report.passed ? 0 : 1;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    if (!(error instanceof ProtocolError)) throw error;
    err(`error: ${error.message}\nTry krt-conformance --help\n`);
    return 2;
  }
}

function line({id, title, source, passed, message, durationMs}: ConformanceResult): string {
  const head = `${passed ? 'ok    ' : 'FAILED'}  ${id} (${durationMs} ms): ${title}\n`;
  return passed ? head : `${head}        contract: ${source}\n        ${message.replaceAll('\n', '\n        ')}\n`;
}

function absolute(value: string): string {
  if (!isAbsolute(value)) throw new InvalidArgumentError('It is not an absolute path.');
  return value;
}

function seconds(value: string): number {
  const number = Number(value);
  if (!Number.isInteger(number) || number < 1 || number > 3_600) {
    throw new InvalidArgumentError('It is not an integer from 1 to 3600.');
  }
  return number;
}
