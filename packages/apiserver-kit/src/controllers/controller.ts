import {AUTHENTICATED, type UserInfo} from '../auth/user-info.ts';
import type {Clock} from '../clock.ts';
import {StatusError} from '../errors/status-error.ts';
import type {Registry} from '../registry/registry.ts';
import type {RequestContext} from '../registry/request-context.ts';
import type {ResourceStore} from '../registry/resource-store.ts';
import {systemContext} from '../registry/system-context.ts';
import {splitKey} from './follow-stores.ts';
import type {TimeSlices} from './time-slices.ts';

/** What a controller works with. */
export interface ControllerEnvironment {
  registry: Registry;
  clock: Clock;
  slices: TimeSlices;
  /** Told what went wrong and is tried again. */
  onError: (error: Error) => void;
}

/** Something that runs from its construction until it is closed. All that it knows it reads again when it starts. */
export interface Controller {
  /** Resolves when what it was doing has ended. */
  close(): Promise<void>;
}

/** Tells of errors with the name of the controller and of what it worked on. */
export function errorTeller(
  {onError}: ControllerEnvironment,
  controller: string,
): (error: unknown, key: string) => void {
  return (error, key) => {
    const why = error instanceof Error ? error.message : String(error);
    onError(new Error(`${controller}: ${key}: ${why}; it is tried again`, {cause: error}));
  };
}

/**
 * The context of what a controller does to an object.
 *
 * @param account of the ServiceAccount that kube-controller-manager uses for it: admission policies may name it
 */
export function controllerContext(
  account: string,
  store: ResourceStore,
  key: string,
  request: Partial<RequestContext> & {verb: string},
): RequestContext {
  return systemContext(store.resource, {
    user: controllerUser(account),
    fieldManager: 'kube-controller-manager',
    ...splitKey(key),
    ...request,
  });
}

function controllerUser(account: string): UserInfo {
  return {
    username: `system:serviceaccount:kube-system:${account}`,
    groups: ['system:serviceaccounts', 'system:serviceaccounts:kube-system', AUTHENTICATED],
  };
}

/** Whether an object was gone, or is another one by now. */
export function isGone(error: unknown): boolean {
  return error instanceof StatusError && error.code === 404;
}

/** Whether a namespace takes nothing new, or is gone. */
export function isTerminating(error: unknown): boolean {
  return (
    isGone(error) ||
    (error instanceof StatusError &&
      error.details?.causes?.some(({reason}) => reason === 'NamespaceTerminating') === true)
  );
}

export function isConflict(error: unknown): boolean {
  return error instanceof StatusError && error.reason === 'Conflict';
}
