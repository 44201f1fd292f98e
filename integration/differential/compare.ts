import type {NormalAnswer} from './normalise.ts';
import type {Json} from './scenario.ts';

/** One place where two answers differ. */
export interface Difference {
  scenario: string;
  /** Number of the step, from 1, and its request. */
  step: number;
  request: string;
  /** Such as `status`, `headers.warning`, `body.metadata.labels.a`. */
  path: string;
  kube: Json | undefined;
  embedded: Json | undefined;
}

/** Every place where the answers to a scenario differ. */
export function compare(
  scenario: string,
  kube: readonly NormalAnswer[],
  embedded: readonly NormalAnswer[],
): Difference[] {
  return kube.flatMap((expected, index) => {
    const actual = embedded[index];
    const at = {scenario, step: index + 1, request: expected.request};
    const found: Difference[] = [];
    const {request: _, ...left} = expected;
    const {request: __, ...right} = actual ?? {request: '', status: 0, headers: {}, body: null};
    walk(left, right, '', (path, one, other) => found.push({...at, path, kube: one, embedded: other}));
    return found;
  });
}

function walk(
  left: Json | undefined,
  right: Json | undefined,
  path: string,
  report: (path: string, left: Json | undefined, right: Json | undefined) => void,
): void {
  if (Array.isArray(left) && Array.isArray(right) && left.length === right.length) {
    for (const [index, item] of left.entries()) walk(item, right[index], `${path}[${index}]`, report);
  } else if (isObject(left) && isObject(right)) {
    for (const key of [...new Set([...Object.keys(left), ...Object.keys(right)])]) {
      const member = (object: {[key: string]: Json | undefined}): Json | undefined =>
        Object.hasOwn(object, key) ? object[key] : undefined;
      walk(member(left), member(right), path === '' ? key : `${path}.${key}`, report);
    }
  } else if (JSON.stringify(left) !== JSON.stringify(right)) {
    report(path, left, right);
  }
}

function isObject(value: Json | undefined): value is {[key: string]: Json | undefined} {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** For people: the request once, then its differences. */
export function describeDifferences(differences: readonly Difference[]): string {
  let last = '';
  const lines: string[] = [];
  for (const {scenario, step, request, path, kube, embedded} of differences) {
    const head = `${scenario} #${step} ${request}`;
    if (head !== last) lines.push(head);
    last = head;
    lines.push(`  ${path}`, `    kube:     ${show(kube)}`, `    embedded: ${show(embedded)}`);
  }
  return lines.join('\n');
}

function show(value: Json | undefined): string {
  return value === undefined ? '-' : JSON.stringify(value);
}
