import {setTimeout as delay} from 'node:timers/promises';
import {afterAll, beforeAll, describe, expect, test} from '@jest/globals';
import {isTerminal} from '@kruntimes/api-types';
import {FaultReport} from './fault-report.ts';
import {ENDED_BOUND_MS, type Fault, runRound, type Sign} from './fault-round.ts';
import {FaultSystem} from './fault-system.ts';
import {readForm} from './form.ts';
import {Random} from './random.ts';

const PODS = 4;
/** How long a part that nobody restarts by itself is away at most. */
const AWAY_MS = 2_000;

const form = readForm();
const report = new FaultReport('kills', {seed: form.seed, directory: form.reportDirectory});
let system: FaultSystem;

beforeAll(async () => {
  system = await FaultSystem.start({pods: PODS, runsPerPod: 8});
}, 240_000);
afterAll(async () => {
  process.stderr.write(`${report.table()}\n`);
  await system?.stop();
}, 120_000);

const anything: Sign = () => true;

/** The container of one Pod, or now and then of all at once; the node starts it again. */
function ofPods(container: 'runtime' | 'runtimed', sign: Sign): () => Fault {
  return () => {
    let struck: string[] = [];
    return {
      async strike(random) {
        const pods = await system.podNames();
        const chosen = random.next() < 0.2 ? pods : [random.pick(pods)];
        for (const pod of chosen) system.killContainer(pod, container);
        await system.history.caughtUp();
        struck = chosen;
      },
      isBack: (revision, struckAt) =>
        struck.includes(revision.run.status?.assignedPod ?? '') && sign(revision, struckAt),
    };
  };
}

interface Server {
  kill(): Promise<void>;
  start(): Promise<void>;
}

function ofServer(server: () => Server, sign?: Sign): () => Fault {
  return () => {
    let down = false;
    return {
      async strike(random) {
        await server().kill();
        if (server() !== etcd) await system.history.caughtUp();
        await delay(random.between(0, AWAY_MS));
        down = true;
        await server().start();
      },
      ...(sign && {isBack: (revision, struckAt) => down && sign(revision, struckAt)}),
    };
  };
}

const etcd: Server = {
  kill: () => system.controlPlane.killEtcd(),
  start: () => system.controlPlane.restartEtcd(),
};
const kubeApiserver: Server = {
  kill: () => system.controlPlane.killApiServer(),
  start: () => system.controlPlane.restartApiServer(),
};

const parts: Record<string, () => Fault> = {
  // The first word of runtimed about any Run.
  runtimed: ofPods('runtimed', ({run: {status}}) => status?.phase === 'Running' || isTerminal(status?.phase)),
  // The first program that it has started since.
  'Runtime server': ofPods(
    'runtime',
    ({run: {status}}, struckAt) => status?.startTime !== undefined && Date.parse(status.startTime) > struckAt.getTime(),
  ),
  scheduler: ofServer(
    () => system.cluster.scheduler,
    ({run: {status}}) => status?.phase === 'Scheduled',
  ),
  // No Run waits for it.
  controller: ofServer(() => system.cluster.controller),
  'kube-apiserver': ofServer(() => kubeApiserver, anything),
  etcd: ofServer(() => etcd, anything),
};

describe.each(Object.keys(parts))('kill -9 of %s', (part) => {
  const random = new Random(form.seed);
  test.each(Array.from({length: form.rounds}, (_, i) => i + 1))(
    'round %i',
    async (round) => {
      const name = `kill -9 of ${part}, round ${round}, seed ${form.seed}`;
      const {figures, problems} = await runRound(system, {name, fault: parts[part]!(), random});
      expect(problems).toBe('');
      report.add(part, figures);
      await system.ready(PODS);
    },
    ENDED_BOUND_MS * 2,
  );
});
