import {describe, expect, test} from '@jest/globals';
import fc from 'fast-check';
import type {Deployment} from 'kubernetes-types/apps/v1.js';
import type {Pod} from 'kubernetes-types/core/v1.js';
import {deploymentStatus, planRollout, templateHash} from './deployment-rollout.ts';

const template = {metadata: {labels: {a: '1'}}, spec: {containers: [{name: 'c', image: 'i'}]}};
const deployment = (replicas: number, strategy?: string): Deployment => ({
  metadata: {generation: 3},
  spec: {replicas, template, selector: {}, ...(strategy ? {strategy: {type: strategy}} : {})},
});

let sequence = 0;
function pod(hash: string, ready: boolean, more: {phase?: string; deleting?: boolean; cost?: number} = {}): Pod {
  const name = `pod-${String(++sequence).padStart(6, '0')}`;
  return {
    metadata: {
      name,
      labels: {'pod-template-hash': hash},
      ...(more.deleting ? {deletionTimestamp: '2026-01-01T00:00:00Z'} : {}),
      ...(more.cost === undefined
        ? {}
        : {annotations: {'controller.kubernetes.io/pod-deletion-cost': String(more.cost)}}),
    },
    spec: {containers: [], nodeName: 'local'},
    status: {phase: more.phase ?? 'Running', conditions: [{type: 'Ready', status: ready ? 'True' : 'False'}]},
  };
}
const names = (pods: readonly {metadata?: {name?: string}}[]) => pods.map(({metadata}) => metadata?.name);

describe('templateHash', () => {
  test('depends on the content, not on the order of keys', () => {
    const reordered = {spec: {containers: [{image: 'i', name: 'c'}]}, metadata: {labels: {a: '1'}}};
    expect(templateHash({spec: {template: reordered, selector: {}}})).toBe(templateHash(deployment(1)));
    expect(templateHash({spec: {template: {...template, metadata: {}}, selector: {}}})).not.toBe(
      templateHash(deployment(9)),
    );
  });
});

describe('planRollout', () => {
  test('scales up and down; cost, then readiness, then age decide who goes', () => {
    expect(planRollout(deployment(3), [pod('h', true)], 'h').create).toBe(2);
    const pods = [pod('h', true), pod('h', true, {cost: -5}), pod('h', false), pod('h', true)];
    expect(names(planRollout(deployment(2), pods, 'h').delete)).toEqual(
      [pods[2], pods[1]].map((each) => each!.metadata!.name),
    );
    expect(planRollout(deployment(0), pods, 'h').delete).toHaveLength(4);
  });

  test('replaces Pods that are over, and counts no Pod that is going', () => {
    const pods = [pod('h', false, {phase: 'Failed'}), pod('h', true, {deleting: true}), pod('h', true)];
    const plan = planRollout(deployment(2), pods, 'h');
    expect(plan.create).toBe(1);
    expect(names(plan.delete)).toEqual([pods[0]!.metadata!.name]);
  });

  test('percentages say how many more and how many less there may be: the first rounded up, the second down', () => {
    const pods = Array.from({length: 6}, () => pod('old', true));
    const plan = planRollout(deployment(6), pods, 'new');
    expect(plan.create).toBe(2);
    expect(plan.delete).toHaveLength(1);
    const none = deployment(6);
    none.spec!.strategy = {rollingUpdate: {maxSurge: '0%', maxUnavailable: '10%'}};
    expect(planRollout(none, pods, 'new')).toMatchObject({create: 0, delete: [{}]});
  });

  test('Recreate waits until the last old Pod is gone', () => {
    const old = pod('old', true);
    expect(planRollout(deployment(1, 'Recreate'), [old], 'new')).toMatchObject({create: 0, delete: [old]});
    expect(planRollout(deployment(1, 'Recreate'), [pod('old', true, {deleting: true})], 'new')).toMatchObject({
      create: 0,
    });
    expect(planRollout(deployment(1, 'Recreate'), [], 'new')).toMatchObject({create: 1});
  });

  test('a rolling update always ends, within its bounds on the way', () => {
    fc.assert(
      fc.property(
        fc.integer({min: 0, max: 6}),
        fc.integer({min: 0, max: 6}),
        fc.integer({min: 0, max: 2}),
        fc.integer({min: 0, max: 2}),
        fc.infiniteStream(fc.nat(1000)),
        (before, wanted, maxSurge, maxUnavailable, choices) => {
          const rolling = deployment(wanted);
          rolling.spec!.strategy = {type: 'RollingUpdate', rollingUpdate: {maxSurge, maxUnavailable}};
          const unavailable = maxSurge === 0 ? Math.max(1, maxUnavailable) : maxUnavailable;
          let pods = Array.from({length: before}, () => pod('old', true));
          const next = (limit: number): number => (choices.next().value as number) % limit;
          for (let step = 0; step < 200; step++) {
            const plan = planRollout(rolling, pods, 'new');
            const gone = new Set(names(plan.delete));
            if (
              plan.create === 0 &&
              gone.size === 0 &&
              pods.every((each) => each.status?.conditions?.[0]?.status === 'True')
            )
              break;
            pods = [
              ...pods.filter(({metadata}) => !gone.has(metadata?.name)),
              ...Array.from({length: plan.create}, () => pod('new', false)),
            ];
            expect(pods.length).toBeLessThanOrEqual(Math.max(wanted + maxSurge, before));
            const ready = pods.filter((each) => each.status?.conditions?.[0]?.status === 'True').length;
            expect(ready).toBeGreaterThanOrEqual(Math.min(before, wanted) - unavailable);
            const waiting = pods.filter((each) => each.status?.conditions?.[0]?.status === 'False');
            const lucky = waiting[next(waiting.length || 1)];
            if (lucky)
              Object.assign(lucky, {status: {phase: 'Running', conditions: [{type: 'Ready', status: 'True'}]}});
          }
          expect(pods).toHaveLength(wanted);
          expect(pods.every(({metadata}) => metadata?.labels?.['pod-template-hash'] === 'new')).toBe(true);
        },
      ),
    );
  });
});

describe('deploymentStatus', () => {
  test('tells how far the rollout is', () => {
    const pods = [pod('new', true), pod('new', false), pod('old', true)];
    const plan = planRollout(deployment(2), pods, 'new');
    const status = deploymentStatus(deployment(2), plan, {now: 'now', createError: 'pods "x" is forbidden: no'});
    expect(status).toMatchObject({
      observedGeneration: 3,
      replicas: 3,
      updatedReplicas: 2,
      readyReplicas: 2,
      conditions: [
        {type: 'Available', status: 'True'},
        {type: 'Progressing', status: 'True', reason: 'ReplicaSetUpdated'},
        {type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate', message: 'pods "x" is forbidden: no'},
      ],
    });
  });

  test('nothing moves while nothing changes', () => {
    const plan = planRollout(deployment(1), [pod('h', true)], 'h');
    const first = deploymentStatus(deployment(1), plan, {now: 'first'});
    expect(deploymentStatus({...deployment(1), status: first}, plan, {now: 'second'})).toEqual(first);
  });
});
