import {type FieldError, fieldErrors} from '../errors/field-error.ts';

/** What a validation finds: the same thing once. */
export class Findings {
  readonly errors: FieldError[] = [];
  /** Checks that were passed: of several alternatives that fail, the one with the most is told of. */
  matches = 0;
  readonly #prefix: string;
  #seen: Set<string> | undefined;

  constructor(prefix = '') {
    this.#prefix = prefix;
  }

  get isClean(): boolean {
    return this.errors.length === 0;
  }

  /** For a part whose findings may not count. */
  nested(): Findings {
    return new Findings(this.#prefix);
  }

  /** Forgets all but the first errors. */
  keepFirst(count: number): void {
    for (const error of this.errors.splice(count)) this.#seen?.delete(keyOf(error));
  }

  /** Adds all of others, with what they matched. */
  take(other: Findings): void {
    this.matches += other.matches;
    for (const error of other.errors) this.#push(error);
  }

  /** An error of a field whose path starts at the value. */
  add(error: FieldError): void {
    const path = error.field.startsWith('.') ? error.field.slice(1) : error.field;
    const full = [this.#prefix, path].filter((part) => part !== '').join('.');
    this.#push({...error, field: full === '' ? '<nil>' : full});
  }

  /** An error that names its place itself. */
  addGeneral(message: string): void {
    this.#push(fieldErrors.invalid(this.#prefix === '' ? '<nil>' : this.#prefix, '', message));
  }

  #push(error: FieldError): void {
    const key = keyOf(error);
    this.#seen ??= new Set();
    if (this.#seen.has(key)) return;
    this.#seen.add(key);
    this.errors.push(error);
  }
}

function keyOf({field, message}: FieldError): string {
  return `${field}\u0000${message}`;
}
