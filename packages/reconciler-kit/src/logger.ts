import {isNativeError} from 'node:util/types';
import winston from 'winston';
import {formatTextLine, type TextLineOptions} from './log-text.ts';
import type {Logger} from './silent-logger.ts';

export {type Logger, silentLogger} from './silent-logger.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
export type LogFormat = 'json' | 'text';

export interface LoggerOptions {
  /** Field `logger` of each line. */
  name: string;
  /** Least level that is written. Default `info`. */
  level?: LogLevel;
  /** `json`: one object a line. `text`: for people, with colours on a terminal (unless NO_COLOR is set). Default `json`. */
  format?: LogFormat;
  /** Where lines go. Default the standard error of the process. */
  stream?: NodeJS.WritableStream;
}

function describeError(error: Error): Record<string, unknown> {
  const described: Record<string, unknown> = {name: error.name, message: error.message};
  if ('code' in error && error.code !== undefined) described.code = error.code;
  if (isNativeError(error.cause)) described.cause = describeError(error.cause);
  if (error.stack !== undefined) described.stack = error.stack;
  return described;
}

/** `Error` has no enumerable properties, so JSON would show `{}`. */
const plainErrors = winston.format((info) => {
  for (const [key, value] of Object.entries(info)) if (isNativeError(value)) info[key] = describeError(value);
  return info;
});

const textLines = (options: TextLineOptions) =>
  winston.format.printf(({time, level, logger, message, ...fields}) =>
    formatTextLine({time: String(time), level, logger: String(logger), message: String(message), fields}, options),
  );

class WinstonLogger implements Logger {
  readonly #winston: winston.Logger;
  readonly #fields: Record<string, unknown>;

  constructor(logger: winston.Logger, fields: Record<string, unknown>) {
    this.#winston = logger;
    this.#fields = fields;
  }

  #write(level: LogLevel, message: string, fields: object | undefined): void {
    if (!this.#winston.isLevelEnabled(level)) return;
    this.#winston.log({...fields, ...this.#fields, level, message});
  }

  debug(message: string, fields?: object): void {
    this.#write('debug', message, fields);
  }

  info(message: string, fields?: object): void {
    this.#write('info', message, fields);
  }

  warn(message: string, fields?: object): void {
    this.#write('warn', message, fields);
  }

  error(message: string, fields?: object): void {
    this.#write('error', message, fields);
  }

  child(fields: object): Logger {
    return new WinstonLogger(this.#winston, {...this.#fields, ...fields});
  }
}

/** A logger on winston. Lines go to standard error, so that a program's standard output stays its own. */
export function createLogger(options: LoggerOptions): Logger {
  const {stream = process.stderr} = options;
  const colours = 'isTTY' in stream && stream.isTTY && !process.env.NO_COLOR;
  const time = winston.format((info) => ({time: new Date().toISOString(), ...info}));
  const format =
    options.format === 'text' ? textLines({colours}) : winston.format.combine(plainErrors(), winston.format.json());
  const logger = winston.createLogger({
    level: options.level ?? 'info',
    levels: {error: 0, warn: 1, info: 2, debug: 3},
    format: winston.format.combine(time(), format),
    transports: [new winston.transports.Stream({stream, eol: '\n'})],
  });
  return new WinstonLogger(logger, {logger: options.name});
}
