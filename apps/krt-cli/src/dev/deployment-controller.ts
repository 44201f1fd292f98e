import {isDeepStrictEqual} from 'node:util';
import {
  type Clock,
  type Controller,
  type DeepReadonly,
  isConflict,
  isNotFound,
  kinds,
  type Manager,
  objectKey,
  rfc3339,
  systemClock,
} from '@kruntimes/reconciler-kit';
import type {Deployment} from 'kubernetes-types/apps/v1.d.ts';
import type {Pod} from 'kubernetes-types/core/v1.d.ts';
import {
  deploymentStatus,
  planRollout,
  type RolloutPlan,
  TEMPLATE_HASH_LABEL,
  templateHash,
} from './deployment-rollout.ts';

export interface DeploymentControllerOptions {
  /** Only Deployments and Pods with this label; all when left out. */
  labelSelector?: string | undefined;
  namespace?: string | undefined;
  clock?: Clock;
}

/** A Pod that was created but is not in the cache after this time was deleted before it got there. */
const UNSEEN_MS = 30_000;

/**
 * Turns Deployments into Pods where no controller-manager runs. The Pods are owned by the Deployment itself: without
 * ReplicaSets there is no history to roll back to.
 */
export function addDeploymentController(manager: Manager, options: DeploymentControllerOptions): Controller {
  const {labelSelector, namespace, clock = systemClock} = options;
  const deployments = manager.cache(kinds.Deployment, {namespace, labelSelector});
  const pods = manager.cache(kinds.Pod, {namespace, labelSelector});
  // What the cache does not show yet.
  const created = new Map<string, {owner: string; pod: Pod; sinceMs: number}>();
  const deleted = new Set<string>();
  pods.subscribe({
    add: (pod) => void created.delete(uidOf(pod)),
    delete: (pod) => {
      created.delete(uidOf(pod));
      deleted.delete(uidOf(pod));
    },
  });

  async function ensurePods(deployment: DeepReadonly<Deployment>, plan: RolloutPlan, hash: string): Promise<void> {
    const client = manager.client.kind(kinds.Pod);
    for (const pod of plan.delete) {
      const uid = uidOf(pod);
      const ref = {name: pod.metadata?.name ?? '', namespace: pod.metadata?.namespace};
      deleted.add(uid);
      await client.delete(ref, {preconditions: {uid}}).catch((error: unknown) => {
        if (isNotFound(error) || isConflict(error)) return;
        deleted.delete(uid);
        throw error;
      });
    }
    for (let index = 0; index < plan.create; index++) {
      const pod = await client.create(podOf(deployment, hash));
      // Its event may have been faster than the answer.
      if (pods.get(objectKey(pod)) === undefined) {
        created.set(uidOf(pod), {owner: uidOf(deployment), pod, sinceMs: clock.monotonic()});
      }
    }
  }

  return manager
    .controller({
      name: 'deployment',
      maxConcurrent: 4,
      async reconcile({key}) {
        const deployment = deployments.get(key);
        if (deployment === undefined || deployment.metadata?.deletionTimestamp) return;
        const hash = templateHash(deployment);
        const own = pods
          .list(deployment.metadata?.namespace)
          .filter((pod) =>
            pod.metadata?.ownerReferences?.some(({uid, controller}) => controller && uid === uidOf(deployment)),
          );
        for (const [uid, {sinceMs}] of created) if (clock.monotonic() - sinceMs > UNSEEN_MS) created.delete(uid);
        const unseen = [...created.values()].filter(({owner}) => owner === uidOf(deployment)).map(({pod}) => pod);
        const known = [...own.filter((pod) => !deleted.has(uidOf(pod))), ...unseen];
        const plan = planRollout(deployment, known, hash);

        let failure: unknown;
        await ensurePods(deployment, plan, hash).catch((error: unknown) => (failure = error));
        const createError = failure instanceof Error ? failure.message : undefined;
        const status = deploymentStatus(deployment, plan, {now: rfc3339(clock.now()), createError});
        if (!isDeepStrictEqual(status, deployment.status)) {
          const {name = '', namespace: itsNamespace} = deployment.metadata ?? {};
          // Replaced as a whole: a merge would keep a condition that is over.
          const body = [{op: 'add', path: '/status', value: status}];
          await manager.client
            .kind(kinds.Deployment)
            .patchStatus({name, namespace: itsNamespace}, {type: 'json', body});
        }
        if (failure !== undefined) throw failure;
        return unseen.length > 0 ? {requeueAfterMs: UNSEEN_MS} : undefined;
      },
    })
    .for(deployments)
    .owns(pods, {ownerKind: kinds.Deployment});
}

function podOf(deployment: DeepReadonly<Deployment>, hash: string): Pod {
  const {metadata, spec} = structuredClone(deployment.spec?.template) as NonNullable<Deployment['spec']>['template'];
  const {name = '', namespace = ''} = deployment.metadata ?? {};
  return {
    metadata: {
      ...metadata,
      generateName: `${name}-${hash}-`,
      namespace,
      labels: {...metadata?.labels, [TEMPLATE_HASH_LABEL]: hash},
      ownerReferences: [
        {
          apiVersion: 'apps/v1',
          kind: 'Deployment',
          name,
          uid: uidOf(deployment),
          controller: true,
          blockOwnerDeletion: true,
        },
      ],
    },
    spec: spec ?? {containers: []},
  };
}

function uidOf(object: DeepReadonly<{metadata?: {uid?: string}}>): string {
  return object.metadata?.uid ?? '';
}
