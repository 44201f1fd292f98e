import {closedLoop} from '../measure/load.ts';
import {sampleProcesses} from '../measure/process-sample.ts';
import {hello} from './loads.ts';
import type {Scenario} from './scenario.ts';

/** Comes last: the first Runs fill what a process keeps for ever. */
export const growth: Scenario = {
  name: 'growth',
  title: 'memory of each process after twice the Runs',
  needsWorld: true,
  async run(target, {growthRuns}) {
    process.stderr.write(`  growth: twice ${growthRuns} Runs\n`);
    const groups = await target.processes();
    const clock = await target.clock('kruntimes');
    const load = {count: growthRuns, seconds: 120, concurrency: 25};
    await closedLoop(clock, hello, load);
    const before = await sampleProcesses(groups);
    await closedLoop(clock, hello, load);
    const after = await sampleProcesses(groups);
    return {
      figures: ['runtimed', 'runtimeServer', 'scheduler', 'controller'].map((group) => ({
        scenario: 'growth',
        load: `${growthRuns} and ${growthRuns} Runs`,
        name: `memory of ${group}`,
        value: after[group]!.residentMiB / before[group]!.residentMiB,
        unit: 'times that before',
      })),
    };
  },
};
