import {expect, test} from '@jest/globals';
import type {PodTemplateSpec} from 'kubernetes-types/core/v1.d.ts';
import type {Condition as MetaCondition} from 'kubernetes-types/meta/v1.d.ts';
import type {Condition, DeepReadonly, Run, RunPhase, RunStatus, Runtime} from './index.ts';

/** Of type `true` if the types are the same; an error here is one of `tsc`. */
type Same<A, B> = [A, B] extends [B, A] ? true : never;

test('the types are those of the wire', () => {
  const claims = [
    true satisfies Same<
      RunPhase,
      'Pending' | 'Scheduled' | 'Running' | 'Succeeded' | 'Failed' | 'Timeout' | 'Cancelled'
    >,
    true satisfies Same<RunStatus['startTime'], string | undefined>,
    true satisfies Same<RunStatus['outputs'], Record<string, string> | undefined>,
    true satisfies Same<Run['spec']['runtime'], string>,
    true satisfies Same<Run['spec']['timeoutSeconds'], number | undefined>,
    true satisfies Same<Runtime['spec']['template'], PodTemplateSpec>,
    true satisfies Condition extends MetaCondition ? true : false,
  ];
  const run: Run = {apiVersion: 'kruntimes.io/v1alpha1', kind: 'Run', spec: {runtime: 'bash'}};
  const cached: DeepReadonly<Run> = run;
  // @ts-expect-error what a cache hands out is not changed
  cached.spec.runtime = 'bash';
  // @ts-expect-error absent and undefined are not the same on the wire
  const absent: Run['spec'] = {runtime: 'bash', entrypoint: undefined};
  // @ts-expect-error phases are a closed set
  const phase: RunPhase = 'Lost';
  // @ts-expect-error a Runtime needs a template
  const runtime: Runtime = {spec: {}};
  expect(claims).not.toContain(false);
  expect([absent.runtime, phase, runtime.spec]).toEqual(['bash', 'Lost', {}]);
});
