/** Stands in labels for everything beyond the limit. */
const OTHER = '_other';

/**
 * Keeps the labels of a metric from growing with what users create: the first `max` combinations of values have series of their own,
 * all that come later share one with the value `_other`.
 */
export class LabelLimit<L extends string> {
  readonly #names: readonly L[];
  readonly #max: number;
  readonly #known = new Map<string, Readonly<Record<L, string>>>();
  readonly #other: Readonly<Record<L, string>>;

  constructor(names: readonly L[], max: number) {
    this.#names = names;
    this.#max = max;
    this.#other = labelsOf(names, () => OTHER);
  }

  /** The labels for a combination of values, in the order of the names. They are the same object each time: do not change it. */
  of(...values: readonly string[]): Readonly<Record<L, string>> {
    const key = values.join('\0');
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    if (this.#known.size >= this.#max) return this.#other;
    const labels = labelsOf(this.#names, (index) => values[index] ?? '');
    this.#known.set(key, labels);
    return labels;
  }
}

function labelsOf<L extends string>(names: readonly L[], value: (index: number) => string): Record<L, string> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- one entry for each name
  return Object.fromEntries(names.map((name, index) => [name, value(index)])) as Record<L, string>;
}
