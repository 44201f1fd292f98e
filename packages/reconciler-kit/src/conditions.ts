import {rfc3339} from './time.ts';

/** One entry of `status.conditions`. @see https://github.com/kubernetes/community/blob/master/contributors/devel/sig-architecture/api-conventions.md#typical-status-properties */
export interface Condition {
  type: string;
  status: 'True' | 'False' | 'Unknown';
  /** CamelCase word for machines; must not be empty. */
  reason: string;
  /** Sentence for people. */
  message: string;
  /** RFC 3339; moves only when `status` changes. */
  lastTransitionTime: string;
  /** `metadata.generation` that the condition was judged on. */
  observedGeneration?: number;
}

/** A condition as a controller decides it; the transition time follows from what was there before. */
export type ConditionUpdate = Omit<Condition, 'lastTransitionTime'>;

type ReadonlyCondition = Readonly<Condition>;

/** The condition of one type, if there is one. */
export function findCondition<C extends {readonly type: string}>(
  conditions: readonly C[] | undefined,
  type: string,
): C | undefined {
  return conditions?.find((condition) => condition.type === type);
}

/** Whether there is a condition of that type with status `True`. */
export function isConditionTrue(
  conditions: readonly {readonly type: string; readonly status: string}[] | undefined,
  type: string,
): boolean {
  return findCondition(conditions, type)?.status === 'True';
}

/**
 * The list with one condition set: in place if its type is there, else at the end. The given list is not changed.
 * `lastTransitionTime` moves to `now` only when the status changes.
 *
 * @param now milliseconds since the epoch
 */
export function setCondition(
  conditions: readonly ReadonlyCondition[] | undefined,
  update: ConditionUpdate,
  now: number,
): Condition[] {
  const previous = findCondition(conditions, update.type);
  const next: Condition = {
    ...update,
    lastTransitionTime:
      previous !== undefined && previous.status === update.status ? previous.lastTransitionTime : rfc3339(now),
  };
  const list = conditions ?? [];
  return previous === undefined
    ? [...list, next]
    : list.map((condition) => (condition.type === update.type ? next : condition));
}
