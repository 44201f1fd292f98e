/** Where the lines of a Run's log go. */
export interface LogSink {
  /** Takes lines, each without its line feed. @returns when they, and all before them, are written */
  write(lines: readonly string[]): Promise<void>;
  /** Takes the last lines of a log; the very last one tells its end. */
  end(lines: readonly string[]): Promise<void>;
}
