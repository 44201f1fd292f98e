import {cpus, loadavg} from 'node:os';
import {expect, test} from '@jest/globals';
import {isTerminal, runKind} from '@kruntimes/api-types';
import {Cache, kinds} from '@kruntimes/reconciler-kit';
import {waitFor} from '@kruntimes/reconciler-kit/testing';
import type {Job} from 'kubernetes-types/batch/v1.d.ts';
import type {Pod} from 'kubernetes-types/core/v1.d.ts';
import {createBashRuntime, runtimeReady} from './support/bash-runtime.ts';
import {Stopwatch} from './support/stopwatch.ts';
import {suite} from './support/suite.ts';
import {patient} from './support/world.ts';

const namespace = 'jobs-and-runs';
/** One after the other, a Job and then a Run. */
const alone = 15;
/** At once. */
const jobsTogether = 25;
const runsTogether = 200;
const command = ['echo', 'hello'];

const e2e = suite(async (world) => {
  await world.installed();
  await world.createNamespace(namespace);
  await createBashRuntime(world.client, {namespace, spec: {capacity: {resources: {runs: 8}}}});
  await runtimeReady(world.client, namespace);
});

const jobDone = ({status}: Job): boolean =>
  status?.conditions?.some(({type, status: is}) => type === 'Complete' && is === 'True') ?? false;
/** Its program has ended. */
const podDone = ({status}: Pod): boolean => status?.phase === 'Succeeded';

async function createJob(name: string): Promise<void> {
  await e2e.world.client.kind(kinds.Job).create({
    metadata: {name, namespace},
    spec: {
      backoffLimit: 0,
      template: {
        spec: {
          restartPolicy: 'Never',
          automountServiceAccountToken: false,
          securityContext: {runAsNonRoot: true, seccompProfile: {type: 'RuntimeDefault'}},
          containers: [
            {
              name: 'job',
              image: 'kruntimes-bash-runtime:latest',
              imagePullPolicy: 'IfNotPresent',
              command,
              securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: ['ALL']}},
            },
          ],
        },
      },
    },
  });
}

async function createRun(name: string): Promise<void> {
  await e2e.world.client.kind(runKind).create({metadata: {name, namespace}, spec: {runtime: 'bash', args: command}});
}

const named = (prefix: string, count: number): string[] => Array.from({length: count}, (_, i) => `${prefix}-${i}`);

test(
  '`echo hello` as a Job and as a Run, side by side',
  e2e.reported(async () => {
    const {client} = e2e.world;
    const stop = new AbortController();
    const jobs = new Cache(client.kind(kinds.Job), {namespace});
    const pods = new Cache(client.kind(kinds.Pod), {namespace, labelSelector: 'batch.kubernetes.io/job-name'});
    const runs = new Cache(client.kind(runKind), {namespace});
    const ended = new Stopwatch(
      pods,
      (pod) => podDone(pod as Pod),
      ({metadata}) => metadata?.labels?.['batch.kubernetes.io/job-name'],
    );
    const complete = new Stopwatch(jobs, (job) => jobDone(job as Job));
    const finished = new Stopwatch(runs, ({status}) => isTerminal(status?.phase));
    const caches = [jobs, pods, runs];
    const watching = Promise.all(caches.map((cache) => cache.start(stop.signal)));
    e2e.world.defer(async () => {
      stop.abort();
      await watching;
    });
    await Promise.all(caches.map((cache) => cache.synced()));

    for (const [i, job] of named('job', alone).entries()) {
      await complete.time(job, () => createJob(job), ended);
      await finished.time(`run-${i}`, () => createRun(`run-${i}`));
    }
    const jobSeconds = await complete.timeAll(named('more', jobsTogether), createJob);
    const runSeconds = await finished.timeAll(named('many', runsTogether), createRun);

    await waitFor(runs, (all) => all.every(({status}) => status?.phase === 'Succeeded'), patient);
    const names = {jobs: named('job', alone), runs: named('run', alone)};
    console.info(
      [
        `${cpus().length} CPUs, load ${loadavg()[0]?.toFixed(1)}`,
        '',
        '| `echo hello` | as a Job | as a Run | the Run is better by |',
        '| --- | --- | --- | --- |',
        times(
          'create to end of the program seen, p50, ms',
          ended.percentile(names.jobs, 0.5),
          finished.percentile(names.runs, 0.5),
        ),
        times('the same, p95, ms', ended.percentile(names.jobs, 0.95), finished.percentile(names.runs, 0.95)),
        times(
          'create to finished (Job Complete, Run Succeeded), p50, ms',
          complete.percentile(names.jobs, 0.5),
          finished.percentile(names.runs, 0.5),
        ),
        times('the same, p95, ms', complete.percentile(names.jobs, 0.95), finished.percentile(names.runs, 0.95)),
        rates(
          `per second, ${jobsTogether} Jobs and ${runsTogether} Runs at once`,
          jobsTogether / jobSeconds,
          runsTogether / runSeconds,
        ),
      ].join('\n'),
    );
    expect(finished.percentile(names.runs, 0.5)).toBeLessThan(complete.percentile(names.jobs, 0.5));
  }),
);

function row(what: string, job: number, run: number, better: number): string {
  const text = (value: number): string => (value < 100 ? value.toPrecision(3) : value.toFixed(0));
  return `| ${what} | ${text(job)} | ${text(run)} | ${better < 10 ? better.toPrecision(2) : better.toFixed(0)} |`;
}

/** Of times, in ms: less is better. */
function times(what: string, job: number, run: number): string {
  return row(what, job, run, job / run);
}

/** More is better. */
function rates(what: string, job: number, run: number): string {
  return row(what, job, run, run / job);
}
