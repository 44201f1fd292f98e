import {expect} from '@jest/globals';
import {RUNTIME_LABEL, type Run, type RunSpec} from '@kruntimes/api-types';
import {type Client, kinds} from '@kruntimes/reconciler-kit';
import {waitFor} from '@kruntimes/reconciler-kit/testing';
import {Ledger} from './ledger.ts';

/** How many Runs are wanted at any moment: more than one Pod can take. */
const wanted = 6;
/** Runs that must have begun before anything changes, and that must follow when it has. */
const before = 10;

export interface LoadTarget {
  readonly ledger: Ledger;
  readonly create: (spec: Partial<RunSpec>) => Promise<Run>;
  /** When the Run of this name has ended. */
  readonly ended: (name: string) => Promise<Run>;
}

/** Runs arrive all the time, one as soon as another has ended, while `act` does its work. @returns all of them, ended */
export async function underLoad({ledger, create, ended}: LoadTarget, act: () => Promise<void>): Promise<Run[]> {
  const runs: Run[] = [];
  const enough = Promise.withResolvers<void>();
  let acting = true;
  let left = before;
  const arrive = async (): Promise<void> => {
    while (acting || left-- > 0) {
      // Some end at once, some take their time.
      const body = `sleep 0.$((RANDOM % 8)); echo "attempt=$KRUNTIME_RUN_ATTEMPT" >> "$KRUNTIME_OUTPUTS"`;
      const {metadata} = await create({source: {inline: ledger.script(body)}});
      runs.push(await ended(metadata?.name ?? ''));
      if (runs.length >= before) enough.resolve();
    }
  };
  const arriving = Promise.all(Array.from({length: wanted}, arrive));
  await Promise.race([enough.promise, arriving]);
  // Those that arrive fail first if something is wrong with them.
  await Promise.race([act(), arriving]).finally(() => {
    acting = false;
  });
  await arriving;
  return runs;
}

/** Every Run succeeded, ran once and never twice side by side; where one had to go elsewhere, it was not begun before. */
export function expectNothingLost(runs: readonly Run[], ledger: Ledger): void {
  expect(runs.length).toBeGreaterThan(2 * before);
  expect(runs.map(({status}) => [status?.phase, status?.outputs])).toEqual(
    runs.map(({status}) => ['Succeeded', {attempt: String(status?.attempt)}]),
  );
  expect(ledger.overlaps()).toEqual([]);
  expect(ledger.read()).toEqual(
    runs
      .map(({metadata, status}) => ({uid: metadata?.uid, attempt: status?.attempt ?? 0, ends: 1}))
      .toSorted(Ledger.order),
  );
  for (const {status} of runs) {
    const earlier = status?.attempts?.slice(0, -1) ?? [];
    // PodGone: it was bound in the moment in which its Pod had drained and ended.
    expect(['PodTerminating', 'PodGone']).toEqual(expect.arrayContaining(earlier.map(({reason}) => reason)));
    expect(status?.disruptions ?? 0).toBe(earlier.length);
  }
}

export interface SettledPods {
  namespace: string;
  count: number;
  /** UIDs of Pods that must have gone. */
  old: readonly string[];
  timeoutMs: number;
}

/** Resolves when there are exactly so many Runtime Pods, all ready, and none of `old`. @returns their UIDs */
export async function settledPods(client: Client, {namespace, count, old, timeoutMs}: SettledPods): Promise<string[]> {
  const present = await waitFor(
    client.kind(kinds.Pod),
    (all) =>
      all.length === count &&
      all.every(
        ({metadata, status}) =>
          metadata?.deletionTimestamp === undefined &&
          !old.includes(metadata?.uid ?? '') &&
          status?.conditions?.some(({type, status: is}) => type === 'Ready' && is === 'True'),
      ),
    {namespace, labelSelector: RUNTIME_LABEL, timeoutMs, description: `${count} ready Pods, and no others`},
  );
  return present.map(({metadata}) => metadata?.uid ?? '');
}
