/**
 * The contract between the daemon of a Runtime Pod and the Runtime server beside it: messages, service
 * definitions and client types of `executor.v1.Runtime` and `kruntimes.runtime.v1.RuntimeEvents`, generated
 * for nice-grpc. What the calls do is written in this package's README.
 *
 * @example Ask a Runtime server whether it accepts executions.
 * ```ts
 * import {RuntimeDefinition, type RuntimeClient, parseEndpoint} from '@kruntimes/runtime-protocol';
 * import {createChannel, createClient} from 'nice-grpc';
 *
 * const endpoint = parseEndpoint(process.argv[2] ?? 'unix:///run/kruntimes/runtime.sock');
 * const channel = createChannel(endpoint.target);
 * const client: RuntimeClient = createClient(RuntimeDefinition, channel);
 * try {
 *   console.log(await client.health({}, {signal: AbortSignal.timeout(5_000)}));
 * } catch (error) {
 *   console.log(`no Runtime server answers at ${endpoint.target}: ${error}`);
 * } finally {
 *   channel.close();
 * }
 * ```
 *
 * @module
 */

export {type Endpoint, MAX_SOCKET_PATH_BYTES, ProtocolError, parseEndpoint} from './endpoint.ts';
export {
  CancelRequest,
  CancelResponse,
  type DeepPartial,
  ExecuteRequest,
  ExecuteResponse,
  ExecutionState,
  ForgetRequest,
  ForgetResponse,
  FunctionRegistration,
  FunctionRegistrationState,
  type FunctionRuntimeClient,
  FunctionRuntimeDefinition,
  type FunctionRuntimeServiceImplementation,
  FunctionStatusRequest,
  FunctionStatusResponse,
  HealthRequest,
  HealthResponse,
  InvokeFunctionRequest,
  InvokeFunctionResponse,
  ListRequest,
  ListResponse,
  type MessageFns,
  RegisterFunctionRequest,
  RegisterFunctionResponse,
  type RuntimeClient,
  RuntimeDefinition,
  type RuntimeServiceImplementation,
  StatusRequest,
  StatusResponse,
  UnregisterFunctionRequest,
  UnregisterFunctionResponse,
} from './gen/executor/v1/runtime.ts';
export {
  Ack,
  EndReason,
  Open,
  Opened,
  Output,
  Ping,
  Pong,
  type RuntimeEventsClient,
  RuntimeEventsDefinition,
  type RuntimeEventsServiceImplementation,
  SessionRequest,
  SessionResponse,
  StateChanged,
  Stream,
  Usage,
} from './gen/kruntimes/runtime/v1/events.ts';
export {
  DEFAULT_SOCKET_PATH,
  DEFAULT_WINDOW_BYTES,
  MAX_OUTPUT_DATA_BYTES,
  MAX_STATUS_STREAM_BYTES,
  TRUNCATION_MARKER,
} from './limits.ts';
