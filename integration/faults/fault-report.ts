import {mkdirSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';

/** What one round measured. */
export interface RoundFigures {
  runs: number;
  /** From the fault to the first state of a Run that the part which was hit must have had a hand in. */
  recoveredMs?: number;
  /** From the fault to the end of the last Run. */
  endedMs: number;
  /** Attempts lost to infrastructure. */
  disruptions: number;
  /** Attempts after a program's own failure. */
  retries: number;
  executions: number;
}

/** The figures of all rounds of one part or connection. */
export class FaultReport {
  readonly #suite: string;
  readonly #seed: number;
  readonly #directory: string | undefined;
  readonly #rounds = new Map<string, RoundFigures[]>();

  constructor(suite: string, options: {seed: number; directory: string | undefined}) {
    this.#suite = suite;
    this.#seed = options.seed;
    this.#directory = options.directory;
  }

  add(part: string, round: RoundFigures): void {
    this.#rounds.set(part, [...(this.#rounds.get(part) ?? []), round]);
    this.#write();
  }

  /** A table for people. */
  table(): string {
    const header = `faults: ${this.#suite}, seed ${this.#seed}`;
    const rows = this.#summaries().map(
      (row) =>
        `  ${row.part.padEnd(32)} ${row.rounds} rounds, ${row.runs} Runs; back after p50 ${text(row.recoveredMs.p50)}, max ${text(row.recoveredMs.max)}; ` +
        `all ended after p50 ${text(row.endedMs.p50)}, max ${text(row.endedMs.max)}; ` +
        `${row.executions} executions, ${row.disruptions} disruptions, ${row.retries} retries`,
    );
    return [header, ...rows, ''].join('\n');
  }

  #summaries() {
    return [...this.#rounds].map(([part, rounds]) => ({
      part,
      rounds: rounds.length,
      runs: sum(rounds, ({runs}) => runs),
      recoveredMs: spread(rounds.flatMap(({recoveredMs}) => recoveredMs ?? [])),
      endedMs: spread(rounds.map(({endedMs}) => endedMs)),
      executions: sum(rounds, ({executions}) => executions),
      disruptions: sum(rounds, ({disruptions}) => disruptions),
      retries: sum(rounds, ({retries}) => retries),
    }));
  }

  /** After each round, so that a run that is interrupted has not been for nothing. */
  #write(): void {
    if (this.#directory === undefined) return;
    mkdirSync(this.#directory, {recursive: true});
    const report = {suite: this.#suite, seed: this.#seed, parts: this.#summaries()};
    writeFileSync(join(this.#directory, `${this.#suite}.json`), `${JSON.stringify(report, undefined, 2)}\n`);
  }
}

function sum(rounds: readonly RoundFigures[], value: (round: RoundFigures) => number): number {
  return rounds.reduce((total, round) => total + value(round), 0);
}

function spread(values: readonly number[]): {p50?: number; max?: number} {
  const sorted = values.map((value) => Math.round(value)).toSorted((a, b) => a - b);
  const [p50, max] = [sorted[Math.floor(sorted.length / 2)], sorted.at(-1)];
  return p50 === undefined || max === undefined ? {} : {p50, max};
}

function text(ms: number | undefined): string {
  return ms === undefined ? '-' : `${(ms / 1000).toFixed(1)} s`;
}
