import type {Definition, DefinitionCondition} from './definition.ts';

export function conditionOf({status}: Definition, type: string): DefinitionCondition | undefined {
  return status?.conditions?.find((condition) => condition.type === type);
}

export function isConditionTrue(definition: Definition, type: string): boolean {
  return conditionOf(definition, type)?.status === 'True';
}

/** The conditions with one set; its time changes with its status only. */
export function withCondition(
  conditions: readonly DefinitionCondition[],
  next: DefinitionCondition,
  now: string,
): DefinitionCondition[] {
  const {type, status, reason, message} = next;
  const old = conditions.find((condition) => condition.type === type);
  const isSame = old?.status === status && old.lastTransitionTime !== undefined;
  const condition: DefinitionCondition = {
    type,
    status,
    lastTransitionTime: isSame && old.lastTransitionTime !== undefined ? old.lastTransitionTime : now,
    ...(reason === undefined ? {} : {reason}),
    ...(message === undefined ? {} : {message}),
  };
  return old ? conditions.map((each) => (each === old ? condition : each)) : [...conditions, condition];
}
