import type {RunLogStream} from '@kruntimes/api-types';
import {ExecutionState, type StatusResponse, TRUNCATION_MARKER} from '@kruntimes/runtime-protocol';
import type {Execution, ExecutionEnd} from './execution.ts';

/** What a server that only answers Status puts into `error_message` when its own timeout ended a program. */
const timeoutMessage = 'timeout';

const [markerStart = '', markerEnd = ''] = TRUNCATION_MARKER.split('%d').map((part) =>
  part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'),
);
const marker = new RegExp(`${markerStart}(\\d+)${markerEnd}`);

/**
 * Brings an execution up to one answer of Status, for servers without event sessions.
 *
 * Output comes as text in which the server has replaced what was not UTF-8; offsets count the bytes of that text.
 */
export function applyStatus(execution: Execution, status: StatusResponse, now: number): void {
  const running = status.state === ExecutionState.RUNNING || status.state === ExecutionState.PENDING;
  if (status.state === ExecutionState.RUNNING) execution.running(now, nextSequence(execution));
  applyText(execution, 'stdout', status.stdout, running, now);
  applyText(execution, 'stderr', status.stderr, running, now);
  if (!running) execution.end(endOf(execution, status, now));
}

function applyText(execution: Execution, stream: RunLogStream, text: string, running: boolean, now: number): void {
  for (const {offset, data} of pieces(text, running)) {
    const position = execution.position(stream);
    if (offset + data.length <= position) continue;
    const from = Math.max(0, position - offset);
    execution.output({stream, offset: offset + from, data: data.subarray(from), time: now}, nextSequence(execution));
  }
}

/** A text without the server's marker is one piece; with it, head and tail and a known gap between. */
function pieces(text: string, running: boolean): {offset: number; data: Uint8Array}[] {
  // The last characters may be the beginning of one that the program has not finished writing.
  const settled = running ? text.replace(/\uFFFD{1,3}$/, '') : text;
  const match = marker.exec(settled);
  if (match === null) return [{offset: 0, data: Buffer.from(settled)}];
  const head = Buffer.from(settled.slice(0, match.index));
  const tail = Buffer.from(settled.slice(match.index + match[0].length));
  return [
    {offset: 0, data: head},
    {offset: head.length + Number(match[1]), data: tail},
  ];
}

function endOf(execution: Execution, status: StatusResponse, now: number): ExecutionEnd {
  const totals = {...execution.totals, time: now};
  const {exitCode, errorMessage} = status;
  if (status.state === ExecutionState.SUCCEEDED) return {...totals, kind: 'exited', exitCode: 0, byItself: false};
  if (status.state !== ExecutionState.FAILED) {
    return {...totals, kind: 'lost', message: `the Runtime server answered Status with state ${status.state}`};
  }
  if (errorMessage === timeoutMessage) return {...totals, kind: 'timeout'};
  if (exitCode > 0) return {...totals, kind: 'exited', exitCode, byItself: false};
  return {...totals, kind: 'start-failed', message: errorMessage || 'the Runtime server gave no reason'};
}

/** Polling has no event numbers, so each answer counts as the next event. */
function nextSequence(execution: Execution): bigint {
  return execution.sequence + 1n;
}
