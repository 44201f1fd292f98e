import type {PodSpec} from 'kubernetes-types/core/v1.js';
import {parseQuantity} from '../quantity.ts';

/** @see https://kubernetes.io/docs/concepts/workloads/pods/pod-qos/ */
export function qosClass(spec: PodSpec): 'Guaranteed' | 'Burstable' | 'BestEffort' {
  const containers = [...(spec.containers ?? []), ...(spec.initContainers ?? [])];
  let any = false;
  let guaranteed = true;
  for (const {resources} of containers) {
    for (const name of ['cpu', 'memory']) {
      const request = amount(resources?.requests?.[name]);
      const limit = amount(resources?.limits?.[name]);
      any ||= request > 0n || limit > 0n;
      guaranteed &&= limit > 0n && request === limit;
    }
  }
  if (!any) return 'BestEffort';
  return guaranteed ? 'Guaranteed' : 'Burstable';
}

function amount(text: string | undefined): bigint {
  return text === undefined ? 0n : (parseQuantity(text)?.nanos ?? 0n);
}
