import {createHash} from 'node:crypto';
import type {TokenAuthenticator} from './bearer-token.ts';
import {parseCsv} from './csv.ts';
import type {UserInfo} from './user-info.ts';

/** The names of this server, for whom the tokens of a file are good. */
export interface TokenFileOptions {
  audiences: readonly string[];
}

/**
 * The users of kube-apiserver's `--token-auth-file`: lines of `token,user name,uid` with a fourth column of groups, which are
 * separated by commas in quotes.
 *
 * @throws Error that names the line that is wrong
 */
export function tokenFile(csv: string, options: TokenFileOptions): TokenAuthenticator {
  const users = new Map<string, UserInfo>();
  for (const {fields, line} of parseCsv(csv)) {
    const [token = '', username = '', uid = '', groups = ''] = fields.map((field) => field.trim());
    if (fields.length < 3) {
      throw new Error(`token file: line ${line}: there must be at least 3 columns (token, user name, user uid)`);
    }
    if (token === '') throw new Error(`token file: line ${line}: the token is empty`);
    users.set(digest(token), {
      username,
      ...(uid === '' ? {} : {uid}),
      groups: groups === '' ? [] : groups.split(','),
    });
  }
  const {audiences: own} = options;
  return async (token, wanted) => {
    // The look-up is by a digest, so that its time says nothing about a token.
    const user = users.get(digest(token));
    if (!user) return undefined;
    const audiences = wanted.filter((each) => own.includes(each));
    return audiences.length === 0 && wanted.length > 0 ? undefined : {user, audiences};
  };
}

function digest(token: string): string {
  return createHash('sha256').update(token).digest('base64');
}
