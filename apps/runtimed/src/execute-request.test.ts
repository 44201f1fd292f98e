import {describe, expect, test} from '@jest/globals';
import {bindStatus, fenceOf, type Run, type RunSpec} from '@kruntimes/api-types';
import {Attempt} from './attempt.ts';
import {executeRequest} from './execute-request.ts';

const paths = {work: '/w/work', home: '/w/home', tmp: '/w/tmp', artifacts: '/w/artifacts', outputs: '/w/outputs'};

function requestOf(spec: Partial<RunSpec>, workingDir?: string) {
  const pending: Run = {metadata: {name: 'hello', namespace: 'team', uid: 'u1'}, spec: {runtime: 'bash', ...spec}};
  const run = {...pending, status: bindStatus(pending, {name: 'bash-0', uid: 'pod'}, new Date(0))};
  const fence = fenceOf(run);
  if (fence === undefined) throw new Error('the Run is not bound');
  return executeRequest(new Attempt(run, fence, 'bound'), paths, workingDir);
}

describe('executeRequest', () => {
  test('carries arguments unchanged', () => {
    const args = ['a b', '', '$HOME', "it's", '--'];
    expect(requestOf({entrypoint: 'run', args})).toMatchObject({entrypoint: 'run', args, workingDir: '/w/work'});
  });

  test.each<[string, Partial<RunSpec>, string]>([
    ['of an inline source is script', {source: {inline: 'true'}}, 'script'],
    ['of an inline source may be another', {source: {inline: 'true'}, entrypoint: 'x'}, 'x'],
    ['of files has no default', {source: {files: [{path: 'script', content: ''}]}, args: ['ls']}, ''],
    ['without a source is none', {args: ['ls']}, ''],
  ])('the entrypoint %s', (_what, spec, entrypoint) => {
    expect(requestOf(spec).entrypoint).toBe(entrypoint);
  });

  test('the working directory may be one of the source', () => {
    expect(requestOf({entrypoint: 'run'}, '/w/work/jobs').workingDir).toBe('/w/work/jobs');
  });

  test('an entrypoint that leads out is refused', () => {
    expect(() => requestOf({entrypoint: '../run'})).toThrow('has a segment ..');
  });

  test('spec.env wins over HOME and TMPDIR, and never over what belongs to kruntimes', () => {
    const own = {
      KRUNTIME_OUTPUTS: '/w/outputs',
      KRUNTIME_ARTIFACTS_DIR: '/w/artifacts',
      KRUNTIME_RUN_NAME: 'hello',
      KRUNTIME_RUN_NAMESPACE: 'team',
      KRUNTIME_RUN_UID: 'u1',
      KRUNTIME_RUN_ATTEMPT: '1',
    };
    expect(requestOf({}).env).toEqual({HOME: '/w/home', TMPDIR: '/w/tmp', ...own});
    // The CRD refuses such a name; an object from before it may have one.
    const env = {HOME: '/mine', A: 'b', KRUNTIME_RUN_UID: 'another'};
    expect(requestOf({env}).env).toEqual({HOME: '/mine', TMPDIR: '/w/tmp', A: 'b', ...own});
  });
});
