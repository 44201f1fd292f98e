import {type ChannelOptions, createChannel} from 'nice-grpc';
import {parseEndpoint} from '../index.ts';
import {CaseWorkbench, type CommandStyle} from './case-workbench.ts';
import type {ConformanceCase, ConformanceLevel} from './conformance-case.ts';
import {requiredCases} from './required-cases.ts';
import {sessionCases} from './session-cases.ts';

/** Every case, required ones first. */
export const conformanceCases: readonly ConformanceCase[] = Object.freeze([...requiredCases, ...sessionCases]);

export interface ConformanceOptions {
  /** `optional` runs the required cases too. Default `required`. */
  level?: ConformanceLevel;
  /** Absolute path of a directory that suite and server both see under this name. Default `/workspace`. */
  workspaceRoot?: string;
  /** Default `script`. */
  commandStyle?: CommandStyle;
  /** Longest time of one case, its cleaning up not counted. Default 30,000. */
  caseTimeoutMs?: number;
  /** Which cases to run. Default: all of {@link conformanceCases}. */
  cases?: readonly ConformanceCase[];
  /** Told each result as it comes. */
  onResult?: (result: ConformanceResult) => void;
}

export interface ConformanceResult {
  readonly id: string;
  readonly level: ConformanceLevel;
  readonly title: string;
  readonly source: string;
  readonly passed: boolean;
  /** What the server did instead; empty where it passed. */
  readonly message: string;
  readonly durationMs: number;
}

export interface ConformanceReport {
  readonly address: string;
  readonly level: ConformanceLevel;
  /** Whether every case that was run passed. */
  readonly passed: boolean;
  readonly results: readonly ConformanceResult[];
}

/**
 * Runs the cases against a server, one after another. The server should have nothing else to do: a daemon's session
 * is ended by the cases of the level `optional`.
 *
 * @param address `unix:///absolute/path` or `host:port`
 * @throws {ProtocolError} `ENDPOINT_INVALID`. A server that fails, or does not answer, is told in the report.
 */
export async function runConformance(address: string, options: ConformanceOptions = {}): Promise<ConformanceReport> {
  const {level = 'required', cases = conformanceCases, onResult} = options;
  const endpoint = parseEndpoint(address);
  const results: ConformanceResult[] = [];
  for (const conformanceCase of cases) {
    if (level === 'required' && conformanceCase.level === 'optional') continue;
    const result = await resultOf(conformanceCase, endpoint.target, options);
    results.push(result);
    onResult?.(result);
  }
  return {address, level, passed: results.every(({passed}) => passed), results};
}

// The whole output of every kept execution is in an answer of List.
const channelOptions: ChannelOptions = {'grpc.max_receive_message_length': -1};

async function resultOf(
  {id, level, title, source, run}: ConformanceCase,
  target: string,
  {workspaceRoot = '/workspace', commandStyle = 'script', caseTimeoutMs = 30_000}: ConformanceOptions,
): Promise<ConformanceResult> {
  // A channel per case: what one leaves behind does not disturb the next.
  const channel = createChannel(target, undefined, channelOptions);
  const over = new AbortController();
  const timeUp = AbortSignal.timeout(caseTimeoutMs);
  const signal = AbortSignal.any([timeUp, over.signal]);
  const workbench = new CaseWorkbench({channel, workspaceRoot, commandStyle, signal});
  const startedAt = performance.now();
  let message = '';
  try {
    await run(workbench.client, workbench);
  } catch (error) {
    const late = timeUp.aborted ? `not done after ${caseTimeoutMs} ms: ` : '';
    message = late + (error instanceof Error ? error.message : String(error));
  }
  const durationMs = Math.round(performance.now() - startedAt);
  over.abort();
  try {
    await workbench.cleanUp();
  } finally {
    channel.close();
  }
  return {id, level, title, source, passed: message === '', message, durationMs};
}
