import {describe, expect, test} from '@jest/globals';
import type {RunStatus} from '@kruntimes/api-types';
import {exitCodeOfRun, exitCodeRows, exitCodes} from './exit-code.ts';

describe('exitCodeOfRun', () => {
  const endings: [RunStatus, number][] = [
    [{phase: 'Succeeded', exitCode: 0}, 0],
    [{phase: 'Failed', exitCode: 3}, 3],
    [{phase: 'Failed', exitCode: 255}, 255],
    [{phase: 'Failed', exitCode: 256}, 126],
    [{phase: 'Failed', exitCode: -1}, 255],
    [{phase: 'Failed', exitCode: 137, signal: 'SIGKILL'}, 137],
    [{phase: 'Failed', exitCode: 0, signal: 'SIGTERM'}, 143],
    [{phase: 'Failed', reason: 'StartFailed'}, 126],
    [{phase: 'Failed', reason: 'ArtifactError', exitCode: 0}, 126],
    [{phase: 'Timeout'}, 124],
    [{phase: 'Cancelled', exitCode: 143}, 123],
    [{phase: 'Running'}, 125],
  ];
  test.each(endings)('%j exits %i', (status, code) => {
    expect(exitCodeOfRun({status})).toBe(code);
  });

  test('the fixed codes differ from each other, and all but those of signals and pipes are documented', () => {
    const codes = Object.values(exitCodes);
    expect(new Set(codes).size).toBe(codes.length);
    const documented = exitCodeRows.map((row) => row.code);
    const shown = codes.filter((code) => code !== exitCodes.brokenPipe && code !== exitCodes.terminated);
    for (const code of shown) expect(documented).toContain(String(code));
  });
});
