/** One entry of `x-kubernetes-validations`. */
export interface ValidationRule {
  rule: string;
  message?: string;
  messageExpression?: string;
  reason?: 'FieldValueInvalid' | 'FieldValueForbidden' | 'FieldValueRequired' | 'FieldValueDuplicate';
  fieldPath?: string;
  optionalOldSelf?: boolean;
}

/**
 * A CEL rule with the sentence that a user reads when it does not hold.
 * Every rule is evaluated on every write, status writes included: keep it to a few steps.
 *
 * @see https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#validation-rules
 */
export function cel(
  rule: string,
  message: string,
  options: Omit<ValidationRule, 'rule' | 'message'> = {},
): ValidationRule {
  return {rule, message, ...options};
}
