import {statusErrors} from '../errors/status-error.ts';
import type {Authenticator} from './authentication.ts';
import {AUTHENTICATED, anonymousUser, type UserInfo} from './user-info.ts';

export interface FirstOfOptions {
  /** Whether a request without credentials is that of `system:anonymous`, as in Kubernetes. Default: true. */
  anonymous?: boolean;
}

/**
 * Asks one after the other who sends a request, and adds `system:authenticated` to the groups of whom one knows. Bad
 * credentials are refused only where no other ones are good.
 *
 * @throws StatusError 401
 */
export function firstOf(
  authenticators: readonly Authenticator[],
  {anonymous = true}: FirstOfOptions = {},
): Authenticator {
  return async (credentials) => {
    let refusal: unknown;
    for (const authenticate of authenticators) {
      try {
        const user = await authenticate(credentials);
        if (user) return authenticated(user);
      } catch (error) {
        refusal ??= error;
      }
    }
    if (refusal !== undefined) throw refusal;
    if (!anonymous) throw statusErrors.unauthorized();
    return anonymousUser;
  };
}

/** With the group of everybody who has credentials. */
export function authenticated(user: UserInfo): UserInfo {
  return user.groups.includes(AUTHENTICATED) ? user : {...user, groups: [...user.groups, AUTHENTICATED]};
}
