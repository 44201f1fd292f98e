import type {Run} from '@kruntimes/api-types';
import {formatDuration} from './duration.ts';
import {describeEnd, runDurationMs} from './run-position.ts';
import {painter, phaseStyle, type Terminal} from './terminal.ts';

/** What someone may want to do with Runs that go on without us. */
export function nextCommands(program: string, names: readonly string[]): string {
  const list = names.join(' ');
  return `${program} logs -f ${names[0] ?? ''}, ${program} wait ${list}, ${program} cancel ${list}`;
}

/** What krt itself says on stderr while it waits: on a terminal, or when an exit code needs an explanation. */
export class RunNotices {
  readonly #terminal: Terminal;
  readonly #program: string;
  readonly #chatty: boolean;

  constructor(terminal: Terminal, program: string, options: {quiet?: boolean | undefined} = {}) {
    this.#terminal = terminal;
    this.#program = program;
    this.#chatty = Boolean(terminal.stderr.isTTY) && !options.quiet;
  }

  /** For people who watch: not said when stderr is a file or a pipe. */
  remark(text: string): void {
    if (this.#chatty) this.say(this.#paint('dim', text));
  }

  /** Always said. */
  say(text: string): void {
    this.#terminal.stderr.write(`${text}\n`);
  }

  /** The line that explains an exit code that is not the program's own; on a terminal every end gets a line. */
  end(run: Run): void {
    const name = run.metadata?.name ?? '';
    const {phase, exitCode, signal} = run.status ?? {};
    const byProgram = phase === 'Succeeded' || (phase === 'Failed' && (Boolean(exitCode) || Boolean(signal)));
    if (byProgram && !this.#chatty) return;
    // After how long it timed out is said already.
    const duration = phase === 'Timeout' ? undefined : runDurationMs(run);
    const took = duration === undefined ? '' : this.#paint('dim', ` in ${formatDuration(duration)}`);
    this.say(`${this.#program}: Run ${name} ${this.#paint(phaseStyle(phase), describeEnd(run))}${took}`);
  }

  goesOn(names: readonly string[]): void {
    const subject = names.length === 1 ? `Run ${names[0]} goes on` : `Runs ${names.join(' ')} go on`;
    this.say(`${this.#program}: stopped waiting; ${subject} (${nextCommands(this.#program, names)})`);
  }

  /** The terminal has put ^C on the line that the program was writing. */
  newLineAfterInterrupt(): void {
    if (this.#terminal.stderr.isTTY) this.say('');
  }

  /** The log stops before the attempt's own last line: some bytes may be missing, and nobody knows how many. */
  endMissing(problem?: string): void {
    const why = problem === undefined ? '' : `; the copy in the artifact store cannot be read: ${problem}`;
    if (why === '') this.remark('the end of the log is missing');
    else this.say(`${this.#program}: the end of the log is missing${why}`);
  }

  missing(stream: string, bytes: number): void {
    this.say(
      `${this.#program}: ${bytes} bytes of ${stream} are missing: over the output limit of the Runtime, or no longer in the log of its Pod`,
    );
  }

  #paint(...args: Parameters<ReturnType<typeof painter>>): string {
    return painter(this.#terminal.stderr, this.#terminal.env)(...args);
  }
}
