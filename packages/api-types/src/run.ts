import type {ObjectMeta} from 'kubernetes-types/meta/v1.d.ts';
import type {API_VERSION, RUN_KIND} from './constants.ts';
import {type RunSpec, runSpecSchema} from './run-spec.ts';
import {type RunStatus, runStatusSchema} from './run-status.ts';
import {object, optional} from './schema/fields.ts';

/** The schema of kind Run; `apiVersion`, `kind` and `metadata` are the API server's own. */
export const runSchema = object(
  {spec: runSpecSchema, status: optional(runStatusSchema)},
  {description: 'Run is one execution of a program in a slot of a Runtime.'},
);

/** One execution, as it is on the wire. */
export interface Run {
  apiVersion?: typeof API_VERSION;
  kind?: typeof RUN_KIND;
  metadata?: ObjectMeta;
  spec: RunSpec;
  /** Always there when read from an API server: it defaults to `{phase: 'Pending'}`. */
  status?: RunStatus;
}
