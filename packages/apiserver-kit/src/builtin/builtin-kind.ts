/** A resource as kube-apiserver's discovery describes it. */
export interface BuiltinKind {
  group: string;
  version: string;
  plural: string;
  singular: string;
  kind: string;
  namespaced: boolean;
  shortNames: readonly string[];
  categories: readonly string[];
  verbs: readonly string[];
  subresources: readonly {name: string; group: string; version: string; kind: string; verbs: readonly string[]}[];
}
