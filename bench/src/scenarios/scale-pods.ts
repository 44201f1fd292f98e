import {Fleet} from '../cluster/fleet.ts';
import {closedLoop} from '../measure/load.ts';
import {type Measurement, measure} from '../measure/measurement.ts';
import {hello} from './loads.ts';
import type {Scenario} from './scenario.ts';

const CONCURRENCY = 25;

export const scalePods: Scenario = {
  name: 'scale-pods',
  title: 'a closed loop at 25 with more and more Runtime Pods, simulated ones beyond 8',
  needsWorld: true,
  async run(target, {scale, closed}) {
    const measurements: Measurement[] = [];
    const load = {count: scale.runs, seconds: closed.seconds, concurrency: CONCURRENCY};
    const options = {scenario: 'scale-pods', rounds: 1, paths: ['kruntimes'] as const};
    const real = {namespace: 'sim-real', runtime: 'bash'};
    await target.world!.call('createNamespace', real.namespace);
    for (const pods of scale.pods.filter((count) => count <= 8)) {
      await target.world!.call('runtime', {namespace: real.namespace, name: real.runtime, pods, slots: 32});
      const work = {load: `${pods} Pods`, where: real};
      measurements.push(
        ...(await measure(target, {...options, ...work, work: (clock) => closedLoop(clock, hello, load)})),
      );
    }
    await target.world!.call('runtime', {namespace: real.namespace, name: real.runtime, pods: 0, slots: 32});
    await using fleet = await Fleet.start(target, {name: 'sim-scale', slots: 32, execute: true});
    for (const pods of [8, ...scale.pods.filter((count) => count > 8)]) {
      await fleet.grow(pods);
      const work = {load: `${pods} simulated Pods`, where: {namespace: fleet.namespace, runtime: fleet.runtime}};
      measurements.push(
        ...(await measure(target, {...options, ...work, work: (clock) => closedLoop(clock, hello, load)})),
      );
    }
    return {
      measurements,
      notes: [
        'scale-pods: simulated Pods have one watch each, as a runtimed has, all in one process; their programs take no time',
      ],
    };
  },
};
