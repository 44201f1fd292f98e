import {ShapeError} from '../builtin/shape-error.ts';

const eof = 'unexpected EOF';

/** Reads protobuf's wire format. All reads throw ShapeError in the words of Go's generated decoders. */
export class WireReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get done(): boolean {
    return this.#at >= this.#bytes.length;
  }

  /** 64 bits, unsigned. */
  varint(): bigint {
    const first = this.#bytes[this.#at];
    if (first !== undefined && first < 0x80) {
      this.#at++;
      return BigInt(first);
    }
    let value = 0n;
    for (let shift = 0n; shift < 64n; shift += 7n) {
      const byte = this.#bytes[this.#at++];
      if (byte === undefined) throw new ShapeError(eof);
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asUintN(64, value);
    }
    throw new ShapeError('proto: integer overflow');
  }

  /** A field's number and how it is written. */
  tag(message: string): {field: number; wireType: number} {
    const tag = this.#number();
    const isSmall = typeof tag === 'number';
    const field = isSmall ? tag >>> 3 : Number(BigInt.asIntN(32, tag >> 3n));
    const wireType = isSmall ? tag & 7 : Number(tag & 7n);
    if (wireType === 4) throw new ShapeError(`proto: ${message}: wiretype end group for non-group`);
    if (field <= 0) throw new ShapeError(`proto: ${message}: illegal tag ${field} (wire type ${tag})`);
    return {field, wireType};
  }

  double(): number {
    this.#need(8);
    const value = this.#view.getFloat64(this.#at, true);
    this.#at += 8;
    return value;
  }

  /** Bytes behind their length: a view, not a copy. */
  bytes(): Uint8Array {
    const length = Number(this.#number());
    this.#need(length);
    const from = this.#at;
    this.#at += length;
    return this.#bytes.subarray(from, this.#at);
  }

  /** Jumps over the value of a field that nobody knows. */
  skip(wireType: number): void {
    // Groups may be nested; they end with their own tags.
    let depth = 0;
    let type = wireType;
    for (;;) {
      switch (type) {
        case 0:
          this.varint();
          break;
        case 1:
          this.#need(8);
          this.#at += 8;
          break;
        case 2:
          this.bytes();
          break;
        case 3:
          depth++;
          break;
        case 4:
          if (depth === 0) throw new ShapeError('proto: unexpected end of group');
          depth--;
          break;
        case 5:
          this.#need(4);
          this.#at += 4;
          break;
        default:
          throw new ShapeError(`proto: illegal wireType ${type}`);
      }
      if (depth === 0) return;
      if (this.done) throw new ShapeError(eof);
      type = Number(this.varint() & 7n);
    }
  }

  /** A varint that is nearly always small: a number up to 28 bits. */
  #number(): number | bigint {
    const bytes = this.#bytes;
    let value = 0;
    for (let index = 0; index < 4; index++) {
      const byte = bytes[this.#at + index];
      if (byte === undefined) break;
      value |= (byte & 0x7f) << (7 * index);
      if (byte < 0x80) {
        this.#at += index + 1;
        return value;
      }
    }
    return this.varint();
  }

  #need(count: number): void {
    if (this.#at + count > this.#bytes.length) throw new ShapeError(eof);
  }
}
