import type {Difference} from './compare.ts';

/** Differences that are meant to be, and why. */
export interface AllowedDifference {
  /** Name of a scenario. Default: any. */
  scenario?: string;
  /** Of the request. Default: any. */
  request?: RegExp;
  /** Of the path in the answer. */
  path: RegExp;
  reason: string;
}

export const allowedDifferences: readonly AllowedDifference[] = [
  {
    path: /columnDefinitions\[\d+\]\.description$/,
    reason: "kube-apiserver sends its documentation of fields with tables; we send none of other people's texts",
  },
  {
    request: /\/openapi\/v3\//,
    path: /(^|\.)description$|\.parameters(\[|$)/,
    reason: 'the same for OpenAPI, whose parameters consist of little else',
  },
  {
    scenario: 'pods',
    request: /PATCH/,
    path: /message$/,
    reason: 'behind "pod updates may not change fields" kube-apiserver dumps two Go structs',
  },
  {
    scenario: 'volumes-and-nodes',
    request: /persistentvolumeclaims/,
    path: /message$/,
    reason: 'behind "spec is immutable" kube-apiserver dumps two Go structs',
  },
  {
    scenario: 'rbac',
    path: /managedFields\[0\]\.manager$/,
    reason: 'who writes the bootstrap policy is the server, and it is another one',
  },
  {
    scenario: 'discovery',
    request: /GET \/api$/,
    path: /body\.subresources/,
    reason: 'pods/proxy and pods/resize are not served',
  },
  {
    scenario: 'crd-openapi',
    path: /DeleteOptions\.x-kubernetes-group-version-kind$/,
    reason: 'lists the groups that are served',
  },
  {
    scenario: 'hostile',
    request: /^BREW /,
    path: /^headers\./,
    reason: "Node's HTTP parser refuses a method that it does not know before the server sees the request",
  },
  {
    scenario: 'hostile',
    request: /labelSelector=%ff/,
    path: /message$/,
    reason: 'bytes of a query that are no UTF-8 are replaced before the selector is read; both say that it is wrong',
  },
  {
    scenario: 'patch',
    request: /PATCH/,
    path: /^body\.details\.causes$/,
    reason: 'kube-apiserver tells the same cause of a wrong annotation four times, we three times',
  },
  {
    scenario: 'deployments',
    request: /PATCH .*deployments\/one$/,
    path: /^status$|^body\.(code|message|reason)$/,
    reason: 'a $setElementOrder that is no list is the fault of the client: 400, where kube-apiserver answers 500',
  },
  {
    scenario: 'negotiation',
    request: /POST/,
    path: /^body\.message$/,
    reason: 'where in a text a YAML error is: another parser counts otherwise',
  },
  {
    scenario: 'hostile',
    request: /POST/,
    path: /^body\.message$/,
    reason:
      'three texts of errors that Go makes while it reads JSON straight into a type: cut literals, numbers beyond every type',
  },
  {
    scenario: 'discovery',
    request: /GET \/version/,
    path: /body/,
    reason: 'the version says who built the server',
  },
];

export function isAllowedBy(difference: Difference, allowed: AllowedDifference): boolean {
  return (
    (allowed.scenario === undefined || allowed.scenario === difference.scenario) &&
    (allowed.request === undefined || allowed.request.test(difference.request)) &&
    allowed.path.test(difference.path)
  );
}
