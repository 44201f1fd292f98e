import type {JsonObject} from '../json/json-value.ts';
import type {UserInfo} from './user-info.ts';

/** A user as objects show one: in the audit log, in reviews, in admission. */
export function userJson({username, uid, groups, extra}: UserInfo): JsonObject {
  const entries = Object.entries(extra ?? {}).map(([key, values]): [string, string[]] => [key, [...values]]);
  return {
    ...(username === '' ? {} : {username}),
    ...(uid === undefined || uid === '' ? {} : {uid}),
    ...(groups.length === 0 ? {} : {groups: [...groups]}),
    ...(entries.length === 0 ? {} : {extra: Object.fromEntries(entries) as JsonObject}),
  };
}
