import type {AccessAttributes, Authorizer, Decision} from '../auth/authorization.ts';
import {serviceAccountGroups, serviceAccountUsername} from '../auth/service-account-names.ts';
import {AUTHENTICATED, type UserInfo} from '../auth/user-info.ts';
import {CelError, type CelType, functionTable, type Opaque} from '../cel/index.ts';

const PREFIX = 'kubernetes.authorization.';

export const authorizerType: CelType = {kind: 'opaque', name: `${PREFIX}Authorizer`};
export const resourceCheckType: CelType = {kind: 'opaque', name: `${PREFIX}ResourceCheck`};

/** What kube-apiserver charges for one question, and what one expression may spend. */
const CHECK_COST = 350_000;
const EXPRESSION_BUDGET = 1_000_000;

/**
 * The authorizer that expressions of one request ask. Expressions are evaluated in one go and an authorizer may take its time:
 * a question that has no answer yet ends the evaluation with {@link PendingCheck}, and {@link PolicyChecks.settle} has it
 * answered for the next attempt.
 */
export class PolicyChecks {
  readonly #authorizer: Authorizer;
  readonly #answers = new Map<string, Decision>();
  /** Of the evaluation that is under way. */
  cost = 0;

  constructor(authorizer: Authorizer) {
    this.#authorizer = authorizer;
  }

  /** @throws PendingCheck; CelError `COST` for the third question of an expression */
  decide(access: AccessAttributes): Decision {
    this.cost += CHECK_COST;
    if (this.cost > EXPRESSION_BUDGET) throw new CelError('COST', 'operation cancelled: actual cost limit exceeded');
    const key = JSON.stringify(access);
    const answer = this.#answers.get(key);
    if (!answer) throw new PendingCheck(key, access);
    return answer;
  }

  async settle({key, access}: PendingCheck): Promise<void> {
    this.#answers.set(key, await this.#authorizer(access));
  }
}

/** Not an error: no expression sees it. */
export class PendingCheck {
  readonly key: string;
  readonly access: AccessAttributes;

  constructor(key: string, access: AccessAttributes) {
    this.key = key;
    this.access = access;
  }
}

abstract class AuthorizationValue implements Opaque {
  abstract readonly typeName: string;

  equals(other: Opaque): boolean {
    return this === other;
  }
}

/** `authorizer`: asks on behalf of a user. */
export class CelAuthorizer extends AuthorizationValue {
  readonly typeName = `${PREFIX}Authorizer`;
  readonly checks: PolicyChecks;
  readonly user: UserInfo;

  constructor(checks: PolicyChecks, user: UserInfo) {
    super();
    this.checks = checks;
    this.user = user;
  }
}

class PathCheck extends AuthorizationValue {
  readonly typeName = `${PREFIX}PathCheck`;
  readonly authorizer: CelAuthorizer;
  readonly path: string;

  constructor(authorizer: CelAuthorizer, path: string) {
    super();
    this.authorizer = authorizer;
    this.path = path;
  }
}

class GroupCheck extends AuthorizationValue {
  readonly typeName = `${PREFIX}GroupCheck`;
  readonly authorizer: CelAuthorizer;
  readonly group: string;

  constructor(authorizer: CelAuthorizer, group: string) {
    super();
    this.authorizer = authorizer;
    this.group = group;
  }
}

type Target = Pick<AccessAttributes, 'group' | 'resource' | 'subresource' | 'namespace' | 'name'>;

/** `authorizer.group(…).resource(…)`, and `authorizer.requestResource`. */
export class ResourceCheck extends AuthorizationValue {
  readonly typeName = `${PREFIX}ResourceCheck`;
  readonly authorizer: CelAuthorizer;
  readonly target: Target;

  constructor(authorizer: CelAuthorizer, target: Target) {
    super();
    this.authorizer = authorizer;
    this.target = target;
  }

  with(change: Partial<Target>): ResourceCheck {
    return new ResourceCheck(this.authorizer, {...this.target, ...change});
  }
}

class CelDecision extends AuthorizationValue {
  readonly typeName = `${PREFIX}Decision`;
  readonly decision: Decision;

  constructor(decision: Decision) {
    super();
    this.decision = decision;
  }
}

function checkPath({authorizer, path}: PathCheck, verb: string): CelDecision {
  const nothing = {group: '', version: '', resource: '', subresource: '', namespace: '', name: ''};
  return new CelDecision(authorizer.checks.decide({user: authorizer.user, verb, path, ...nothing}));
}

function checkResource({authorizer, target}: ResourceCheck, verb: string): CelDecision {
  return new CelDecision(authorizer.checks.decide({user: authorizer.user, verb, version: '*', ...target}));
}

function onBehalfOf({checks}: CelAuthorizer, namespace: string, name: string): CelAuthorizer {
  const groups = [...serviceAccountGroups(namespace), AUTHENTICATED];
  return new CelAuthorizer(checks, {username: serviceAccountUsername({namespace, name}), groups});
}

/** @see https://kubernetes.io/docs/reference/using-api/cel/#kubernetes-authorizer-library */
export const authorizerLibrary = functionTable({
  path: {
    [`${PREFIX}Authorizer.(string): ${PREFIX}PathCheck`]: (authorizer: CelAuthorizer, path: string) =>
      new PathCheck(authorizer, path),
  },
  group: {
    [`${PREFIX}Authorizer.(string): ${PREFIX}GroupCheck`]: (authorizer: CelAuthorizer, group: string) =>
      new GroupCheck(authorizer, group),
  },
  serviceAccount: {[`${PREFIX}Authorizer.(string, string): ${PREFIX}Authorizer`]: onBehalfOf},
  resource: {
    [`${PREFIX}GroupCheck.(string): ${PREFIX}ResourceCheck`]: ({authorizer, group}: GroupCheck, resource: string) =>
      new ResourceCheck(authorizer, {group, resource, subresource: '', namespace: '', name: ''}),
  },
  subresource: {
    [`${PREFIX}ResourceCheck.(string): ${PREFIX}ResourceCheck`]: (check: ResourceCheck, subresource: string) =>
      check.with({subresource}),
  },
  namespace: {
    [`${PREFIX}ResourceCheck.(string): ${PREFIX}ResourceCheck`]: (check: ResourceCheck, namespace: string) =>
      check.with({namespace}),
  },
  name: {
    [`${PREFIX}ResourceCheck.(string): ${PREFIX}ResourceCheck`]: (check: ResourceCheck, name: string) =>
      check.with({name}),
  },
  check: {
    [`${PREFIX}PathCheck.(string): ${PREFIX}Decision`]: checkPath,
    [`${PREFIX}ResourceCheck.(string): ${PREFIX}Decision`]: checkResource,
  },
  allowed: {[`${PREFIX}Decision.(): bool`]: ({decision}: CelDecision) => decision.allowed},
  reason: {[`${PREFIX}Decision.(): string`]: ({decision}: CelDecision) => decision.reason},
  // An authorizer that fails fails the request.
  errored: {[`${PREFIX}Decision.(): bool`]: () => false},
  error: {[`${PREFIX}Decision.(): string`]: () => ''},
});
