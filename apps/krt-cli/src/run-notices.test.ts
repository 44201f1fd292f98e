import {expect, test} from '@jest/globals';
import {RunNotices} from './run-notices.ts';
import {MemoryTerminal} from './testing/memory-terminal.ts';
import {runFixture} from './testing/run-fixture.ts';

const times = {startTime: '2026-01-01T12:00:00.000000Z', completionTime: '2026-01-01T12:00:30.000000Z'};

test.each([
  ['Cancelled', {phase: 'Cancelled', ...times}, {}, 'krt: Run a Cancelled in 30s\n'],
  ['Timeout', {phase: 'Timeout', ...times}, {timeoutSeconds: 30}, 'krt: Run a Timeout (after 30s)\n'],
] as const)('the line that explains an exit code says each thing once: %s', (_phase, status, spec, line) => {
  const terminal = new MemoryTerminal();
  new RunNotices(terminal, 'krt').end(runFixture('a', status, spec));
  expect(terminal.text('stderr')).toBe(line);
});
