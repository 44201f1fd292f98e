const USERNAME_PREFIX = 'system:serviceaccount:';

export interface ServiceAccountName {
  namespace: string;
  name: string;
}

export function serviceAccountUsername({namespace, name}: ServiceAccountName): string {
  return `${USERNAME_PREFIX}${namespace}:${name}`;
}

/** Undefined where it is the name of somebody else. */
export function parseServiceAccountUsername(username: string): ServiceAccountName | undefined {
  if (!username.startsWith(USERNAME_PREFIX)) return undefined;
  const [namespace = '', name = '', ...rest] = username.slice(USERNAME_PREFIX.length).split(':');
  return namespace === '' || name === '' || rest.length > 0 ? undefined : {namespace, name};
}

export function serviceAccountGroups(namespace: string): string[] {
  return ['system:serviceaccounts', `system:serviceaccounts:${namespace}`];
}
