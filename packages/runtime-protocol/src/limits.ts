/** Path of the Unix socket a Runtime server listens on and its daemon dials, where nothing else is said. */
export const DEFAULT_SOCKET_PATH = '/run/kruntimes/runtime.sock';

/** Most bytes in `Output.data`. */
export const MAX_OUTPUT_DATA_BYTES = 64 * 1024;

/** `Open.window_bytes` that a server uses for 0. */
export const DEFAULT_WINDOW_BYTES = 1024 * 1024;

/** Most bytes of each of `StatusResponse.stdout` and `.stderr`, the truncation marker not counted. */
export const MAX_STATUS_STREAM_BYTES = 1024 * 1024;

/** What stands in a Status stream where bytes were left out, between head and tail. `%d` is their count. */
export const TRUNCATION_MARKER = '\n[... %d bytes truncated ...]\n';
