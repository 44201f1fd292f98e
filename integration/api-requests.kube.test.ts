import {afterAll, beforeAll, describe, expect, test} from '@jest/globals';
import type {AuditEvent} from '@kruntimes/reconciler-kit/testing';
import {System} from './support/system.ts';

const IDLE_SECONDS = 30;
const writeVerbs = new Set(['create', 'update', 'patch', 'delete', 'deletecollection']);

let system: System;
let namespace: string;

/** `who verb resource[/subresource]`, the way a person would count. */
const label = (event: AuditEvent): string => {
  const {resource = event.requestURI, subresource} = event.objectRef ?? {};
  return `${system.nameOf(event)} ${event.verb} ${resource}${subresource ? `/${subresource}` : ''}`;
};
const countBy = (events: readonly AuditEvent[]): Record<string, number> => {
  const counts: Record<string, number> = {};
  for (const event of events) counts[label(event)] = (counts[label(event)] ?? 0) + 1;
  return counts;
};
const isLeaseRenewal = ({verb, objectRef}: AuditEvent): boolean =>
  objectRef?.resource === 'leases' && (verb === 'update' || verb === 'patch');

beforeAll(async () => {
  // So that a slow machine does not add the write that a long Run gets.
  system = await System.start({runtimedArgs: ['--running-status-delay-ms=600000']});
  namespace = await system.createNamespace();
}, 120_000);
afterAll(() => system?.stop());

/** What a cluster does by itself: kube-apiserver, and kube-controller-manager with its ServiceAccounts. */
function isOfCluster({user}: AuditEvent): boolean {
  const {username = ''} = user;
  return (
    username.startsWith('system:apiserver') ||
    username === 'system:kube-controller-manager' ||
    username.startsWith('system:serviceaccount:kube-system:')
  );
}

describe('requests at the API server', () => {
  test('a short Run costs three writes: create, bind, result', async () => {
    await system.createRuntime(namespace, {replicas: 2, runs: 4});
    await system.finish(namespace, {source: {inline: 'echo warm'}});
    // The status of the Runtime follows that of its Pods.
    await system.quiet();
    const runs = 25;
    const mark = await system.controlPlane.auditMark();
    for (let i = 0; i < runs; i++) await system.finish(namespace, {source: {inline: 'echo hello'}});
    const events = await system.controlPlane.auditEvents(mark);
    const writes = events.filter(
      (event) =>
        event.stage === 'ResponseComplete' &&
        writeVerbs.has(event.verb) &&
        !isOfCluster(event) &&
        !isLeaseRenewal(event),
    );
    expect(countBy(writes)).toEqual({
      'test create runs': runs,
      'scheduler update runs/status': runs,
      'runtimed update runs/status': runs,
    });
  });

  test('an idle system of 20 Pods renews Leases and watches, and asks for nothing else', async () => {
    await system.scaleRuntime(namespace, 20);
    await system.finish(namespace, {source: {inline: 'echo warm'}});
    await system.quiet();
    const mark = await system.controlPlane.auditMark();
    const {promise, resolve} = Promise.withResolvers<void>();
    setTimeout(resolve, IDLE_SECONDS * 1000);
    await promise;
    const events = (await system.controlPlane.auditEvents(mark)).filter(
      (event) => event.stage === 'ResponseComplete' && !isOfCluster(event),
    );
    const renewals = events.filter(isLeaseRenewal);
    expect(countBy(events.filter((event) => event.verb !== 'watch' && !isLeaseRenewal(event)))).toEqual({});
    // Every runtimed renews every ten seconds: all of them were really alive in this time.
    expect(
      new Set(renewals.filter((event) => system.nameOf(event) === 'runtimed').map(({objectRef}) => objectRef?.name))
        .size,
    ).toBe(20);
  }, 180_000);
});
