import {setTimeout as delay} from 'node:timers/promises';
import type {AuditEvent} from '@kruntimes/reconciler-kit/testing';
import type {Target} from '../cluster/target.ts';
import {cpuBetween, sampleProcesses} from '../measure/process-sample.ts';
import type {Figure, Scenario} from './scenario.ts';

const SETTLING_ATTEMPTS = 20;
const SETTLED_MS = 3_000;

export const idle: Scenario = {
  name: 'idle',
  title: 'requests, memory and processor time when there is nothing to do',
  needsWorld: true,
  async run(target, {idleSeconds}) {
    const controlPlane = target.controlPlane!;
    const groups = await target.processes();
    await untilSettled(target);
    const mark = await controlPlane.auditMark();
    const before = await sampleProcesses(groups);
    process.stderr.write(`  idle for ${idleSeconds} s\n`);
    await delay(idleSeconds * 1000);
    const after = await sampleProcesses(groups);
    const events = await controlPlane.auditEvents(mark);
    const renewals = events.filter(
      (event) => event.stage === 'ResponseComplete' && isOurs(event.user.username) && isRenewal(event),
    );
    const others = events.filter(isOther);
    for (const {user, verb, requestURI} of others.slice(0, 10))
      process.stderr.write(`    ${user.username} ${verb} ${requestURI}\n`);
    const figure = (name: string, value: number, unit: string): Figure => ({
      scenario: 'idle',
      load: `${idleSeconds} s`,
      name,
      value,
      unit,
    });
    return {
      figures: [
        figure('Lease renewals', renewals.length, ''),
        figure('other requests', others.length, ''),
        ...Object.entries(cpuBetween(before, after)).map(([name, seconds]) =>
          figure(`CPU of ${name}`, (seconds * 1000) / idleSeconds, 'ms per s'),
        ),
        ...Object.entries(after).map(([name, {residentMiB}]) => figure(`memory of ${name}`, residentMiB, 'MiB')),
      ],
    };
  },
};

/** What a change of status led to, such as of a Runtime, is still written when the Runs are over. */
async function untilSettled({controlPlane}: Target): Promise<void> {
  for (let attempt = 0; attempt < SETTLING_ATTEMPTS; attempt++) {
    const mark = await controlPlane!.auditMark();
    await delay(SETTLED_MS);
    if (!(await controlPlane!.auditEvents(mark)).some(isOther)) return;
  }
}

function isRenewal({verb, objectRef}: AuditEvent): boolean {
  return objectRef?.resource === 'leases' && (verb === 'update' || verb === 'patch');
}

/** One of ours, neither of a Lease nor a watch. Nodes, clients and the controllers of Kubernetes have their own reasons. */
function isOther(event: AuditEvent): boolean {
  const {stage, user, verb} = event;
  return stage === 'ResponseComplete' && verb !== 'watch' && isOurs(user.username) && !isRenewal(event);
}

function isOurs(user: string | undefined): boolean {
  return /^system:serviceaccount:[^:]+:kruntimes-/.test(user ?? '');
}
