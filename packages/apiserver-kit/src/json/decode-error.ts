/** A body that says nothing: broken JSON or YAML. The message is in the words of Go's decoders, which clients know. */
export class DecodeError extends Error {
  /** `SYNTAX`: it cannot be read at all. `RANGE`: a number that nothing can hold. */
  readonly code: 'SYNTAX' | 'RANGE';

  constructor(code: 'SYNTAX' | 'RANGE', message: string) {
    super(message);
    this.name = 'DecodeError';
    this.code = code;
  }
}
