/** `namespace/name`, or `name` of a cluster-scoped object: the key under which caches and queues know an object. */
export function objectKey(object: {
  readonly metadata?: {readonly name?: string; readonly namespace?: string} | undefined;
}): string {
  const {name = '', namespace = ''} = object.metadata ?? {};
  return namespace === '' ? name : `${namespace}/${name}`;
}
