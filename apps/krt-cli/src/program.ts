import {retryableReasons} from '@kruntimes/api-types';
import {Argument, Command, Option} from 'commander';
import type {CallContext, CommandContext} from './command-context.ts';
import {type CompletionSource, completedBy} from './completion-source.ts';
import {type ExitCode, exitCodeRows} from './exit-code.ts';
import {addGlobalOptions} from './global-options.ts';
import {kindAndNames, objectName, withoutKind} from './object-name.ts';
import {clientVersion} from './version.ts';

/**
 * What an action needs: the context is made late, and each command's code is imported only when it is called, so that
 * `krt --help` and completion load next to nothing.
 */
export interface ProgramHost extends CallContext {
  context(): Promise<CommandContext>;
  finish(code: ExitCode): void;
  /** The arguments as given, to tell what stood after `--`. */
  argv: readonly string[];
}

const repeat = (value: string, previous: string[] | undefined): string[] => [...(previous ?? []), value];

/** The whole command tree. Also the source of docs/cli.md and of shell completion. */
export function createProgram(host: ProgramHost): Command {
  const program = new Command(host.program);
  program
    .description('Runs short tasks on warm Pods of a Kubernetes cluster.')
    .version(`krt ${clientVersion()}`, '--version', 'print the version of krt')
    .helpOption('-h, --help', 'show this help')
    .helpCommand('help [command]', 'show the help of a command')
    .exitOverride();
  const {stdout, stderr} = host.terminal;
  // Commands inherit it when they are made.
  program.configureOutput({
    writeOut: (text) => stdout.write(text),
    writeErr: (text) => stderr.write(text),
    getOutHelpWidth: () => helpWidth(stdout),
    outputError: () => undefined,
  });
  addGlobalOptions(program);
  addRun(program, host);
  addGet(program, host);
  addDescribe(program, host);
  addWhy(program, host);
  addResult(program, host);
  addLogs(program, host);
  addArtifacts(program, host);
  addWait(program, host);
  addCancel(program, host);
  addDelete(program, host);
  addRuntime(program, host);
  addDoctor(program, host);
  addDev(program, host);
  addCompletion(program, host);
  addVersion(program, host);
  program.addHelpText(
    'after',
    `\n${exitCodeHelp()}\n\nExamples:\n${examples(host, [
      ['run --runtime bash --follow -- echo hello', 'run a command, print its output, exit with its code'],
      ['run --runtime bash --script-file build.sh --wait', 'run a script and wait for its end'],
      ['get -w', 'watch the Runs of the namespace'],
      ['result hello', 'phase, exit code, outputs and artifacts of a Run'],
    ])}`,
  );
  for (const command of program.commands) inherit(command, host);
  return program;
}

/** Wide enough for the examples, even where stdout is no terminal and tells no width. */
function helpWidth(stdout: {columns?: number}): number {
  return Math.min(Math.max(stdout.columns ?? 100, 60), 120);
}

export function exitCodeHelp(): string {
  const width = Math.max(...exitCodeRows.map((row) => row.code.length));
  return `Exit codes:\n${exitCodeRows.map(({code, meaning}) => `  ${code.padEnd(width)}  ${meaning}`).join('\n')}`;
}

function inherit(command: Command, host: ProgramHost): void {
  command.exitOverride().helpOption('-h, --help', 'show this help');
  for (const child of command.commands) inherit(child, host);
  if (command.commands.length === 0) {
    command.addHelpText(
      'after',
      `\nFlags for cluster and namespace (-n, --context, --kubeconfig ...): see ${host.program} --help`,
    );
  }
}

function examples(host: ProgramHost, rows: readonly (readonly [string, string])[]): string {
  return rows
    .map(
      ([line, what]) =>
        `  # ${what}\n  ${line.startsWith('|') ? line.slice(1).replaceAll('krt', host.program) : `${host.program} ${line}`}`,
    )
    .join('\n\n');
}

function addExamples(command: Command, host: ProgramHost, rows: readonly (readonly [string, string])[]): Command {
  return command.addHelpText('after', `\nExamples:\n${examples(host, rows)}`);
}

/** Runs `work` and hands its exit code to the host. */
function action(
  host: ProgramHost,
  work: (context: CommandContext, flags: object, args: string[]) => Promise<ExitCode>,
): (...args: unknown[]) => Promise<void> {
  return async (...args) => {
    const command = args.at(-1) as Command;
    const context = await host.context();
    host.finish(await work(context, command.optsWithGlobals(), command.args));
  };
}

function runNames(args: readonly string[]): string[] {
  return args.map((each) => objectName(each, 'run'));
}

function option(flags: string, description: string, source?: CompletionSource): Option {
  const created = new Option(flags, description);
  return source ? completedBy(created, source) : created;
}

function repeatable(flags: string, description: string, source?: CompletionSource): Option {
  return option(flags, `${description}; can be repeated`, source).argParser(repeat);
}

function argument(name: string, description: string, source: CompletionSource): Argument {
  return completedBy(new Argument(name, description), source);
}

const values = (...list: string[]): CompletionSource => ({kind: 'values', values: list});
const tableFormats = values('table', 'wide', 'json', 'yaml', 'name', 'jsonpath=');

function addRun(program: Command, host: ProgramHost): void {
  const command = program
    .command('run')
    .summary('create a Run, and wait for it if asked to')
    .description(
      'Creates a Run from flags, from a manifest (-f) or from both: flags win over what the manifest says.\n' +
        'What stands after "--" is the command line or, with a script, its arguments.\n' +
        'Without --wait or --follow krt exits as soon as the cluster has taken the Run.\n\n' +
        'Ctrl-C while krt waits leaves the Run alone and says how to go on. With --cancel-on-interrupt it cancels the Run ' +
        'and waits for its end; a second Ctrl-C stops waiting.',
    )
    .usage('[flags] [-- ARG...]')
    .argument('[args...]', 'after "--": command line, or arguments of the script');
  const what = 'What to run:';
  for (const each of [
    option('-r, --runtime <name>', 'Runtime to run on', {kind: 'runtimes'}),
    option('--script <text>', 'script to run'),
    option('--script-file <file>', 'file with the script to run; - is stdin', {kind: 'files'}),
    repeatable('--file <path=file>', 'file for the working directory, or FILE alone', {kind: 'files'}),
    option('--git <url>', 'git repository for the working directory, https or ssh'),
    option('--revision <name>', "with --git: branch, tag or commit (default: the remote's HEAD)"),
    option('--git-path <directory>', 'with --git: directory of the repository that becomes the working directory'),
    option('--git-depth <n>', 'with --git: commits to fetch, 0 for all (default: 1)'),
    option('--git-secret <name>', 'with --git: one of the gitCredentials of the Runtime'),
    option('--entrypoint <path>', 'file of the source to start (default: script)'),
    repeatable('-f, --filename <file>', 'manifest with Runs, YAML or JSON; - is stdin', {kind: 'files'}),
    repeatable('-e, --env <name=value>', "environment variable; NAME alone takes the value from krt's own environment"),
  ]) {
    command.addOption(each.helpGroup(what));
  }
  const how = 'How to run it:';
  for (const each of [
    option('--name <name>', 'name of the Run'),
    option('--generate-name <prefix>', 'let the cluster complete the name (default: the Runtime and "-")'),
    option('--timeout <duration>', 'longest time of one attempt, such as 30s or 5m: then the Run ends as Timeout'),
    option('--max-attempts <n>', 'attempts in all, the first one included'),
    option('--retry-backoff <duration>', 'wait before the second attempt; doubles with each further one'),
    option('--retry-max-backoff <duration>', 'longest wait before an attempt'),
    repeatable('--retry-on <reason>', 'retry only after these reasons', values(...retryableReasons)),
    option('--priority <n>', 'among waiting Runs of a Runtime the highest is first'),
    repeatable('--request <resource=n>', 'units of the capacity of a Runtime Pod to take, such as runs=2'),
    option('--artifacts <when>', 'store artifacts Always (default) or OnSuccess only', values('Always', 'OnSuccess')),
    option('--ttl <duration>', 'keep the finished Run for so long'),
    repeatable('-l, --label <key=value>', 'label of the Run'),
    repeatable('--annotation <key=value>', 'annotation of the Run'),
  ]) {
    command.addOption(each.helpGroup(how));
  }
  const after = 'What krt does then:';
  for (const each of [
    option('-w, --wait', "wait for the end; exit with the Run's code"),
    option('--follow', "print the output as it comes, wait for the end; exit with the Run's code"),
    option('--wait-timeout <duration>', 'stop waiting after this time (exit code 122); the Run goes on'),
    option('--cancel-on-interrupt', 'Ctrl-C cancels the Run'),
    option('--rm', 'delete the Run when it has ended'),
    option('-q, --quiet', 'no progress and no remarks on stderr'),
    option(
      '--dry-run <mode>',
      'client: only print the Run; server: let the cluster check it without keeping it',
      values('none', 'client', 'server'),
    ),
    option(
      '-o, --output <format>',
      'json, yaml, name or jsonpath=TEMPLATE',
      values('json', 'yaml', 'name', 'jsonpath='),
    ),
  ]) {
    command.addOption(each.helpGroup(after));
  }
  addExamples(command, host, [
    ['run --runtime bash --follow -- echo hello', 'a command line; its output and exit code become those of krt'],
    [`run --runtime bash --script 'echo "$1"' --wait -- hello`, 'a script with an argument'],
    [
      'run --runtime bash --script-file build.sh -e TARGET=release --timeout 5m --max-attempts 3',
      'a script file with environment, time limit and retries',
    ],
    [
      'run --runtime bash --git https://git.example.com/team/jobs.git --revision main --entrypoint nightly.sh --wait',
      'a file of a git repository',
    ],
    ['run --runtime bash --file main.sh --file lib/x.sh=x.sh --entrypoint main.sh', 'files from here'],
    ['run -f hello.yaml --wait', 'a manifest'],
    ['|cat hello.yaml | krt run -f - --env MESSAGE=hi --follow', 'a manifest from stdin with one more variable'],
    [
      'run --runtime bash --dry-run=client -o yaml -- echo hello > hello.yaml',
      'write a manifest instead of creating the Run',
    ],
    [
      "run --runtime bash --script 'echo result=ok >> \"$KRUNTIME_OUTPUTS\"' --wait -o jsonpath='{.status.outputs.result}'",
      'print one output of a Run',
    ],
  ]);
  command.action(
    action(host, async (context, flags, args) => {
      const {checkSeparator} = await import('./argument-list.ts');
      checkSeparator(args, host.argv, context.program);
      const {runRun} = await import('./commands/run.ts');
      return await runRun(context, flags, args);
    }),
  );
}

function addGet(program: Command, host: ProgramHost): void {
  const command = program
    .command('get')
    .summary('show Runs')
    .description(
      'Shows Runs, all of the namespace or those named. As with kubectl, a kind may stand before the names: run or runs, runtime or\n' +
        'runtimes. (A Run that has such a name is run/NAME.)',
    )
    .addArgument(argument('[name...]', 'Runs to show', {kind: 'runs'}));
  addGetOptions(command);
  addExamples(command, host, [
    ['get', 'the Runs of the namespace'],
    ['get hello -o yaml', 'everything about one Run'],
    ['get runtimes', 'the Runtimes'],
    ['get -A -l team=ci -o wide', 'Runs of all namespaces with a label, all columns'],
    ['get -w --field-selector status.phase=Running', 'watch the Runs that are running'],
  ]);
  command.action(
    action(host, async (context, flags, args) => {
      const {kind, names} = kindAndNames(args);
      if (kind === 'runtime') {
        const {getRuntimes} = await import('./commands/runtime.ts');
        return await getRuntimes(context, flags, names);
      }
      const {getRuns} = await import('./commands/get.ts');
      return await getRuns(context, flags, names);
    }),
  );
}

function addGetOptions(command: Command): void {
  command
    .addOption(option('-o, --output <format>', 'table, wide, json, yaml, name or jsonpath=TEMPLATE', tableFormats))
    .addOption(option('-w, --watch', 'go on and show changes'))
    .addOption(option('-A, --all-namespaces', 'of all namespaces'))
    .addOption(option('-l, --selector <selector>', 'only with these labels, such as team=ci,env!=prod'))
    .addOption(option('--field-selector <selector>', 'only with these fields, such as status.phase=Failed'))
    .addOption(option('--show-labels', 'labels as the last column'))
    .addOption(option('--no-headers', 'leave out the line with the column names'));
}

function addDescribe(program: Command, host: ProgramHost): void {
  const command = program
    .command('describe')
    .summary('show everything about Runs')
    .description(
      'Shows what the cluster knows of Runs: source, phase, attempts, outputs, artifacts and conditions; why each is where it is, and where its time went. As with kubectl, the word "run" may stand before the names.',
    )
    .addArgument(argument('<name...>', 'Runs to describe', {kind: 'runs'}));
  addExamples(command, host, [
    ['describe hello', 'one Run'],
    ['describe run hello', 'the same'],
  ]);
  command.action(
    action(host, async (context, flags, args) => {
      const {describeRuns} = await import('./commands/describe.ts');
      return await describeRuns(context, flags, runNames(withoutKind(args)));
    }),
  );
}

function addWhy(program: Command, host: ProgramHost): void {
  const command = program
    .command('why')
    .summary('say what a Run waits for or why it ended, and what helps')
    .description(
      'Says what a Run waits for, or why it ended as it did, what would help, and where its time went: in the queue, in preparing, in\n' +
        'its program. It reads the Run, and as far as you may: its Runtime, its Pods and their events. What is not recorded is said so.',
    )
    .addArgument(argument('<name...>', 'Runs to explain', {kind: 'runs'}))
    .addOption(option('-o, --output <format>', 'json or yaml', values('json', 'yaml')));
  addExamples(command, host, [
    ['why hello', 'what it waits for, and what to do'],
    ["why hello -o json | jq '.times.steps'", 'how long each step took, in seconds'],
  ]);
  command.action(
    action(host, async (context, flags, args) => {
      const {explainRuns} = await import('./commands/why.ts');
      return await explainRuns(context, flags, runNames(withoutKind(args)));
    }),
  );
}

function addResult(program: Command, host: ProgramHost): void {
  const command = program
    .command('result')
    .summary('show how a Run ended and what it gave')
    .description(
      'Shows phase, exit code, outputs and artifacts of a Run. With KEY it prints the bare value of that output.',
    )
    .addArgument(argument('<name>', 'the Run', {kind: 'runs'}))
    .addArgument(argument('[key]', 'one of its outputs', {kind: 'outputs'}))
    .addOption(option('-o, --output <format>', 'json, yaml or jsonpath=TEMPLATE', values('json', 'yaml', 'jsonpath=')));
  addExamples(command, host, [
    ['result hello', 'everything'],
    ['|version="$(krt result build version)"', 'one output, for a shell variable'],
    ["result hello -o jsonpath='{.exitCode}'", 'the exit code'],
  ]);
  command.action(
    action(host, async (context, flags, [name = '', key]) => {
      const {printResult} = await import('./commands/result.ts');
      return await printResult(context, flags, objectName(name, 'run'), key);
    }),
  );
}

function addLogs(program: Command, host: ProgramHost): void {
  const command = program
    .command('logs')
    .summary('print the output of a Run')
    .description(
      "Prints what a Run's program wrote: its stdout to stdout and its stderr to stderr, byte for byte and each byte once.\n" +
        'With -f a Run that is still queued is waited for, and further attempts follow, on whatever Pod.\n' +
        'When the Pod is gone, the log is read from the artifact store, if the Runtime has one.',
    )
    .addArgument(argument('<name>', 'the Run', {kind: 'runs'}))
    .addOption(option('-f, --follow', 'go on until the Run has ended'))
    .addOption(option('--attempt <n>', 'of this attempt (default: the present or last one)'))
    .addOption(option('-p, --previous', 'of the attempt before the present or last one'))
    .addOption(option('--tail <lines>', 'only the last lines of what there is; -1: all'))
    .addOption(option('--since <duration>', 'only what was written in this last time, such as 5m'))
    .addOption(
      option('--since-time <time>', 'only what was written at or after this time, such as 2026-01-31T10:00:00Z'),
    )
    .addOption(option('--timestamps', 'put the time before each line'))
    .addOption(option('-q, --quiet', 'no progress and no remarks on stderr'));
  addExamples(command, host, [
    ['logs hello', 'what has been written until now'],
    ['logs -f hello', 'follow, also if the Run has not started yet'],
    ['logs hello 2>/dev/null | tail -1', 'stdout alone'],
    ['logs hello --previous', 'the attempt before the last'],
    ['logs hello --attempt 1 --timestamps', 'the first of several attempts, with times'],
  ]);
  command.action(
    action(host, async (context, flags, [name = '']) => {
      const {printLogs} = await import('./commands/logs.ts');
      return await printLogs(context, flags, objectName(name, 'run'));
    }),
  );
}

function addArtifacts(program: Command, host: ProgramHost): void {
  const command = program
    .command('artifacts')
    .aliases(['artifact'])
    .summary('list and download the artifacts of a Run')
    .description('Lists and downloads what a Run has stored: the files of "$KRUNTIME_ARTIFACTS_DIR", and its log.');
  const list = command
    .command('list')
    .alias('ls')
    .summary('list the artifacts of a Run')
    .description('Lists the artifacts of a Run with their sizes.')
    .addArgument(argument('<run>', 'the Run', {kind: 'runs'}))
    .addOption(option('-o, --output <format>', 'table, wide, json, yaml, name or jsonpath=TEMPLATE', tableFormats))
    .addOption(option('--no-headers', 'leave out the line with the column names'));
  addExamples(list, host, [
    ['artifacts list hello', 'names, sizes and types'],
    ['artifacts list hello -o wide', 'digests and keys in the store too'],
  ]);
  list.action(
    action(host, async (context, flags, [run = '']) => {
      const {listArtifacts} = await import('./commands/artifacts.ts');
      return await listArtifacts(context, flags, objectName(run, 'run'));
    }),
  );
  const get = command
    .command('get')
    .summary('download artifacts of a Run')
    .description(
      'Downloads artifacts of a Run through the API server and checks their digests. Without NAME it takes the only one there is.\n' +
        'A download that was cut off goes on where it stopped; until it is complete and checked, its file is called NAME.part.\n\n' +
        'It needs the permissions to list and watch pods and to get and create pods/portforward.',
    )
    .addArgument(argument('<run>', 'the Run', {kind: 'runs'}))
    .addArgument(argument('[name...]', 'its artifacts', {kind: 'artifacts'}))
    .addOption(
      option('-o, --output <path>', 'directory, file (of one artifact) or - for stdout (default: .)', {kind: 'files'}),
    )
    .addOption(option('--all', 'all artifacts of the Run, its log included'))
    .addOption(option('--extract', 'unpack .tar.gz artifacts into directories of their names'))
    .addOption(option('--force', 'replace what is there'))
    .addOption(option('--timeout <duration>', 'give up when nothing has come for so long (default: 1m)'))
    .addOption(option('-q, --quiet', 'no progress, and no names of files on stdout'));
  addExamples(get, host, [
    ['artifacts get hello', 'the only one, into this directory'],
    ['artifacts get hello report.html -o /tmp/report.html', 'one, under another name'],
    ['artifacts get hello data.csv -o - | head', 'to a pipe'],
    ['artifacts get hello --all --extract -o results', 'all, with directories unpacked'],
  ]);
  get.action(
    action(host, async (context, flags, [run = '', ...names]) => {
      const {getArtifacts} = await import('./commands/artifacts.ts');
      return await getArtifacts(context, flags, objectName(run, 'run'), names);
    }),
  );
}

function addWait(program: Command, host: ProgramHost): void {
  const command = program
    .command('wait')
    .summary('wait for Runs')
    .description(
      'Waits until Runs have ended and exits with the code of the first, in the order given, that did not succeed.\n' +
        'With --for it waits for something else and exits 0 when it is reached, 1 when it cannot be reached any more.',
    )
    .addArgument(argument('[name...]', 'Runs to wait for', {kind: 'runs', only: 'open'}))
    .addOption(
      option(
        '--for <goal>',
        'end (default), delete, or phase/<Phase>: the Run is or has been in that phase',
        values(
          'end',
          'delete',
          'phase/Scheduled',
          'phase/Running',
          'phase/Succeeded',
          'phase/Failed',
          'phase/Timeout',
          'phase/Cancelled',
        ),
      ),
    )
    .addOption(option('--timeout <duration>', 'stop waiting after this time (exit code 122)'))
    .addOption(option('-l, --selector <selector>', 'Runs with these labels instead of names'))
    .addOption(option('-q, --quiet', 'no progress on stderr'));
  addExamples(command, host, [
    ['wait hello', 'until the Run has ended'],
    ['wait -l batch=42 --timeout 10m', 'several Runs, not longer than ten minutes'],
    ['wait hello --for phase/Running', 'until its program has been started'],
  ]);
  command.action(
    action(host, async (context, flags, args) => {
      const {waitForRuns} = await import('./commands/wait.ts');
      return await waitForRuns(context, flags, runNames(args));
    }),
  );
}

function addCancel(program: Command, host: ProgramHost): void {
  const command = program
    .command('cancel')
    .summary('cancel Runs')
    .description(
      'Asks the cluster to cancel Runs. One that is running gets SIGTERM and, after a grace period, SIGKILL; it ends as Cancelled.',
    )
    .addArgument(argument('[name...]', 'Runs to cancel', {kind: 'runs', only: 'open'}))
    .addOption(option('-l, --selector <selector>', 'Runs with these labels instead of names'))
    .addOption(option('--all', 'all Runs of the namespace'))
    .addOption(option('-w, --wait', 'wait until they have ended'))
    .addOption(option('--timeout <duration>', 'with --wait: stop waiting after this time (exit code 122)'))
    .addOption(option('-q, --quiet', 'no progress on stderr'));
  addExamples(command, host, [
    ['cancel hello', 'one Run'],
    ['cancel -l batch=42 --wait', 'several, until they have ended'],
  ]);
  command.action(
    action(host, async (context, flags, args) => {
      const {cancelRuns} = await import('./commands/cancel.ts');
      return await cancelRuns(context, flags, runNames(args));
    }),
  );
}

function addDelete(program: Command, host: ProgramHost): void {
  const command = program
    .command('delete')
    .summary('delete Runs, cancelling them first')
    .description(
      'Cancels Runs that have not ended, waits for their end, then deletes them. With --wait=false they are deleted at once.',
    )
    .addArgument(argument('[name...]', 'Runs to delete', {kind: 'runs'}))
    .addOption(option('-l, --selector <selector>', 'Runs with these labels instead of names'))
    .addOption(option('--all', 'all Runs of the namespace'))
    .addOption(option('--wait', 'wait for the end before deleting').default(true, 'true'))
    .addOption(new Option('--no-wait').hideHelp())
    .addOption(option('--timeout <duration>', 'stop waiting after this time (exit code 122)'))
    .addOption(option('--ignore-not-found', 'a Run that does not exist is no error'))
    .addOption(option('-q, --quiet', 'no progress on stderr'));
  addExamples(command, host, [
    ['delete hello', 'one Run'],
    ['delete --all --wait=false', 'all Runs of the namespace, without waiting'],
  ]);
  command.action(
    action(host, async (context, flags, args) => {
      const {deleteRuns} = await import('./commands/delete.ts');
      return await deleteRuns(context, flags, runNames(args));
    }),
  );
}

function addRuntime(program: Command, host: ProgramHost): void {
  const command = program
    .command('runtime')
    .aliases(['runtimes', 'rt'])
    .summary('show Runtimes')
    .description('Shows the Runtimes on which Runs can be run.');
  const list = command
    .command('list')
    .alias('ls')
    .summary('list Runtimes')
    .description('Lists the Runtimes of the namespace.');
  addGetOptions(list);
  addExamples(list, host, [
    ['runtime list', 'the Runtimes of the namespace'],
    ['runtime list -A', 'of all namespaces'],
  ]);
  list.action(
    action(host, async (context, flags) => {
      const {getRuntimes} = await import('./commands/runtime.ts');
      return await getRuntimes(context, flags, []);
    }),
  );
  const get = command
    .command('get')
    .summary('show some Runtimes')
    .description('Shows the Runtimes named.')
    .addArgument(argument('<name...>', 'Runtimes to show', {kind: 'runtimes'}));
  addGetOptions(get);
  addExamples(get, host, [
    ['runtime get bash', 'one Runtime'],
    ['runtime get bash -o yaml', 'everything about it'],
  ]);
  get.action(
    action(host, async (context, flags, args) => {
      const {getRuntimes} = await import('./commands/runtime.ts');
      return await getRuntimes(
        context,
        flags,
        args.map((each) => objectName(each, 'runtime')),
      );
    }),
  );
}

function addDoctor(program: Command, host: ProgramHost): void {
  const command = program
    .command('doctor')
    .summary('check an installation, and say what to do')
    .description(
      'Checks whether kruntimes works here, with your permissions and without changing anything: the API server, the kinds, what you\n' +
        'may do in the namespace, the control plane, Runtimes and their Pods, and Runs that nobody cares for. One line each says ok, warning,\n' +
        'problem or unknown, and what to do. What you may not see is unknown, and no problem. Exit code 1: there is a problem.',
    )
    .addOption(
      option('--system-namespace <name>', 'namespace of the election Leases (default: kube-system)', {
        kind: 'namespaces',
      }),
    )
    .addOption(option('-o, --output <format>', 'json or yaml', values('json', 'yaml')));
  addExamples(command, host, [
    ['doctor', 'this cluster and namespace'],
    ['doctor -n team-a --as ann', 'as another user, in another namespace'],
    ['doctor -o json | jq -r \'.checks[] | select(.status != "ok") | .check\'', 'for scripts'],
  ]);
  command.action(
    action(host, async (context, flags) => {
      const {checkInstallation} = await import('./commands/doctor.ts');
      return await checkInstallation(context, flags);
    }),
  );
}

function addDev(program: Command, host: ProgramHost): void {
  const dev = program
    .command('dev')
    .summary('a cluster of your own on this machine')
    .description(
      'Runs a Kubernetes API server, the control plane of kruntimes and a node on this machine, without containers: Pods of Runtimes\n' +
        'are processes. The same manifests work in a cluster. Its data stays in $XDG_DATA_HOME/kruntimes/dev (~/.local/share on Linux,\n' +
        '~/Library/Application Support on macOS) until krt dev reset. Programs run as you, with your permissions.',
    );
  const up = dev
    .command('up')
    .summary('start it')
    .description(
      'Starts the cluster, with a Runtime named bash, and stops it at Ctrl-C; with --detach it goes on in the background.\n' +
        'It has a kubeconfig of its own; with --merge the context kruntimes-dev is added to yours, and nothing else in it changes.\n' +
        'The context is there as long as the cluster is up: krt dev down and Ctrl-C take it out again.\n\n' +
        'A cluster that is up already is only shown (and merged): a second terminal does no harm. Its API server keeps its port, unless\n' +
        'another program has taken that meanwhile.\n\n' +
        'kubectl logs, exec, attach, cp, debug and port-forward work with its Pods; -t wants script(1) of util-linux. A container that\n' +
        'kubectl debug adds with a command runs that here, whatever its image is.',
    )
    .addOption(option('-d, --detach', 'return when it is ready'))
    .addOption(option('--merge', 'add the context kruntimes-dev to the kubeconfig ($KUBECONFIG, else ~/.kube/config)'))
    .addOption(option('-o, --output <format>', 'json or yaml', values('json', 'yaml')))
    .addOption(option('-q, --quiet', 'no progress on stderr'));
  addExamples(up, host, [
    ['dev up', 'until Ctrl-C'],
    ['dev up --detach --merge', 'in the background, reachable as context kruntimes-dev'],
    [`|KUBECONFIG=$(krt dev up --detach -o json | jq -r .kubeconfig) krt get`, 'for scripts'],
  ]);
  up.action(
    action(host, async (context, flags) => {
      const {devUp} = await import('./commands/dev.ts');
      return await devUp(context, flags);
    }),
  );
  const down = dev
    .command('down')
    .summary('stop it; its data stays')
    .description(
      'Stops the cluster and takes the context that --merge has added out of the kubeconfig. Its data stays for the next krt dev up.',
    )
    .addOption(option('-o, --output <format>', 'json or yaml', values('json', 'yaml')));
  addExamples(down, host, [['dev down', 'stop it']]);
  down.action(
    action(host, async (context, flags) => {
      const {devDown} = await import('./commands/dev.ts');
      return await devDown(context, flags);
    }),
  );
  const status = dev
    .command('status')
    .summary('show whether it is up, and where')
    .description(
      'Shows whether the cluster is up, and where its API server, kubeconfig and data are. Exits 1 when it is not ready.',
    )
    .addOption(option('-o, --output <format>', 'json or yaml', values('json', 'yaml')));
  addExamples(status, host, [
    ['dev status', 'for people'],
    ['dev status -o json', 'for programs'],
  ]);
  status.action(
    action(host, async (context, flags) => {
      const {devStatus} = await import('./commands/dev.ts');
      return await devStatus(context, flags);
    }),
  );
  const logs = dev
    .command('logs')
    .summary('print the logs of its parts')
    .description('Prints the logs of the parts of the cluster: apiserver, controller, scheduler, and krt itself.')
    .addArgument(
      argument('[part...]', 'of these parts (default: all)', values('apiserver', 'controller', 'scheduler', 'krt')),
    )
    .addOption(option('-f, --follow', 'go on until Ctrl-C'))
    .addOption(option('--tail <lines>', 'only the last lines of each'));
  addExamples(logs, host, [
    ['dev logs --tail 20', 'the last lines of all parts'],
    ['dev logs -f scheduler', 'follow one'],
  ]);
  logs.action(
    action(host, async (context, flags, names) => {
      const {devLogs} = await import('./commands/dev.ts');
      return await devLogs(context, flags, names);
    }),
  );
  const reset = dev
    .command('reset')
    .summary('stop it and remove all its data')
    .description(
      'Stops the cluster, removes all its data, and takes the context that --merge has added out of the kubeconfig.',
    )
    .addOption(option('-o, --output <format>', 'json or yaml', values('json', 'yaml')));
  addExamples(reset, host, [['dev reset', 'begin anew']]);
  reset.action(
    action(host, async (context, flags) => {
      const {devReset} = await import('./commands/dev.ts');
      return await devReset(context, flags);
    }),
  );
}

function addCompletion(program: Command, host: ProgramHost): void {
  const command = program
    .command('completion')
    .summary('print a completion script for a shell')
    .description('Prints a script that makes the shell complete commands, flags and the names of Runs and Runtimes.')
    .addArgument(
      completedBy(
        new Argument('<shell>', 'bash, zsh or fish').choices(['bash', 'zsh', 'fish']),
        values('bash', 'zsh', 'fish'),
      ),
    );
  addExamples(command, host, [
    ['|source <(krt completion bash)', 'in this shell; put the line into ~/.bashrc to keep it'],
    ['|krt completion zsh > "${fpath[1]}/_krt"', 'zsh'],
    ['|krt completion fish > ~/.config/fish/completions/krt.fish', 'fish'],
  ]);
  command.action(async (shell: string) => {
    const {printCompletionScript} = await import('./commands/completion.ts');
    host.finish(await printCompletionScript(host, shell));
  });
}

function addVersion(program: Command, host: ProgramHost): void {
  const command = program
    .command('version')
    .summary('print versions of krt and of the cluster')
    .description('Prints the version of krt, of the API server, and which versions of kruntimes.io it serves.')
    .addOption(option('--client', 'of krt alone; asks no cluster'))
    .addOption(option('-o, --output <format>', 'json or yaml', values('json', 'yaml')));
  addExamples(command, host, [
    ['version', 'both'],
    ['version --client -o json', 'krt alone, as JSON'],
  ]);
  command.action(async (_flags: object, self: Command) => {
    const {printVersion} = await import('./commands/version.ts');
    host.finish(await printVersion(host, self.optsWithGlobals()));
  });
}
