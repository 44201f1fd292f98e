import {Buffer} from 'node:buffer';
import {goJson} from '../errors/go-text.ts';
import type {KubeObject} from '../kube-object.ts';

/** In which kubectl keeps what it applied last, when it computes patches itself. */
const lastAppliedAnnotation = 'kubectl.kubernetes.io/last-applied-configuration';

/** Bytes of all annotations of an object. */
const MAX_ANNOTATIONS_SIZE = 256 * 1024;

/** What kubectl applied last; undefined where it left no word. */
export function lastApplied(object: KubeObject): string | undefined {
  return object.metadata.annotations?.[lastAppliedAnnotation] || undefined;
}

/** kubectl's annotation of what it applied last follows what it applies on the server, as long as it is there. */
export function withLastApplied(object: KubeObject, applied: KubeObject): KubeObject {
  if (lastApplied(object) === undefined) return object;
  const annotations = {...object.metadata.annotations, [lastAppliedAnnotation]: textOf(applied)};
  if (sizeOf(annotations) > MAX_ANNOTATIONS_SIZE) Reflect.deleteProperty(annotations, lastAppliedAnnotation);
  return {...object, metadata: {...object.metadata, annotations}};
}

/** Without the annotation itself. */
function textOf(applied: KubeObject): string {
  const {annotations} = applied.metadata;
  if (annotations === undefined) return `${goJson(applied)}\n`;
  const {[lastAppliedAnnotation]: _, ...rest} = annotations;
  return `${goJson({...applied, metadata: {...applied.metadata, annotations: rest}})}\n`;
}

function sizeOf(annotations: Readonly<Record<string, string>>): number {
  return Object.entries(annotations).reduce(
    (size, [key, value]) => size + Buffer.byteLength(key) + Buffer.byteLength(value),
    0,
  );
}
