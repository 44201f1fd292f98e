import {wireTypeTexts} from '../gen/wire-types.ts';
import type {WireField} from './wire-type.ts';

const parsed = new Map<string, readonly WireField[] | string>();

/** Fields of a struct, the type that a name stands for, or undefined where the type has a form of its own. */
export function wireType(name: string): readonly WireField[] | string | undefined {
  const known = parsed.get(name);
  if (known !== undefined) return known;
  const text = Object.hasOwn(wireTypeTexts, name) ? wireTypeTexts[name] : undefined;
  if (text === undefined) return undefined;
  const type = JSON.parse(text) as readonly WireField[] | string;
  parsed.set(name, type);
  return type;
}

/** `v1.PodSpec`: what Go calls it in its messages. */
export function goName(name: string): string {
  return name.split('.').slice(-2).join('.');
}
