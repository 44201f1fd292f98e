/** Runs that leave something: output, artifacts. */
import {closedLoop} from '../measure/load.ts';
import {measure} from '../measure/measurement.ts';
import type {Figure, Scenario} from './scenario.ts';

const MEBIBYTE = 1024 * 1024;

export const output: Scenario = {
  name: 'output',
  title: 'Runs that print much, four at a time',
  async run(target, {output: {mebibytes, count}}) {
    const figures: Figure[] = [];
    const measurements = [];
    for (const size of mebibytes) {
      // Lines of 100 bytes.
      const line = 'x'.repeat(99);
      const spec = {source: {inline: `yes ${line} | head -c ${size * MEBIBYTE}\n`}};
      const load = `${size} MiB`;
      const [found] = await measure(target, {
        scenario: 'output',
        load,
        rounds: 1,
        paths: ['kruntimes'],
        work: (clock) => closedLoop(clock, spec, {count, seconds: 60, concurrency: 4}),
      });
      measurements.push(found!);
      const figure = (name: string, value: number, unit: string): Figure => ({
        scenario: 'output',
        load,
        name,
        value,
        unit,
      });
      figures.push(figure('output', found!.perSecond * size, 'MiB per s'));
      for (const group of ['runtimed', 'runtimeServer', 'node']) {
        const seconds = found!.cpuSeconds[group];
        if (seconds !== undefined)
          figures.push(figure(`CPU of ${group} per MiB`, (seconds * 1000) / (found!.runs * size), 'ms'));
      }
    }
    return {measurements, figures};
  },
};

export const artifacts: Scenario = {
  name: 'artifacts',
  title: 'Runs that leave a file in a store on a volume, four at a time',
  needsWorld: true,
  async run(target, {artifacts: {count, mebibytes}}) {
    const where = {namespace: 'bench', runtime: 'with-artifacts'};
    const request = {namespace: where.namespace, name: where.runtime, slots: 8, artifacts: true};
    await target.world!.call('runtime', {...request, pods: 1});
    const spec = {
      source: {inline: `head -c ${mebibytes * MEBIBYTE} /dev/urandom > "$KRUNTIME_ARTIFACTS_DIR/file"\n`},
    };
    const measurements = await measure(target, {
      scenario: 'artifacts',
      load: `${mebibytes} MiB`,
      rounds: 1,
      paths: ['kruntimes'],
      where,
      work: (clock) => closedLoop(clock, spec, {count, seconds: 60, concurrency: 4}),
    });
    await target.world!.call('runtime', {...request, pods: 0});
    return {measurements, notes: ['artifacts: the log is stored as one, too; a Run with artifacts has a finalizer']};
  },
};
