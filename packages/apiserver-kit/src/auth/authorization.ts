import type {UserInfo} from './user-info.ts';

/** What somebody wants to do. */
export interface AccessAttributes {
  user: UserInfo;
  /** Of a resource: get, list, … or a special one (`use`, `bind`); of a path: the method in lower case. */
  verb: string;
  /** Undefined: a request for a resource. */
  path?: string;
  group: string;
  version: string;
  resource: string;
  subresource: string;
  namespace: string;
  name: string;
}

export interface Decision {
  allowed: boolean;
  /** Said in a SubjectAccessReview and, where there is one, in the refusal. */
  reason: string;
}

export type Authorizer = (attributes: AccessAttributes) => Promise<Decision>;
