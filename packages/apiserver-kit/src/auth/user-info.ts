/** Somebody whose identity is certain. */
export interface UserInfo {
  username: string;
  uid?: string;
  /** `system:authenticated` included. */
  groups: readonly string[];
  extra?: Readonly<Record<string, readonly string[]>>;
}

/** Everything is allowed to this group. */
export const MASTERS = 'system:masters';
export const AUTHENTICATED = 'system:authenticated';
export const UNAUTHENTICATED = 'system:unauthenticated';

/** What the server itself does. */
export const systemUser: UserInfo = {
  username: 'system:apiserver',
  groups: [MASTERS, AUTHENTICATED],
};

/** Who sends a request without credentials. */
export const anonymousUser: UserInfo = {username: 'system:anonymous', groups: [UNAUTHENTICATED]};
