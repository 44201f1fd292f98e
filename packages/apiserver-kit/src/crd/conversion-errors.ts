import {type FieldError, fieldErrors} from '../errors/field-error.ts';
import {isJsonObject} from '../json/json-value.ts';
import {label1035Problems} from '../registry/name-rules.ts';
import type {Conversion} from './definition.ts';

const accepted = ['v1', 'v1beta1'];

/** What is wrong with how versions are converted. This server converts without webhooks only. */
export function conversionErrors({strategy, webhook}: Conversion, path: string): FieldError[] {
  if (strategy === '') return [fieldErrors.required(`${path}.strategy`)];
  if (strategy === 'Webhook') {
    const errors = webhookErrors(webhook, path);
    return errors.length > 0 ? errors : [fieldErrors.notSupported(`${path}.strategy`, strategy, ['None'])];
  }
  if (strategy !== 'None') return [fieldErrors.notSupported(`${path}.strategy`, strategy, ['None', 'Webhook'])];
  const detail = 'should not be set when strategy is not set to Webhook';
  const errors: FieldError[] = [];
  if (webhook?.clientConfig) errors.push(fieldErrors.forbidden(`${path}.webhookClientConfig`, detail));
  if ((webhook?.conversionReviewVersions ?? []).length > 0) {
    errors.push(fieldErrors.forbidden(`${path}.conversionReviewVersions`, detail));
  }
  return errors;
}

function webhookErrors(webhook: Conversion['webhook'], path: string): FieldError[] {
  const errors: FieldError[] = [];
  const client = webhook?.clientConfig;
  const place = `${path}.webhookClientConfig`;
  if (!isJsonObject(client)) errors.push(fieldErrors.required(place, 'required when strategy is set to Webhook'));
  else if ((client['url'] === undefined) === (client['service'] === undefined)) {
    errors.push(fieldErrors.required(place, 'exactly one of url or service is required'));
  }
  return [
    ...errors,
    ...reviewVersionErrors(webhook?.conversionReviewVersions ?? [], `${path}.conversionReviewVersions`),
  ];
}

function reviewVersionErrors(versions: readonly string[], path: string): FieldError[] {
  if (versions.length === 0) return [fieldErrors.required(path)];
  const errors: FieldError[] = [];
  for (const [index, version] of versions.entries()) {
    const at = `${path}[${index}]`;
    if (versions.indexOf(version) < index) errors.push(fieldErrors.invalid(at, version, 'duplicate version'));
    else for (const problem of label1035Problems(version)) errors.push(fieldErrors.invalid(at, version, problem));
  }
  if (!versions.some((version) => accepted.includes(version))) {
    errors.push(fieldErrors.invalid(path, versions, `must include at least one of ${accepted.join(', ')}`));
  }
  return errors;
}
