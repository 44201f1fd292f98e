const shortRounds = 2;

/** How much is done: the short form is for every change, the full form (30 rounds) is what the documentation quotes. */
export interface Form {
  /** Rounds for each part and each connection. */
  readonly rounds: number;
  readonly full: boolean;
  readonly seed: number;
  /** Directory for a report of each suite as JSON. */
  readonly reportDirectory: string | undefined;
  /** Directory for the logs of rounds that failed. Default: one below the temporary directory. */
  readonly logDirectory: string | undefined;
}

/** The form that the environment asks for. */
export function readForm(env: NodeJS.ProcessEnv = process.env): Form {
  const rounds = wholeNumber('KRUNTIMES_FAULT_ROUNDS', env) ?? shortRounds;
  return {
    rounds,
    full: rounds >= 30,
    seed: wholeNumber('KRUNTIMES_FAULT_SEED', env) ?? Math.floor(Math.random() * 1_000_000_000),
    reportDirectory: env['KRUNTIMES_FAULT_REPORT'] || undefined,
    logDirectory: env['KRUNTIMES_FAULT_LOGS'] || undefined,
  };
}

function wholeNumber(name: string, env: NodeJS.ProcessEnv): number | undefined {
  const text = env[name];
  if (text === undefined || text === '') return undefined;
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1)
    throw new Error(`${name} is "${text}": it must be a whole number from 1`);
  return value;
}
