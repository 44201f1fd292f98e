import {createHash} from 'node:crypto';
import {existsSync, readdirSync, readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {afterAll, beforeAll, describe, expect, test} from '@jest/globals';
import {
  parseRunLogLine,
  type Run,
  type RunLogEnd,
  type RunLogStream,
  type RunSpec,
  runLogBytes,
} from '@kruntimes/api-types';
import {kinds} from '@kruntimes/reconciler-kit';
import {waitForObject} from '@kruntimes/reconciler-kit/testing';
import {Gate} from './support/gate.ts';
import {System} from './support/system.ts';

const mebibyte = 1024 * 1024;
const maxOutputBytes = 8 * mebibyte;
const limitMs = 240_000;

let system: System;
/** One Pod with room for 200 Runs. */
let namespace: string;
let pod: string;
/** A Run that kills the Runtime server of a Pod of its own, again and again. */
let killer: Run;

beforeAll(async () => {
  system = await System.start({backOff: {initialMs: 100, maxMs: 500, resetAfterMs: 60_000}});
  namespace = await system.createNamespace();
  const arena = await system.createNamespace();
  await Promise.all([
    system.createRuntime(namespace, {replicas: 1, runs: 200, spec: {output: {maxBytes: maxOutputBytes}}}),
    system.createRuntime(arena, {replicas: 1, runs: 1}),
  ]);
  [pod = ''] = await system.podNames(namespace);
  killer = await system.create(arena, inline('kill -KILL $PPID; sleep 600'));
}, limitMs);
afterAll(() => system?.stop());

const inline = (...lines: string[]) => ({source: {inline: `${lines.join('\n')}\n`}});
const nameOf = ({metadata}: Run) => metadata?.name ?? '';
const start = (script: string, spec: Partial<RunSpec> = {}) => system.create(namespace, {...inline(script), ...spec});
const ended = (run: Run) => system.ended(namespace, nameOf(run), limitMs);
const finish = async (script: string, spec: Partial<RunSpec> = {}) => await ended(await start(script, spec));
const gate = () => new Gate(join(system.directory, system.marker()));
/** Waits for what only files tell. */
async function until(holds: () => boolean): Promise<void> {
  const deadline = performance.now() + limitMs;
  while (!holds()) {
    if (performance.now() > deadline) throw new Error(`did not come about: ${String(holds)}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

interface AttemptLog {
  stdout: Buffer;
  stderr: Buffer;
  /** Where bytes are missing, as offset and length. */
  gaps: [number, number][];
  base64Lines: number;
  end: RunLogEnd['end'] | undefined;
}

/** What `kubectl logs` has of a Run, each stream in the order in which it was printed. */
async function logOf(run: Run): Promise<AttemptLog> {
  const path = join(system.directory, system.marker());
  const {code, stderr} = await system.shell(namespace, `kubectl logs ${pod} -c runtimed > '${path}'`);
  if (code !== 0) throw new Error(stderr);
  const pieces: Record<RunLogStream, Uint8Array[]> = {stdout: [], stderr: []};
  const next: Record<RunLogStream, number> = {stdout: 0, stderr: 0};
  const gaps: [number, number][] = [];
  let base64Lines = 0;
  let end: RunLogEnd['end'] | undefined;
  for (const text of readFileSync(path, 'utf8').split('\n')) {
    if (!text.includes(run.metadata?.uid ?? '')) continue;
    expect(Buffer.byteLength(text)).toBeLessThan(16 * 1024);
    const line = parseRunLogLine(text);
    if (line === undefined) continue;
    if ('end' in line) {
      end = line.end;
      continue;
    }
    expect(end).toBeUndefined();
    if ('dataBase64' in line) base64Lines++;
    const bytes = runLogBytes(line);
    if (line.offset !== next[line.stream]) gaps.push([next[line.stream], line.offset - next[line.stream]]);
    next[line.stream] = line.offset + bytes.length;
    pieces[line.stream].push(bytes);
  }
  return {stdout: Buffer.concat(pieces.stdout), stderr: Buffer.concat(pieces.stderr), gaps, base64Lines, end};
}

describe('output', () => {
  test(
    'of attempts that were cancelled, timed out or repeated is complete too',
    async () => {
      const begun = join(system.directory, system.marker());
      const bytes = 300_000;
      const script = `head -c ${bytes} /dev/zero | tr '\\0' y; echo end; touch '${begun}'-$KRUNTIME_RUN_ATTEMPT-$KIND; exec sleep 600`;
      const cancelled = await start(script, {env: {KIND: 'cancelled'}});
      const late = await start(script, {
        env: {KIND: 'late'},
        timeoutSeconds: 8,
        retryPolicy: {maxAttempts: 2, backoffSeconds: 0},
      });
      await until(() => existsSync(`${begun}-1-cancelled`));
      await system.cancel(namespace, nameOf(cancelled));
      expect((await ended(cancelled)).status?.phase).toBe('Cancelled');
      expect((await ended(late)).status).toMatchObject({phase: 'Timeout', attempt: 2});
      for (const [run, attempts] of [
        [cancelled, ['1']],
        [late, ['1', '2']],
      ] as const) {
        for (const attempt of attempts) {
          const {stdout} = await system.krt(namespace, ['logs', nameOf(run), '--attempt', attempt]);
          expect(stdout).toBe(`${'y'.repeat(bytes)}end\n`);
        }
      }
    },
    limitMs,
  );

  test(
    'that is not UTF-8 is in the log byte by byte, and in the status as text',
    async () => {
      const run = await finish(
        'head -c 300000 /dev/urandom > bytes; echo "sum=$(sha256sum < bytes | cut -d" " -f1)" >> "$KRUNTIME_OUTPUTS"; cat bytes; exit 1',
      );
      expect(run.status).toMatchObject({phase: 'Failed', output: {stdoutBytes: 300_000, stderrBytes: 0}});
      const {stdout, base64Lines, gaps, end} = await logOf(run);
      expect(sha256(stdout)).toBe(run.status?.outputs?.['sum']);
      expect(base64Lines).toBeGreaterThan(0);
      expect({gaps, end}).toEqual({gaps: [], end: {stdoutBytes: 300_000, stderrBytes: 0, truncatedBytes: 0}});
      const {tail = ''} = run.status?.output ?? {};
      expect(tail).toContain('\uFFFD');
      expect(Buffer.byteLength(tail)).toBeLessThanOrEqual(4096);
      expect(sha256(await system.logBytes(run))).toBe(sha256(stdout));
    },
    limitMs,
  );

  test(
    'below output.maxBytes is complete although nobody took it for a while: the program waited',
    async () => {
      using open = gate();
      const ready = join(system.directory, system.marker());
      const stdoutBytes = 4 * mebibyte;
      const stderrBytes = 2 * mebibyte;
      const run = await start(
        `${open.wait}; head -c ${stdoutBytes} /dev/urandom > bytes; echo "sum=$(sha256sum < bytes | cut -d" " -f1)" >> "$KRUNTIME_OUTPUTS"
       touch '${ready}'; head -c ${stderrBytes} /dev/zero | tr '\\0' x >&2 & cat bytes; wait`,
      );
      await system.phase(namespace, nameOf(run), 'Running');
      const runtimed = system.processId(namespace, pod, 'runtimed');
      process.kill(runtimed, 'SIGSTOP');
      try {
        open.open();
        await until(() => existsSync(ready));
      } finally {
        process.kill(runtimed, 'SIGCONT');
      }
      const {status} = await ended(run);
      expect(status).toMatchObject({phase: 'Succeeded', output: {stdoutBytes, stderrBytes}});
      expect(status?.output?.truncated).toBeUndefined();
      const {stdout, stderr, gaps, end} = await logOf(run);
      expect(sha256(stdout)).toBe(status?.outputs?.['sum']);
      expect(stderr.equals(Buffer.alloc(stderrBytes, 'x'))).toBe(true);
      expect({gaps, end}).toEqual({gaps: [], end: {stdoutBytes, stderrBytes, truncatedBytes: 0}});
    },
    limitMs,
  );

  test(
    'of 1 GiB in one line: head and tail are kept, the gap is counted, memory is flat, other Runs go on',
    async () => {
      const stdoutBytes = 1024 * mebibyte;
      const processes = (['runtime', 'runtimed'] as const).map((name) => system.processId(namespace, pod, name));
      const before = processes.map((pid) => memoryMiB(pid, 'VmRSS'));
      // From now on the high-water mark counts anew.
      for (const pid of processes) writeFileSync(`/proc/${pid}/clear_refs`, '5');
      const run = await start(`head -c ${stdoutBytes - 3} /dev/zero | tr '\\0' x; printf end`);
      await system.phase(namespace, nameOf(run), 'Running');
      expect((await finish('echo meanwhile')).status?.phase).toBe('Succeeded');
      const {status} = await ended(run);
      expect(status).toMatchObject({phase: 'Succeeded', output: {stdoutBytes, stderrBytes: 0, truncated: true}});
      for (const [index, pid] of processes.entries()) {
        expect(memoryMiB(pid, 'VmHWM') - (before[index] ?? 0)).toBeLessThan(128);
      }
      const {stdout, gaps, end} = await logOf(run);
      const kept = maxOutputBytes + 64 * 1024;
      expect(stdout).toHaveLength(kept);
      expect(stdout.subarray(-4).toString()).toBe('xend');
      expect(gaps).toEqual([[maxOutputBytes, stdoutBytes - kept]]);
      expect(end).toEqual({stdoutBytes, stderrBytes: 0, truncatedBytes: stdoutBytes - kept});
    },
    limitMs,
  );
});

describe('processes', () => {
  test.each<[string, string, Partial<RunSpec>, object]>([
    [
      'closes its outputs and runs on',
      `exec >&- 2>&-; sleep 1; echo a=1 >> "$KRUNTIME_OUTPUTS"; exit 7`,
      {},
      {phase: 'Failed', exitCode: 7, outputs: {a: '1'}},
    ],
    [
      'prints no line feed',
      `printf out; printf err >&2; exit 1`,
      {},
      {phase: 'Failed', output: {stdoutBytes: 3, stderrBytes: 3}},
    ],
  ])(
    'a program that %s',
    async (_, script, spec, status) => {
      expect((await finish(script, spec)).status).toMatchObject(status);
    },
    limitMs,
  );

  test(
    'whatever a program leaves behind is gone when its Run has ended',
    async () => {
      const marker = system.marker();
      const sleep = `exec -a ${marker} sleep 600`;
      const deaf = `bash -c "trap '' TERM; ${sleep}"`;
      const cases: [string, Partial<RunSpec>, object][] = [
        // It holds the output of its parent, which has ended.
        [`bash -c '${sleep}' & echo done`, {}, {phase: 'Succeeded'}],
        [`${deaf} & echo done; exit 3`, {}, {phase: 'Failed', exitCode: 3}],
        [`setsid ${deaf} & echo done`, {}, {phase: 'Succeeded'}],
        [`(setsid ${deaf} > /dev/null 2>&1 &); sleep 0.1`, {}, {phase: 'Succeeded'}],
        [`(env -i setsid ${deaf} > /dev/null 2>&1 &); sleep 0.1`, {}, {phase: 'Succeeded'}],
        [`(cd /; env -i setsid ${deaf} 2> /dev/null &); sleep 0.1`, {}, {phase: 'Succeeded'}],
        [`for i in {1..50}; do bash -c '${sleep}' & done`, {}, {phase: 'Succeeded'}],
        [`trap '' TERM; setsid ${deaf} & while :; do sleep 600; done`, {timeoutSeconds: 1}, {phase: 'Timeout'}],
        [`kill -STOP $$; ${sleep}`, {timeoutSeconds: 1}, {phase: 'Timeout'}],
      ];
      const runs = await Promise.all(cases.map(([script, spec]) => finish(script, spec)));
      expect(runs.map(({status}) => status)).toMatchObject(cases.map(([, , status]) => status));
      await system.untilGone(marker);
      for (const {status} of runs) {
        const {startTime = '', completionTime = ''} = status ?? {};
        // Timeout and grace period are 11 s; the rest is for a machine that has other things to do.
        expect(Date.parse(completionTime) - Date.parse(startTime)).toBeLessThan(60_000);
      }
      expect(await system.workspacesLeft()).toEqual([]);
    },
    limitMs,
  );

  test(
    'every signal that ends one has its name in the status',
    async () => {
      const names = [
        ...['HUP', 'INT', 'QUIT', 'ILL', 'TRAP', 'ABRT', 'BUS', 'FPE', 'KILL', 'USR1', 'SEGV', 'USR2', 'PIPE', 'ALRM'],
        ...['TERM', 'STKFLT', 'XCPU', 'XFSZ', 'VTALRM', 'PROF', 'IO', 'PWR', 'SYS'],
      ];
      const numbers = [...Array.from({length: 16}, (_, index) => index + 1), 24, 25, 26, 27, 29, 30, 31];
      const runs = await Promise.all(
        numbers.map((number) => finish(`ulimit -c 0; exec sh -c 'kill -${number} $$; sleep 600'`)),
      );
      expect(runs.map(({status}) => [status?.phase, status?.reason, status?.signal, status?.exitCode])).toEqual(
        numbers.map((number, index) => ['Failed', 'Signaled', `SIG${names[index]}`, 128 + number]),
      );
    },
    limitMs,
  );

  test(
    'those of 200 Runs run at once on one Pod',
    async () => {
      using open = gate();
      const directory = join(system.directory, system.marker());
      const started = `mkdir -p '${directory}' && touch "${directory}/$KRUNTIME_RUN_UID"`;
      const runs = await Promise.all(
        Array.from({length: 200}, (_, index) =>
          start(`${started}; ${open.wait}; echo ${index}; echo index=${index} >> "$KRUNTIME_OUTPUTS"`),
        ),
      );
      await until(() => existsSync(directory) && readdirSync(directory).length === runs.length);
      open.open();
      const all = await Promise.all(runs.map(ended));
      expect(all.map(({status}) => [status?.phase, status?.attempt, status?.outputs])).toEqual(
        all.map((_, index) => ['Succeeded', 1, {index: String(index)}]),
      );
      expect(await system.workspacesLeft()).toEqual([]);
    },
    limitMs,
  );
});

describe('$KRUNTIME_OUTPUTS', () => {
  test(
    'replaced by something else gives nothing away and stops nothing',
    async () => {
      using open = gate();
      const ready = join(system.directory, system.marker());
      const victim = await start(`echo secret=victim > "$KRUNTIME_OUTPUTS"; touch '${ready}'; ${open.wait}`);
      await until(() => existsSync(ready));
      const other = `"$(dirname "$KRUNTIME_OUTPUTS")/../${victim.metadata?.uid}-1/outputs"`;
      const token = `"$(dirname "$KRUNTIME_OUTPUTS")/../../kruntimes-token/token"`;
      const irregular = 'outputs left out: it is not a regular file';
      const cases: [string, string][] = [
        ['mkfifo "$KRUNTIME_OUTPUTS"', irregular],
        ['mkdir "$KRUNTIME_OUTPUTS"', irregular],
        [`test -r ${other} && ln -s ${other} "$KRUNTIME_OUTPUTS"`, irregular],
        [`test -r ${token} && ln -s ${token} "$KRUNTIME_OUTPUTS"`, irregular],
        [`ln ${other} "$KRUNTIME_OUTPUTS"`, 'outputs left out: it has more than one hard link'],
        ['ln -s /dev/zero "$KRUNTIME_OUTPUTS"', irregular],
        ['ln -s "$KRUNTIME_OUTPUTS" "$KRUNTIME_OUTPUTS"', irregular],
        ['truncate -s 10G "$KRUNTIME_OUTPUTS"', 'outputs left out: it is larger than 262144 bytes'],
        // Somebody else's directory in the place of the whole workspace.
        [
          `cd ..; d=$PWD; cd /; mv "$d" "$d.away"; ln -s "$d/../${victim.metadata?.uid}-1" "$d"; touch "$d.away/outputs"`,
          '',
        ],
      ];
      const runs = await Promise.all(cases.map(([script]) => finish(`rm "$KRUNTIME_OUTPUTS"\n${script}`)));
      expect(runs.map(({status}) => [status?.phase, status?.message ?? '', status?.outputs])).toEqual(
        cases.map(([, message]) => ['Succeeded', message, undefined]),
      );
      expect(JSON.stringify(runs)).not.toContain('victim"');
      // As long as it has a second name somewhere, the file could be anybody's.
      await until(() => system.workspaces().length === 1);
      open.open();
      expect((await ended(victim)).status).toMatchObject({phase: 'Succeeded', outputs: {secret: 'victim'}});
      expect(await system.workspacesLeft()).toEqual([]);
    },
    limitMs,
  );

  test(
    'beyond its bounds is taken as far as they go, and the status says what is missing',
    async () => {
      const [keys, value, total, malformed] = await Promise.all([
        finish('for i in {1..66}; do echo "k$i=$i" >> "$KRUNTIME_OUTPUTS"; done; exit 1'),
        finish(
          `{ echo a=1; printf 'big='; head -c 8193 /dev/zero | tr '\\0' x; echo; printf 'fits='; head -c 8192 /dev/zero | tr '\\0' x; echo; } >> "$KRUNTIME_OUTPUTS"`,
        ),
        finish(
          `for i in {1..9}; do printf "k$i="; head -c 8000 /dev/zero | tr '\\0' x; echo; done >> "$KRUNTIME_OUTPUTS"`,
        ),
        finish(
          `printf 'text<<END\\none\\n\\ntwo=2\\nEND\\n=x\\na b=c\\nbytes=\\xff\\nurl=a=b#c\\nopen<<E\\nnever closed\\n' >> "$KRUNTIME_OUTPUTS"; exit 4`,
        ),
      ]);
      expect(Object.keys(keys.status?.outputs ?? {})).toHaveLength(64);
      expect(keys.status).toMatchObject({
        phase: 'Failed',
        message: expect.stringContaining('more than the allowed 64 keys'),
      });
      expect(value.status).toMatchObject({phase: 'Succeeded', outputs: {a: '1', fits: 'x'.repeat(8192)}});
      expect(value.status?.message).toBe('outputs left out: line 2 has a value longer than 8192 bytes');
      expect(Object.keys(total.status?.outputs ?? {})).toHaveLength(8);
      expect(total.status?.message).toBe('outputs left out: line 9 goes beyond 65536 bytes in all');
      expect(malformed.status).toMatchObject({
        phase: 'Failed',
        exitCode: 4,
        outputs: {text: 'one\n\ntwo=2', url: 'a=b#c'},
        message: expect.stringContaining('line 6 is not KEY=VALUE or KEY<<DELIMITER, and 3 more like it'),
      });
    },
    limitMs,
  );
});

describe('a workspace', () => {
  test(
    'that its own program deletes, hides, locks or goes on filling is gone afterwards',
    async () => {
      const marker = system.marker();
      const scripts = [
        'rm -rf "$(dirname "$PWD")"',
        'cd ..; d=$PWD; cd /; mv "$d" "$d.moved"',
        'cd ..; d=$PWD; cd /; rm -rf "$d"; echo file > "$d"',
        'cd ..; d=$PWD; cd /; rm -rf "$d"; ln -s / "$d"',
        'mkdir -p a/b/c; touch a/b/c/d; chmod 000 a/b/c a/b a ..',
        'for i in {1..300}; do mkdir d; cd d; done; touch x',
        'for i in {1..2000}; do : > "file-$i"; done',
        String.raw`touch "$(printf 'not\xffutf8')" -- -rf; mkfifo fifo; ln -s / root`,
        // They delete it while runtimed does, or make it anew, until they are killed.
        `(setsid bash -c 'exec -a ${marker} bash -c "while :; do rm -rf \\"$PWD\\"/* ; mkdir -p a/b/c; echo x > a/b/c/d; done"' &)`,
      ];
      const runs = await Promise.all(scripts.map((script) => finish(script)));
      expect(runs.map(({status}) => status?.phase)).toEqual(runs.map(() => 'Succeeded'));
      await system.untilGone(marker);
      expect(await system.workspacesLeft()).toEqual([]);
      // The next Run is none the worse for it.
      expect((await finish('echo fine')).status?.phase).toBe('Succeeded');
    },
    limitMs,
  );
});

test(
  'a program that kills its Runtime server loses its own Run, and no other for good',
  async () => {
    const {namespace: arena = ''} = killer.metadata ?? {};
    const {status} = await system.ended(arena, nameOf(killer), limitMs);
    expect(status).toMatchObject({phase: 'Failed', reason: 'TooManyDisruptions', attempt: 5, disruptions: 5});
    const after = await system.create(arena, inline('echo fine'));
    expect((await system.ended(arena, nameOf(after), limitMs)).status).toMatchObject({phase: 'Succeeded'});
  },
  limitMs,
);

test(
  'a Runtime server that stands still: a Run can be cancelled, and the others are neither lost nor run twice',
  async () => {
    using open = gate();
    const marker = system.marker();
    const ledger = join(system.directory, system.marker());
    const patient = await start(`echo begun >> '${ledger}'; ${open.wait}; echo done`);
    const cancelled = await start(`exec -a ${marker} sleep 600`);
    await Promise.all([patient, cancelled].map((run) => system.phase(namespace, nameOf(run), 'Running')));
    const server = system.processId(namespace, pod, 'runtime');
    process.kill(server, 'SIGSTOP');
    try {
      await system.cancel(namespace, nameOf(cancelled));
      await waitForObject(
        system.cluster.client.kind(kinds.Pod),
        {namespace, name: pod},
        ({status}) => status?.conditions?.some(({reason}) => reason === 'RuntimeUnavailable') === true,
        {timeoutMs: limitMs},
      );
      const {status} = await ended(cancelled);
      expect(status).toMatchObject({phase: 'Cancelled', message: expect.stringContaining('has not confirmed')});
    } finally {
      process.kill(server, 'SIGCONT');
    }
    open.open();
    expect((await ended(patient)).status).toMatchObject({phase: 'Succeeded', attempt: 1});
    expect(readFileSync(ledger, 'utf8')).toBe('begun\n');
    await system.untilGone(marker);
    expect(await system.workspacesLeft()).toEqual([]);
  },
  limitMs,
);

function memoryMiB(pid: number, field: 'VmHWM' | 'VmRSS'): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(new RegExp(`${field}:\\s+(\\d+) kB`).exec(status)?.[1]) / 1024;
}
