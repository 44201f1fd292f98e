/** The embedded API server answers as kube-apiserver does: the same requests to both, compared. */
import {fileURLToPath} from 'node:url';
import {afterAll, beforeAll, describe, expect, test} from '@jest/globals';
import {type AllowedDifference, allowedDifferences, isAllowedBy} from './allowed-differences.ts';
import {compare, describeDifferences} from './compare.ts';
import {normalise} from './normalise.ts';
import {scenarios} from './scenarios/index.ts';
import {type RunningServer, startServer} from './servers.ts';
import {Session} from './session.ts';

const limitMs = 240_000;
const goModule = fileURLToPath(new URL('../../tools/kube', import.meta.url));

let servers: RunningServer[] = [];
let sessions: Session[] = [];
const used = new Set<AllowedDifference>();

beforeAll(async () => {
  servers = await Promise.all([startServer('kube', {goModule}), startServer('embedded', {goModule})]);
  sessions = servers.map(({access}) => new Session(access));
}, limitMs);

afterAll(async () => {
  for (const session of sessions) session.close();
  for (const server of servers) await server[Symbol.asyncDispose]();
}, limitMs);

describe('both servers answer alike', () => {
  test.each(scenarios)(
    '$name',
    async (scenario) => {
      const [kube = [], embedded = []] = await Promise.all(
        sessions.map(async (session) => normalise(await session.run(scenario))),
      );
      const failures = kube.filter(({failure}) => failure !== undefined);
      expect(failures).toEqual([]);
      const differences = compare(scenario.name, kube, embedded).filter((difference) => {
        const reasons = allowedDifferences.filter((allowed) => isAllowedBy(difference, allowed));
        for (const reason of reasons) used.add(reason);
        return reasons.length === 0;
      });
      expect(describeDifferences(differences)).toBe('');
    },
    limitMs,
  );

  test('no difference is allowed that there is not', () => {
    expect(allowedDifferences.filter((allowed) => !used.has(allowed))).toEqual([]);
  });
});

test('there are enough requests', () => {
  const count = scenarios.flatMap(({steps}) =>
    steps.flatMap((step) => ('during' in step ? [step, ...(step.during ?? [])] : [step])),
  );
  expect(count.length).toBeGreaterThanOrEqual(400);
});
