/**
 * The five calls through which the kit logs. Messages are constants, everything that varies is a field:
 * `logger.info('run bound', {run, pod, waitMs})`.
 */
export interface Logger {
  debug(message: string, fields?: object): void;
  info(message: string, fields?: object): void;
  warn(message: string, fields?: object): void;
  error(message: string, fields?: object): void;
  /** A logger that adds `fields` to each of its lines. */
  child(fields: object): Logger;
}

/** Logs nothing. The default of every class of the kit. In a file of its own: who uses it does not load winston. */
export const silentLogger: Logger = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  child: () => silentLogger,
};
