import {afterAll, beforeAll, describe, expect, test} from '@jest/globals';
import {
  bindStatus,
  endAttemptStatus,
  fenceOf,
  limits,
  type Run,
  runningStatus,
  unschedulableStatus,
} from '@kruntimes/api-types';
import {Api, refusal} from './support/api.ts';

let api: Api;
beforeAll(async () => {
  api = await Api.start();
}, 60_000);
afterAll(() => api?.[Symbol.asyncDispose]());

const git = (url: string) => ({source: {git: {url}}, entrypoint: 'x'});

describe('what a Run may be', () => {
  test.each<[string, object]>([
    ['a command line', {runtime: 'bash', args: ['echo', 'hello']}],
    ['nothing but its Runtime', {runtime: 'bash'}],
    [
      'files',
      {
        runtime: 'b',
        source: {
          files: [
            {path: 'a/b.sh', content: '', mode: 493},
            {path: 'c', content: 'x'},
          ],
        },
        entrypoint: 'a/b.sh',
      },
    ],
    [
      'a repository',
      {
        runtime: 'b',
        source: {git: {url: 'https://git.example.com:8443/a/b.git', revision: 'v1.2', depth: 1, subPath: 'x'}},
        entrypoint: 'run',
      },
    ],
    [
      'a repository at an address, and odd names',
      {
        runtime: 'b',
        source: {git: {url: 'https://[2001:db8::1]/a', revision: 'feature/#12,x=1', subPath: 'a..b/...'}},
        entrypoint: '..run',
      },
    ],
    [
      'a repository by ssh',
      {runtime: 'b', source: {git: {url: 'ssh://git@git.example.com/a.git', secretName: 'key'}}, entrypoint: 'run'},
    ],
    ['a source of exactly 128 KiB', {runtime: 'b', source: {inline: 'x'.repeat(limits.sourceBytes)}}],
    [
      'every option',
      {
        runtime: 'b',
        source: {inline: ''},
        entrypoint: 'script',
        args: [''],
        env: {PATH: '/bin', _x: '', kruntime_lower: 'y'},
        timeoutSeconds: 0,
        retryPolicy: {maxAttempts: 3, backoffSeconds: 1, maxBackoffSeconds: 60, retryableReasons: ['NonZeroExit']},
        cancelRequested: false,
        ttlSecondsAfterFinished: 0,
        resources: {requests: {runs: 2, 'example.com/gpu': 1}},
        priority: -5,
      },
    ],
  ])('%s', async (_what, spec) => {
    const run = await api.createRun(spec);
    expect(run.spec).toEqual(spec);
    expect(run.status).toEqual({phase: 'Pending'});
  });

  test('the status that a user writes into a new Run is not taken', async () => {
    const run = {
      metadata: {generateName: 'run-', namespace: api.namespace},
      spec: {runtime: 'b'},
      status: {phase: 'Succeeded' as const},
    };
    expect((await api.runs.create(run)).status).toEqual({phase: 'Pending'});
  });
});

describe('what is refused, and the sentence that says why', () => {
  const inline = {inline: 'true'};

  test.each<[what: string, spec: object, message: string]>([
    [
      'an absolute entrypoint',
      {entrypoint: '/bin/sh'},
      'spec.entrypoint: Invalid value: "/bin/sh": must be a relative path: it must not start with "/"',
    ],
    [
      'an entrypoint that leads out',
      {entrypoint: 'a/../../b'},
      'spec.entrypoint: Invalid value: "a/../../b": must not contain ".."',
    ],
    ['an entrypoint by way of itself', {entrypoint: './run'}, 'must not contain "..", "." or an empty name'],
    ['an entrypoint with an empty name', {entrypoint: 'a//b'}, 'must not contain "..", "." or an empty name'],
    ['an entrypoint that is a directory', {entrypoint: 'a/'}, 'must not contain "..", "." or an empty name'],
    ['an empty entrypoint', {entrypoint: ''}, 'spec.entrypoint in body should be at least 1 chars long'],
    [
      'two sources',
      {source: {...inline, git: {url: 'https://example.com/a'}}},
      'spec.source: Invalid value: exactly one of inline, files and git must be set',
    ],
    ['no source in source', {source: {}}, 'exactly one of inline, files and git must be set'],
    [
      'a source over 128 KiB',
      {source: {inline: 'x'.repeat(limits.sourceBytes + 1)}},
      'spec.source.inline: Too long: may not be more than 131072',
    ],
    [
      'a source over 128 KiB in bytes',
      {source: {inline: '€'.repeat(50_000)}},
      'must not be larger than 131072 bytes in all',
    ],
    [
      'files over 128 KiB together',
      {source: {files: ['a', 'b', 'c'].map((path) => ({path, content: 'x'.repeat(50_000)}))}},
      'spec.source.files: Invalid value: must not be larger than 131072 bytes in all',
    ],
    [
      'an absolute file',
      {source: {files: [{path: '/etc/passwd', content: ''}]}},
      'spec.source.files[0].path: Invalid value: "/etc/passwd": must be a relative path',
    ],
    ['a file that leads out', {source: {files: [{path: '../x', content: ''}]}}, 'must not contain ".."'],
    [
      'a file twice',
      {
        source: {
          files: [
            {path: 'a', content: ''},
            {path: 'a', content: ''},
          ],
        },
      },
      'spec.source.files[1]: Duplicate value: {"path":"a"}',
    ],
    [
      'a mode that is none',
      {source: {files: [{path: 'a', content: '', mode: 512}]}},
      'should be less than or equal to 511',
    ],
    ['a repository in a file', git('file:///etc'), 'must be an https://, http:// or ssh:// URL'],
    ['a repository by ext', git('ext::sh -c touch% /x'), 'must be an https://, http:// or ssh:// URL'],
    ['a repository with a password', git(['https://user', 'secret@example.com/a'].join(':')), 'without a password'],
    ['a repository whose user is an option', git('ssh://-oProxyCommand@example.com/a'), 'must be an https://'],
    ['a repository whose host is an option', git('ssh://-x/a'), 'must be an https://'],
    ['a repository with a blank', git('https://example.com/a b'), 'must be an https://, http:// or ssh:// URL'],
    [
      'a revision that is an expression',
      {source: {git: {url: 'https://example.com/a', revision: 'main~1'}}},
      'spec.source.git.revision',
    ],
    ['a repository that is an option', git('--upload-pack=x'), 'must be an https://, http:// or ssh:// URL'],
    [
      'a revision that is an option',
      {source: {git: {url: 'https://example.com/a', revision: '--output=x'}}},
      'spec.source.git.revision',
    ],
    ['a negative timeout', {timeoutSeconds: -1}, 'spec.timeoutSeconds in body should be greater than or equal to 0'],
    ['a timeout that is text', {timeoutSeconds: '5m'}, 'spec.timeoutSeconds in body must be of type integer'],
    [
      'a timeout without end',
      {timeoutSeconds: 1e9},
      'spec.timeoutSeconds in body should be less than or equal to 604800',
    ],
    [
      'a negative time to live',
      {ttlSecondsAfterFinished: -1},
      'spec.ttlSecondsAfterFinished in body should be greater',
    ],
    [
      'no attempts',
      {retryPolicy: {maxAttempts: 0}},
      'spec.retryPolicy.maxAttempts in body should be greater than or equal to 1',
    ],
    [
      'a back-off that is negative',
      {retryPolicy: {backoffSeconds: -1}},
      'spec.retryPolicy.backoffSeconds in body should be greater',
    ],
    [
      'a reason to retry that does not exist',
      {retryPolicy: {retryableReasons: ['Bad']}},
      'supported values: "NonZeroExit", "Signaled"',
    ],
    [
      'a reserved variable',
      {env: {KRUNTIME_OUTPUTS: 'x'}},
      'spec.env: Invalid value: names that start with KRUNTIME_ are reserved',
    ],
    ['a variable with a bad name', {env: {'A-B': 'x'}}, 'names must start with a letter or "_"'],
    ['a variable that begins with a digit', {env: {'1A': 'x'}}, 'names must start with a letter or "_"'],
    ['a variable without a name', {env: {'': 'x'}}, 'names must start with a letter or "_"'],
    [
      'too many variables',
      {env: Object.fromEntries(Array.from({length: 129}, (_, n) => [`A${n}`, '']))},
      'spec.env: Too many: 129: must have at most 128 items',
    ],
    [
      'variables that are too large together',
      {env: {A: 'x'.repeat(40_000), B: 'x'.repeat(40_000)}},
      'values must not be longer than 65536 characters in all',
    ],
    [
      'too many arguments',
      {args: Array.from({length: 257}, () => '')},
      'spec.args: Too many: 257: must have at most 256 items',
    ],
    [
      'arguments that are too large together',
      {args: ['x'.repeat(40_000), 'x'.repeat(40_000)]},
      'spec.args: Invalid value: must not be longer than 65536 characters in all',
    ],
    ['a Runtime name that is none', {runtime: 'Bash_5'}, 'spec.runtime in body should match'],
    ['a Runtime name that is too long', {runtime: 'a'.repeat(41)}, 'spec.runtime: Too long: may not be more than 40'],
    [
      'a request of nothing',
      {resources: {requests: {runs: 0}}},
      'spec.resources.requests.runs in body should be greater than or equal to 1',
    ],
    ['a request that is a quantity', {resources: {requests: {cpu: '500m'}}}, 'must be of type integer'],
    ['a resource with a bad name', {resources: {requests: {'a b': 1}}}, 'names must be at most 63 letters'],
    ['a priority that is no number', {priority: 'high'}, 'spec.priority in body must be of type integer'],
    ['a field that does not exist', {timeout: 5}, 'unknown field "spec.timeout"'],
  ])('%s', async (_what, spec, message) => {
    expect(await refusal(api.createRun({source: inline, ...spec}))).toContain(message);
  });

  test('no Runtime', async () => {
    expect(await refusal(api.createRun({runtime: undefined, source: inline}))).toContain(
      'spec.runtime: Required value',
    );
  });

  test('a Runtime with two artifact stores, or none in the field', async () => {
    const stores = {filesystem: {claimName: 'a'}, s3: {bucket: 'abc'}};
    const message = 'exactly one of filesystem and s3 must be set';
    expect(await refusal(api.createRuntime({artifactStore: stores}))).toContain(message);
    expect(await refusal(api.createRuntime({artifactStore: {}}))).toContain(message);
  });

  test('a Runtime whose name leaves no room for those of its Pods', async () => {
    const message = 'metadata.name must not be longer than 40 characters and must not contain "."';
    expect(await refusal(api.createRuntime({}, {name: 'a'.repeat(41)}))).toContain(message);
    expect(await refusal(api.createRuntime({}, {name: 'a.b'}))).toContain(message);
    expect((await api.createRuntime({}, {name: 'a'.repeat(40)})).spec.replicas).toBe(1);
  });

  test.each<[string, object, string]>([
    ['without a template', {template: undefined}, 'spec.template: Required value'],
    ['without containers', {template: {spec: {}}}, 'spec.template.spec.containers: Required value'],
    ['with fewer than no Pods', {replicas: -1}, 'spec.replicas in body should be greater than or equal to 0'],
    ['with a capacity that is text', {capacity: {resources: {runs: '4'}}}, 'must be of type integer'],
    [
      'that gives up too soon',
      {unreachableSeconds: 60},
      'spec.unreachableSeconds in body should be greater than or equal to 120',
    ],
    ['with a size that is none', {workspace: {sizeLimit: '2 GB'}}, 'spec.workspace.sizeLimit in body should match'],
    [
      'with a port that is none',
      {template: {spec: {containers: [{name: 'runtime', ports: [{containerPort: 70_000}]}]}}},
      'less than or equal to 65535',
    ],
  ])('a Runtime %s', async (_what, spec, message) => {
    expect(await refusal(api.createRuntime(spec))).toContain(message);
  });
});

describe('a Run that exists', () => {
  const immutable = 'only cancelRequested and ttlSecondsAfterFinished can be changed; create a new Run instead';

  test.each<[string, object]>([
    ['runtime', {runtime: 'other'}],
    ['source', {source: {inline: 'rm -rf /'}}],
    ['entrypoint', {entrypoint: 'other'}],
    ['a removed entrypoint', {entrypoint: null}],
    ['args', {args: ['b']}],
    ['env', {env: {A: '2'}}],
    ['one more variable', {env: {B: '2'}}],
    ['timeoutSeconds', {timeoutSeconds: 6}],
    ['a removed timeout', {timeoutSeconds: null}],
    ['retryPolicy', {retryPolicy: {maxAttempts: 2}}],
    ['added resources', {resources: {requests: {runs: 2}}}],
    ['an added priority', {priority: 1}],
    ['artifacts', {artifacts: {when: 'Always'}}],
    ['removed artifacts', {artifacts: null}],
  ])('keeps %s', async (_what, spec) => {
    const run = await api.createRun({
      source: {inline: 'true'},
      entrypoint: 'script',
      args: ['a'],
      env: {A: '1'},
      timeoutSeconds: 5,
      retryPolicy: {},
      artifacts: {when: 'OnSuccess'},
    });
    expect(await refusal(api.changeRun(run, spec))).toContain(immutable);
  });

  test('may be cancelled once and for all, and live longer', async () => {
    const run = await api.createRun();
    await api.changeRun(run, {cancelRequested: false, ttlSecondsAfterFinished: 5});
    await api.changeRun(run, {cancelRequested: true, ttlSecondsAfterFinished: null});
    expect(await refusal(api.changeRun(run, {cancelRequested: false}))).toContain(
      'cancelRequested can not be taken back',
    );
    expect(await refusal(api.changeRun(run, {cancelRequested: null}))).toContain(
      'cancelRequested can not be taken back',
    );
  });

  const ends = ['Succeeded', 'Failed', 'Timeout', 'Cancelled'];
  const phases = ['Pending', 'Scheduled', 'Running', ...ends];

  test.each(ends)('stays %s', async (phase) => {
    const ended = await api.setStatus(await api.createRun(), {phase, attempt: 2, exitCode: 0});
    const message = 'a Run that has ended stays in its phase';
    for (const other of phases.filter((each) => each !== phase)) {
      expect(await refusal(api.setStatus(ended, {phase: other, attempt: 2}))).toContain(message);
    }
    const {status: _, ...bare} = ended;
    expect(await refusal(api.runs.updateStatus(bare))).toContain(message);
    expect((await api.setStatus(ended, {phase, attempt: 2, message: 'cleaned up'})).status?.message).toBe('cleaned up');
    expect((await api.changeRun(ended, {ttlSecondsAfterFinished: 9})).status?.phase).toBe(phase);
  });

  test.each<[string, object, string]>([
    ['a phase that does not exist', {phase: 'Lost'}, 'Unsupported value: "Lost"'],
    ['no phase', {phase: undefined, attempt: 3}, 'status.phase: Required value'],
    ['an attempt that goes down', {phase: 'Pending', attempt: 2}, 'attempt never goes down'],
    [
      'a tail that is too long',
      {phase: 'Failed', attempt: 3, output: {stdoutBytes: 1, stderrBytes: 1, tail: 'x'.repeat(4097)}},
      'status.output.tail: Too long',
    ],
    ['a time that is none', {phase: 'Running', attempt: 3, startTime: 'now'}, 'must be of type date-time'],
    [
      'a condition twice',
      {
        phase: 'Pending',
        attempt: 3,
        conditions: [1, 2].map(() => ({
          type: 'A',
          status: 'True',
          reason: 'B',
          message: '',
          lastTransitionTime: '2026-01-01T00:00:00Z',
        })),
      },
      'Duplicate value',
    ],
  ])('takes no status with %s', async (_what, status, message) => {
    const run = await api.setStatus(await api.createRun(), {
      phase: 'Scheduled',
      attempt: 3,
      assignedPod: 'p',
      assignedPodUID: 'u',
    });
    expect(await refusal(api.setStatus(run, status))).toContain(message);
  });
});

describe('a Run at all its limits', () => {
  const names = (count: number, length: number) => Array.from({length: count}, (_, n) => `a${n}`.padEnd(length, 'x'));
  const share = (bytes: number, count: number) => 'y'.repeat(Math.floor(bytes / count));

  test('is stored, scheduled, tried again and again, ended and cancelled: rules stay within their budget', async () => {
    const path = (name: string) => ({
      path: name,
      content: share(limits.sourceBytes, limits.sourceFiles).slice(limits.path),
    });
    const now = new Date();
    const put = async (run: Run, status: object | undefined) => await api.setStatus(run, status ?? {});
    let run = await api.createRun({
      source: {files: names(limits.sourceFiles, limits.path).map(path)},
      entrypoint: 'a'.repeat(limits.path),
      args: names(limits.args, limits.argsBytes / limits.args),
      env: Object.fromEntries(
        names(limits.env, limits.envName).map((name) => [name, share(limits.envBytes, limits.env)]),
      ),
      retryPolicy: {maxAttempts: limits.maxAttempts, backoffSeconds: limits.backoffSeconds},
      resources: {requests: Object.fromEntries(names(limits.resources, limits.resourceName).map((name) => [name, 1]))},
    });
    run = await put(run, unschedulableStatus(run, 'InsufficientCapacity', '€'.repeat(9999), now));
    const output = {stdoutBytes: limits.safeInteger, stderrBytes: 0, truncated: true, tail: '\u0000😀'.repeat(9999)};
    const outputs = Object.fromEntries(
      names(limits.outputs, 100).map((name) => [name, share(limits.outputsBytes, limits.outputs).slice(100)]),
    );
    const artifactRefs = names(limits.artifactRefs, limits.path).map((name) => ({
      name,
      key: name,
      sizeBytes: limits.safeInteger,
      digest: 'z'.repeat(limits.digest),
    }));
    for (let attempt = 1; attempt <= limits.attempts + 1; attempt += 1) {
      run = await put(run, bindStatus(run, {name: 'p'.repeat(limits.podName), uid: 'u'.repeat(limits.uid)}, now));
      const fence = fenceOf(run) ?? {uid: '', podUID: '', attempt};
      run = await put(run, runningStatus(run, fence, now));
      const outcome = {
        kind: 'exited',
        exitCode: attempt > limits.attempts ? 0 : 2 ** 40,
        signal: attempt > limits.attempts ? '' : '\uD83D'.repeat(99),
      } as const;
      run = await put(
        run,
        endAttemptStatus(
          run,
          fence,
          {outcome, output, outputs, artifactRefs, message: '\uFFFF'.repeat(9999)},
          {now, random: Math.random},
        ),
      );
    }
    expect(run.status).toMatchObject({phase: 'Succeeded', attempt: limits.attempts + 1, outputs, artifactRefs});
    expect(run.status?.attempts).toHaveLength(limits.attempts);
    expect((await api.changeRun(run, {cancelRequested: true})).spec.cancelRequested).toBe(true);
  });
});
