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

/** What the server itself does. */
export const systemUser: UserInfo = {
  username: 'system:apiserver',
  groups: [MASTERS, 'system:authenticated'],
};
