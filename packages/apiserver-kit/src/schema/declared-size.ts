import type {DeclaredType} from './rule-types.ts';

/** Most elements, or bytes, of what stands at a path; undefined where nothing is known. The first name is that of the variable. */
export type MaxSize = (path: readonly string[]) => number | undefined;

/** Sizes in values of a declared type, by paths of names, `@items`, `@values` and `@keys`. */
export function sizeOf(root: DeclaredType): MaxSize {
  return (path) => {
    let current: DeclaredType | undefined = root;
    for (const name of path.slice(1)) {
      if (name === '@keys') {
        // Keys of a map are texts of which no schema tells the length.
        if (current.type.kind !== 'map') return undefined;
        return 0;
      }
      current = name === '@items' || name === '@values' ? current.element : current.fields?.get(name);
      if (!current) return undefined;
    }
    return current.maxElements;
  };
}
