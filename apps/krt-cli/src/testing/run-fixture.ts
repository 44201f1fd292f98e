import type {Run, RunSpec, RunStatus} from '@kruntimes/api-types';

/** A Run as the API server would give it. */
export function runFixture(name: string, status: RunStatus = {phase: 'Pending'}, spec: Partial<RunSpec> = {}): Run {
  return {
    apiVersion: 'kruntimes.io/v1alpha1',
    kind: 'Run',
    metadata: {name, namespace: 'default', uid: `uid-${name}`, resourceVersion: '1'},
    spec: {runtime: 'bash', ...spec},
    status,
  };
}
