import {RuntimedError} from './errors.ts';

/** The Pod that this process is in. */
export interface PodIdentity {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
}

/**
 * Reads `POD_NAME`, `POD_NAMESPACE` and `POD_UID`.
 *
 * @throws RuntimedError `OPTION_INVALID` that names the missing ones
 */
export function podIdentity(env: Readonly<Record<string, string | undefined>>): PodIdentity {
  const {POD_NAME: name, POD_NAMESPACE: namespace, POD_UID: uid} = env;
  if (name && namespace && uid) return {name, namespace, uid};
  const missing = Object.entries({POD_NAME: name, POD_NAMESPACE: namespace, POD_UID: uid})
    .filter(([, value]) => !value)
    .map(([key]) => key);
  throw new RuntimedError(
    'OPTION_INVALID',
    `${missing.join(', ')} must be set in the environment (in a Pod by fieldRef metadata.name, metadata.namespace, metadata.uid)`,
  );
}
