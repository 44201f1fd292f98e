/** Tells an SDK server where to listen. */
export const SOCKET_VARIABLE = 'KRUNTIME_SOCKET';
/** Tells an SDK server where workspaces are. */
export const WORKSPACE_ROOT_VARIABLE = 'KRUNTIME_WORKSPACE_ROOT';
/** Tells an SDK server how much output of an execution it passes on. */
export const MAX_OUTPUT_BYTES_VARIABLE = 'KRUNTIME_MAX_OUTPUT_BYTES';
/** Tells runtimed where its token is. */
export const SERVICE_ACCOUNT_DIRECTORY_VARIABLE = 'KRUNTIME_SERVICE_ACCOUNT_DIR';

/** Environment variables that the controller sets in the container `runtime`; a template may not. */
export const INJECTED_ENV: ReadonlySet<string> = new Set([
  SOCKET_VARIABLE,
  WORKSPACE_ROOT_VARIABLE,
  MAX_OUTPUT_BYTES_VARIABLE,
]);
