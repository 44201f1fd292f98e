import {type CelType, listType, mapType, types} from './types.ts';

/**
 * What the type parameters of one expression stand for, found by unification.
 *
 * @see https://github.com/google/cel-spec/blob/master/doc/langdef.md#gradual-type-checking
 */
export class Substitution {
  readonly #bound = new Map<string, CelType>();
  /** What was bound since the last question, to be taken back where the answer is no. */
  #trail: string[] = [];
  #fresh = 0;

  /** A parameter that nothing else names. */
  newParameter(): CelType {
    return {kind: 'param', name: `#${this.#fresh++}`};
  }

  /** The type with its parameters renamed, so that each call decides them for itself. */
  instantiate(type: CelType, names: Map<string, CelType>): CelType {
    return mapParameters(type, (name) => {
      let fresh = names.get(name);
      if (!fresh) {
        fresh = this.newParameter();
        names.set(name, fresh);
      }
      return fresh;
    });
  }

  /** The type with all that is known put in; what is not known stays a parameter. */
  apply(type: CelType): CelType {
    return mapParameters(type, (name, self) => {
      const bound = this.#bound.get(name);
      return bound ? this.apply(bound) : self;
    });
  }

  /** As {@link apply}; what is not known is `dyn`. */
  resolve(type: CelType): CelType {
    return mapParameters(this.apply(type), () => types.dyn);
  }

  /** Whether all values may go where the targets are wanted. If so, what that says of parameters is remembered. */
  assignAll(values: readonly CelType[], targets: readonly CelType[]): boolean {
    this.#trail = [];
    const fits =
      values.length === targets.length &&
      values.every((value, index) => this.#assignable(value, targets[index] as CelType));
    if (!fits) for (const name of this.#trail) this.#bound.delete(name);
    return fits;
  }

  assign(value: CelType, target: CelType): boolean {
    return this.assignAll([value], [target]);
  }

  #assignable(left: CelType, right: CelType): boolean {
    const value = this.#shallow(left);
    const target = this.#shallow(right);
    if (value.kind === 'param' && target.kind === 'param' && value.name === target.name) return true;
    if (target.kind === 'param') return this.#bind(target, value);
    if (value.kind === 'param') return this.#bind(value, target);
    if (value.kind === 'dyn' || target.kind === 'dyn') return true;
    if (value.kind === 'null') return takesNull(target);
    if (target.kind === 'null') return takesNull(value);
    switch (value.kind) {
      case 'list':
      case 'optional':
        return target.kind === value.kind && this.#assignable(value.of, target.of);
      case 'type':
        // All types are values of one type, whatever they describe.
        return target.kind === 'type';
      case 'map':
        return (
          target.kind === 'map' &&
          this.#assignable(value.key, target.key) &&
          this.#assignable(value.value, target.value)
        );
      case 'object':
      case 'opaque':
        return target.kind === value.kind && target.name === value.name;
      default:
        return target.kind === value.kind;
    }
  }

  #shallow(type: CelType): CelType {
    let current = type;
    while (current.kind === 'param') {
      const bound = this.#bound.get(current.name);
      if (!bound) return current;
      current = bound;
    }
    return current;
  }

  #bind(parameter: CelType & {kind: 'param'}, type: CelType): boolean {
    if (occurs(parameter.name, this.apply(type))) return false;
    this.#bound.set(parameter.name, type);
    this.#trail.push(parameter.name);
    return true;
  }
}

function takesNull(type: CelType): boolean {
  return ['null', 'duration', 'timestamp', 'object', 'opaque', 'optional'].includes(type.kind);
}

function occurs(name: string, type: CelType): boolean {
  let found = false;
  mapParameters(type, (inner, self) => {
    found ||= inner === name;
    return self;
  });
  return found;
}

function mapParameters(type: CelType, replace: (name: string, self: CelType) => CelType): CelType {
  switch (type.kind) {
    case 'param':
      return replace(type.name, type);
    case 'list':
      return listType(mapParameters(type.of, replace));
    case 'optional':
    case 'type':
      return {kind: type.kind, of: mapParameters(type.of, replace)};
    case 'map':
      return mapType(mapParameters(type.key, replace), mapParameters(type.value, replace));
    default:
      return type;
  }
}

/** Whether the first type takes at least the values of the second. */
export function isMoreGeneral(general: CelType, specific: CelType): boolean {
  if (general.kind === 'dyn') return true;
  if (general.kind === 'param') return specific.kind !== 'dyn';
  if (general.kind === 'null' || general.kind !== specific.kind) return false;
  if (general.kind === 'map' && specific.kind === 'map') {
    return isMoreGeneral(general.key, specific.key) && isMoreGeneral(general.value, specific.value);
  }
  if ('of' in general && 'of' in specific) return isMoreGeneral(general.of, specific.of);
  return !('name' in general && 'name' in specific) || general.name === specific.name;
}
