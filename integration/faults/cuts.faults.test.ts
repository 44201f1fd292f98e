import {setTimeout as delay} from 'node:timers/promises';
import {afterAll, beforeAll, describe, expect, test} from '@jest/globals';
import {isTerminal} from '@kruntimes/api-types';
import type {SocketProxy} from '@kruntimes/reconciler-kit/testing';
import {FaultReport} from './fault-report.ts';
import {ENDED_BOUND_MS, type Fault, runRound, type Sign} from './fault-round.ts';
import {FaultSystem} from './fault-system.ts';
import {readForm} from './form.ts';
import {Random} from './random.ts';

const PODS = 4;
/** How long connections are cut again and again, and how long none can be made. */
const CUTTING_MS = 3_000;
const REFUSING_MS = 2_000;
/** Longest time between two cuts. */
const CUT_EVERY_MS = 400;
/** Answers that are lost after the request was carried out. */
const LOST_ANSWERS = 20;

const RUNTIME_SERVER = 'runtimed and Runtime server';

const form = readForm();
const report = new FaultReport('cuts', {seed: form.seed, directory: form.reportDirectory});
let system: FaultSystem;
let sockets: SocketProxy[];

beforeAll(async () => {
  system = await FaultSystem.start({pods: PODS, runsPerPod: 8, proxies: true});
  sockets = await system.interposeSockets();
  await system.ready(PODS);
}, 300_000);
afterAll(async () => {
  process.stderr.write(`${report.table()}\n`);
  await system?.stop();
}, 120_000);

/** Between kube-apiserver and those who call themselves so. */
const ofApi = (userAgent: RegExp, sign?: Sign) => (): Fault => {
  let mended = false;
  return {
    async strike(random) {
      const proxy = system.apiProxy!;
      const refused = proxy.inject({kind: 'cut'}, {match: {userAgent}});
      await delay(random.between(0, REFUSING_MS));
      refused.stop();
      const cutting = proxy.cutEvery(random.between(50, CUT_EVERY_MS), {userAgent});
      const lost = proxy.inject({kind: 'lose-answer'}, {match: {userAgent, watch: false}, times: LOST_ANSWERS});
      await delay(random.between(0, CUTTING_MS));
      cutting.stop();
      lost.stop();
      mended = true;
    },
    ...(sign && {isBack: (revision, struckAt) => mended && sign(revision, struckAt)}),
  };
};

const ofSockets = (proxies: () => readonly SocketProxy[], sign: Sign) => (): Fault => {
  let mended = false;
  return {
    async strike(random) {
      await Promise.all(proxies().map((proxy) => proxy.offline()));
      await delay(random.between(0, REFUSING_MS));
      await Promise.all(proxies().map((proxy) => proxy.online()));
      const end = performance.now() + random.between(0, CUTTING_MS);
      while (performance.now() < end) {
        for (const proxy of proxies()) proxy.cut();
        await delay(random.between(50, CUT_EVERY_MS));
      }
      mended = true;
    },
    isBack: (revision, struckAt) => mended && sign(revision, struckAt),
  };
};

const ended: Sign = ({run: {status}}) => isTerminal(status?.phase);

const connections: Record<string, () => Fault> = {
  'runtimed and kube-apiserver': ofApi(/^runtimed/, ended),
  'scheduler and kube-apiserver': ofApi(/^kruntimes-scheduler/, ({run: {status}}) => status?.phase === 'Scheduled'),
  // No Run waits for it.
  'controller and kube-apiserver': ofApi(/^kruntimes-controller/),
  'client and kube-apiserver': ofApi(/^client/),
  'kube-apiserver and etcd': ofSockets(
    () => [system.etcdProxy!],
    () => true,
  ),
  [RUNTIME_SERVER]: ofSockets(() => sockets, ended),
};

describe.each(Object.keys(connections))('cutting the connections between %s', (connection) => {
  const random = new Random(form.seed);
  test.each(Array.from({length: form.rounds}, (_, i) => i + 1))(
    'round %i',
    async (round) => {
      const name = `cutting ${connection}, round ${round}, seed ${form.seed}`;
      const {figures, problems} = await runRound(system, {name, fault: connections[connection]!(), random});
      expect(problems).toBe('');
      // A program whose start was never answered is not started again by the same attempt; else a cut costs no attempt.
      if (connection !== RUNTIME_SERVER) expect(figures.disruptions).toBe(0);
      report.add(connection, figures);
      await system.ready(PODS);
    },
    ENDED_BOUND_MS * 2,
  );
});
