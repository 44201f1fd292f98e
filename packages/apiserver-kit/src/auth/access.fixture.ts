import type {AccessAttributes} from './authorization.ts';
import type {UserInfo} from './user-info.ts';

/** A wish of somebody; what is not said is empty. */
export function access(user: UserInfo, wish: Partial<AccessAttributes>): AccessAttributes {
  return {
    user,
    verb: 'get',
    group: '',
    version: 'v1',
    resource: 'pods',
    subresource: '',
    namespace: '',
    name: '',
    ...wish,
  };
}
