/**
 * What can be told of anything that was thrown. Nothing is asked for its class: errors of another realm, a test runner's for one, have
 * another `Error`.
 */
export function errorMessage(error: unknown): string {
  const message = stringOf(error, 'message');
  // An AggregateError of several addresses that refuse has an empty message and the code of the first.
  return message || stringOf(error, 'code') || stringOf(error, 'name') || String(error);
}

/** Code of an error of the operating system or of Node.js, as `ENOENT`; undefined where there is none. */
export function errorCode(error: unknown): string | undefined {
  return stringOf(error, 'code') || undefined;
}

export function errorName(error: unknown): string | undefined {
  return stringOf(error, 'name') || undefined;
}

function stringOf(error: unknown, key: string): string {
  if (typeof error !== 'object' || error === null) return '';
  const value: unknown = Reflect.get(error, key);
  return typeof value === 'string' ? value : '';
}
