import {limits} from './limits.ts';
import {integer, mapList, object, optional, type Static, string, stringEnum, time} from './schema/fields.ts';

const conditionSchema = object({
  type: string(limits.conditionType, {minLength: 1}),
  status: stringEnum(['True', 'False', 'Unknown']),
  observedGeneration: optional(integer(0, limits.safeInteger)),
  lastTransitionTime: time(),
  reason: string(limits.reason, {minLength: 1}),
  message: string(limits.conditionMessage),
});

/** `status.conditions`: metav1.Condition, keyed by type. */
export const conditionsSchema = mapList(conditionSchema, ['type'], limits.conditions);

export type Condition = Static<typeof conditionSchema>;
