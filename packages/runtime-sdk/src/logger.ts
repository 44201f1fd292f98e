/** The calls through which the server logs. Messages are constants; everything that varies is a field. */
export interface Logger {
  debug(message: string, fields?: object): void;
  info(message: string, fields?: object): void;
  warn(message: string, fields?: object): void;
  error(message: string, fields?: object): void;
}

/** Logs nothing. */
export const silentLogger: Logger = {debug: () => {}, info: () => {}, warn: () => {}, error: () => {}};

export const logLevels = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof logLevels)[number];
export const logFormats = ['json', 'text'] as const;
export type LogFormat = (typeof logFormats)[number];

/** `Error` has no enumerable properties, so JSON would show `{}`. */
function plainFields(fields: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).map(([key, value]) => [
      key,
      value instanceof Error
        ? {name: value.name, code: 'code' in value ? value.code : undefined, message: value.message, stack: value.stack}
        : value,
    ]),
  );
}

/**
 * A logger on winston that writes to standard error: JSON lines, or text for people. winston is loaded here and not
 * before, so that a program that brings its own logger does not pay for it.
 */
export async function createLogger(options: {name: string; level: LogLevel; format: LogFormat}): Promise<Logger> {
  const {default: winston} = await import('winston');
  const line =
    options.format === 'json'
      ? winston.format.json()
      : winston.format.printf(({level, message, time, logger, ...fields}) => {
          const rest = Object.entries(fields).map(([key, value]) => `${key}=${JSON.stringify(value)}`);
          return [time, level.toUpperCase().padEnd(5), logger, message, ...rest].join(' ');
        });
  const logger = winston.createLogger({
    level: options.level,
    levels: {error: 0, warn: 1, info: 2, debug: 3},
    format: line,
    transports: [new winston.transports.Stream({stream: process.stderr, eol: '\n'})],
  });
  const write = (level: LogLevel, message: string, fields: object = {}): void => {
    if (!logger.isLevelEnabled(level)) return;
    logger.log({time: new Date().toISOString(), logger: options.name, ...plainFields(fields), level, message});
  };
  return {
    debug: (message, fields) => write('debug', message, fields),
    info: (message, fields) => write('info', message, fields),
    warn: (message, fields) => write('warn', message, fields),
    error: (message, fields) => write('error', message, fields),
  };
}
