import {usageError} from './krt-error.ts';

/** What `normalizeArguments` must know of the flags. */
export interface FlagNames {
  /** Long names (without `--`) of flags that take no value. */
  booleans: ReadonlySet<string>;
}

const truth: Readonly<Record<string, boolean>> = {true: true, false: false, '1': true, '0': false, t: true, f: false};

/**
 * Rewrites the spellings that kubectl's users know and commander does not: `--wait=false` (also of flags that are on by
 * default), `--wait=true`, `-o=yaml`. Nothing after `--` is touched.
 */
export function normalizeArguments(argv: readonly string[], flags: FlagNames): string[] {
  const end = argv.indexOf('--');
  const head = end < 0 ? argv : argv.slice(0, end);
  const tail = end < 0 ? [] : argv.slice(end);
  const result: string[] = [];
  for (const argument of head) {
    const boolean = /^--([a-z][a-z0-9-]*)=([a-z0-9]+)$/.exec(argument);
    const value = truth[boolean?.[2] ?? ''];
    if (boolean?.[1] && value !== undefined && flags.booleans.has(boolean[1])) {
      result.push(value ? `--${boolean[1]}` : `--no-${boolean[1]}`);
      continue;
    }
    const short = /^(-[a-zA-Z])=(.*)$/s.exec(argument);
    if (short?.[1]) result.push(short[1], short[2] ?? '');
    else result.push(argument);
  }
  return [...result, ...tail];
}

/** How many of `operands` stood after `--` in `argv`; undefined without `--`. */
export function countAfterSeparator(argv: readonly string[]): number | undefined {
  const separator = argv.indexOf('--');
  return separator < 0 ? undefined : argv.length - separator - 1;
}

/**
 * Whatever a program should get stands after `--`: then none of its flags can be taken for one of krt's.
 * @throws KrtError `USAGE` when operands stand before it
 */
export function checkSeparator(operands: readonly string[], argv: readonly string[], program: string): void {
  if (operands.length === 0 || operands.length === countAfterSeparator(argv)) return;
  const first = operands[0] ?? '';
  throw usageError(
    `"${first}" stands before "--"`,
    `write the command line after it: ${program} run --runtime NAME -- ${first} ...`,
  );
}
