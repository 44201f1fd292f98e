import type {Run} from '@kruntimes/api-types';
import {Client, kinds, Transport} from '@kruntimes/reconciler-kit';
import {BENCH_NAMESPACE} from '../cluster/bench-identity.ts';
import {relayKind} from '../cluster/relay-kind.ts';
import {inParallel} from '../measure/in-parallel.ts';
import {median} from '../quantile.ts';
import {hello} from './loads.ts';
import type {Figure, Scenario} from './scenario.ts';

const CONCURRENCY = 32;

export const rawLimit: Scenario = {
  name: 'raw',
  title: 'what the API server takes: creates and status patches a second, watch delivery',
  async run(target, {raw}) {
    if (!target.hasRelay) return {notes: ['raw limit: left out, the kind of the relay may not be installed here']};
    const figures: Figure[] = [];
    const figure = (name: string, value: number, unit: string): void =>
      void figures.push({scenario: 'raw', load: '', name, value, unit});
    await using transport = new Transport(target.config, {connections: CONCURRENCY, userAgent: 'kruntimes-bench-raw'});
    const runs = new Client(transport).kind(relayKind);
    // Where the relay does not look.
    const namespace = 'default';
    const run = (index: number): Run => ({
      metadata: {name: `raw-${index}`, namespace, labels: {app: 'kruntimes-bench'}},
      spec: {runtime: 'nobody', ...hello},
    });
    const perSecond = async (work: (index: number) => Promise<unknown>): Promise<number> => {
      const started = performance.now();
      await inParallel(raw.writes, CONCURRENCY, work);
      return (raw.writes * 1000) / (performance.now() - started);
    };
    process.stderr.write('  raw limit\n');
    figure('creates', await perSecond((index) => runs.create(run(index))), 'per s');
    const body = {status: {phase: 'Scheduled', assignedPod: 'pod', assignedPodUID: 'uid', attempt: 1}};
    figure(
      'status patches',
      await perSecond((index) => runs.patchStatus({name: `raw-${index}`, namespace}, {type: 'merge', body})),
      'per s',
    );
    const configMaps = new Client(transport).kind(kinds.ConfigMap);
    const create = (name: string): Promise<unknown> =>
      configMaps.create({metadata: {name, namespace: BENCH_NAMESPACE}, data: {text: 'x'.repeat(1000)}});
    const stop = new AbortController();
    figure('watch delivery, from sending the create', await deliveryMs(), 'ms, median');
    figure(`watch events to ${raw.watchers} watchers`, await fanOut(), 'per s');
    stop.abort();
    return {figures};

    /** One create after the other, each until a watch tells of it. */
    async function deliveryMs(): Promise<number> {
      const stream = await configMaps.openWatch({namespace: BENCH_NAMESPACE, signal: stop.signal});
      const times: number[] = [];
      const events = stream.batches[Symbol.asyncIterator]();
      const untilSeen = async (name: string): Promise<void> => {
        for (;;) {
          const {value, done} = await events.next();
          if (done) throw new Error('the watch ended');
          if (value.some(({object}) => (object as Run).metadata?.name === name)) return;
        }
      };
      for (let index = 0; index < raw.events; index++) {
        const sent = performance.now();
        const name = `delivery-${index}`;
        await Promise.all([create(name), untilSeen(name)]);
        times.push(performance.now() - sent);
      }
      stream.close();
      return median(times);
    }

    async function fanOut(): Promise<number> {
      const streams = await Promise.all(
        Array.from({length: raw.watchers}, () =>
          configMaps.openWatch({namespace: BENCH_NAMESPACE, labelSelector: 'fan=out', signal: stop.signal}),
        ),
      );
      const started = performance.now();
      const seen = streams.map(async ({batches}) => {
        let count = 0;
        for await (const batch of batches) {
          count += batch.length;
          if (count >= raw.events) return;
        }
        throw new Error('a watch ended');
      });
      await inParallel(raw.events, CONCURRENCY, (index) =>
        configMaps.create({
          metadata: {name: `fan-${index}`, namespace: BENCH_NAMESPACE, labels: {fan: 'out'}},
          data: {text: 'x'.repeat(1000)},
        }),
      );
      await Promise.all(seen);
      return (raw.watchers * raw.events * 1000) / (performance.now() - started);
    }
  },
};
