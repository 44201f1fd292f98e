import type {KubeObject} from '../kube-object.ts';
import type {ResourceVersion, ResourceView, Strategy, Subresource} from '../registry/resource.ts';

/** What is special about a built-in kind. */
export interface BuiltinRules {
  strategy?: Strategy;
  /** What kube-apiserver's code fills in: on a decoded object, in place. */
  defaults?(object: KubeObject): void;
  version?: Pick<ResourceVersion, 'table' | 'selectableFields' | 'selectableField'>;
  scale?: NonNullable<ResourceVersion['subresources']['scale']>;
  subresources?: readonly Subresource[];
  /** By which parts of the object are written. */
  parts?: readonly string[];
  view?: ResourceView;
}
