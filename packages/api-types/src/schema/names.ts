import {limits} from '../limits.ts';
import {cel} from './cel.ts';
import {type FieldOptions, string} from './fields.ts';

/** A relative path that stays where it is. */
export function path(options: Pick<FieldOptions, 'description'> = {}) {
  return string(limits.path, {
    ...options,
    minLength: 1,
    rules: [
      cel("!self.startsWith('/')", 'must be a relative path: it must not start with "/"'),
      // As runtimed does: `a..b` is a name like any other, `..` is not.
      cel("!self.matches('(^|/)[.]{0,2}(/|$)')", 'must not contain "..", "." or an empty name'),
    ],
  });
}

/** Name of a Secret. */
export function secretName(options: Pick<FieldOptions, 'description'> = {}) {
  return string(limits.secretName, {...options, minLength: 1, pattern: '^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$'});
}

/** Rule for a map from resource names to numbers. */
export const resourceName = cel(
  `self.all(k, k.matches('^[a-z0-9A-Z]([-._/a-zA-Z0-9]{0,${limits.resourceName - 2}}[a-zA-Z0-9])?$'))`,
  `names must be at most ${limits.resourceName} letters, digits, "-", "_", "." and "/"`,
);
