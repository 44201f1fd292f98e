import {type FieldError, fieldErrors} from '../errors/field-error.ts';
import {statusErrors} from '../errors/status-error.ts';

/** The query of `pods/log`. */
export interface PodLogOptions {
  container: string;
  follow: boolean;
  /** Of the request to the kubelet. */
  query: URLSearchParams;
}

const RFC_3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/;

/**
 * @param name of the Pod, for messages
 * @throws StatusError 400 for what is no number or time, 422
 * @see https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#get-read-log-of-the-specified-pod
 */
export function podLogOptions(query: URLSearchParams, name: string): PodLogOptions {
  const integer = (key: string): bigint | undefined => {
    const text = query.get(key);
    if (text === null || text === '') return undefined;
    if (/^[+-]?\d{1,18}$/.test(text)) return BigInt(text.replace('+', ''));
    throw statusErrors.badRequest(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
  };
  const tailLines = integer('tailLines');
  const limitBytes = integer('limitBytes');
  const sinceSeconds = integer('sinceSeconds');
  const sinceTime = query.get('sinceTime') || undefined;
  if (sinceTime !== undefined && !RFC_3339.test(sinceTime)) {
    const quoted = JSON.stringify(sinceTime);
    const why = `cannot parse ${quoted} as "2006"`;
    throw statusErrors.badRequest(`parsing time ${quoted} as "2006-01-02T15:04:05Z07:00": ${why}`);
  }
  const stream = query.get('stream');
  const errors = checkOptions({tailLines, limitBytes, sinceSeconds, sinceTime, stream});
  if (errors.length > 0) throw statusErrors.invalid({group: '', name: 'PodLogOptions'}, name, errors);
  const passed = new URLSearchParams();
  for (const key of ['follow', 'previous', 'timestamps']) if (isTrue(query, key)) passed.set(key, 'true');
  if (limitBytes !== undefined) passed.set('limitBytes', String(limitBytes));
  if (sinceSeconds !== undefined) passed.set('sinceSeconds', String(sinceSeconds));
  if (sinceTime !== undefined) passed.set('sinceTime', sinceTime);
  if (tailLines !== undefined) passed.set('tailLines', String(tailLines));
  passed.sort();
  return {container: query.get('container') ?? '', follow: isTrue(query, 'follow'), query: passed};
}

interface Limits {
  tailLines: bigint | undefined;
  limitBytes: bigint | undefined;
  sinceSeconds: bigint | undefined;
  sinceTime: string | undefined;
  stream: string | null;
}

function checkOptions({tailLines, limitBytes, sinceSeconds, sinceTime, stream}: Limits): FieldError[] {
  const errors: FieldError[] = [];
  if (tailLines !== undefined && tailLines < 0n) {
    errors.push(fieldErrors.invalid('tailLines', tailLines, 'must be greater than or equal to 0'));
  }
  if (limitBytes !== undefined && limitBytes < 1n) {
    errors.push(fieldErrors.invalid('limitBytes', limitBytes, 'must be greater than 0'));
  }
  if (sinceSeconds !== undefined && sinceTime !== undefined) {
    errors.push(fieldErrors.forbidden('[]', 'at most one of `sinceTime` or `sinceSeconds` may be specified'));
  } else if (sinceSeconds !== undefined && sinceSeconds < 1n) {
    errors.push(fieldErrors.invalid('sinceSeconds', sinceSeconds, 'must be greater than 0'));
  }
  // Streams apart are an alpha feature of Kubernetes, which is off.
  if (stream !== null) errors.push(fieldErrors.forbidden('stream', 'may not be specified'));
  return errors;
}

/** A parameter without value is true, as is every value but these. */
export function isTrue(query: URLSearchParams, key: string): boolean {
  const value = query.get(key);
  return value !== null && value !== '0' && value.toLowerCase() !== 'false';
}
