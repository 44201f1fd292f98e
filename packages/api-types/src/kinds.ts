import {GROUP, RUN_KIND, RUN_PLURAL, RUNTIME_KIND, RUNTIME_PLURAL, VERSION} from './constants.ts';
import type {Run} from './run.ts';
import type {Runtime} from './runtime.ts';

/** Where a kind lives in the API: what a client, such as that of `@kruntimes/reconciler-kit`, needs to build its URLs. */
export interface ApiKind<T> {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  /** Resource name in URLs. */
  readonly plural: string;
  readonly namespaced: boolean;
  /** Never set; carries the type of the kind's objects. */
  readonly type?: T;
}

export const runKind: ApiKind<Run> = {
  group: GROUP,
  version: VERSION,
  kind: RUN_KIND,
  plural: RUN_PLURAL,
  namespaced: true,
};

export const runtimeKind: ApiKind<Runtime> = {
  group: GROUP,
  version: VERSION,
  kind: RUNTIME_KIND,
  plural: RUNTIME_PLURAL,
  namespaced: true,
};
