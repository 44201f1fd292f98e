import type {KubeObject} from '../kube-object.ts';
import type {RequestContext} from '../registry/request-context.ts';
import type {Resource} from '../registry/resource.ts';

export type Operation = 'CREATE' | 'UPDATE' | 'DELETE' | 'CONNECT';

/** A write that is about to happen. */
export interface AdmissionAttributes {
  operation: Operation;
  resource: Resource;
  context: RequestContext;
  /** Undefined on DELETE. */
  object: KubeObject | undefined;
  /** Undefined on CREATE. */
  oldObject: KubeObject | undefined;
  /** Of the request: CreateOptions, UpdateOptions, DeleteOptions. */
  options: KubeObject | undefined;
}

/** A step that every write passes before it is stored. */
export interface AdmissionPlugin {
  name: string;
  /** May change the object in place. @throws StatusError to refuse */
  admit?(attributes: AdmissionAttributes): Promise<void>;
  /** After all changes and after validation. @throws StatusError to refuse */
  validate?(attributes: AdmissionAttributes): Promise<void>;
}
