import {type DeepReadonly, type Run, requestsOf} from '@kruntimes/api-types';
import type {Obstacle} from './placement.ts';
import {unitsOf} from './resources.ts';

/** The sentence for `status.conditions` of a Run that waits. */
export function describeObstacle(obstacle: Obstacle, run: DeepReadonly<Run>): string {
  const runtime = `Runtime "${run.spec.runtime}"`;
  switch (obstacle.reason) {
    case 'RuntimeNotFound':
      return `There is no ${runtime} in namespace "${run.metadata?.namespace ?? ''}".`;
    case 'RuntimeTerminating':
      return `${runtime} is being deleted.`;
    case 'RuntimeNotAccepted':
      return `${runtime} has no Pods: its condition Accepted says why.`;
    case 'RequestTooLarge': {
      const resource = obstacle.resource ?? '';
      return `The Run requests ${unitsOf(requestsOf(run), resource)} of "${resource}"; no Pod of ${runtime} offers so many.`;
    }
    case 'NoReadyPods':
      return `No Pod of ${runtime} is ready.`;
    case 'InsufficientCapacity':
      return `All ready Pods of ${runtime} are full.`;
  }
}
