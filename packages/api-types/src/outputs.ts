import {Buffer} from 'node:buffer';
import {limits} from './limits.ts';

const outputName = /^[A-Za-z_][A-Za-z0-9_.-]*$/;

/**
 * Why a Run's outputs can't stand in its status; undefined if they can. At most 64 entries, 8 KiB of UTF-8 per value and 64 KiB in all, names
 * of letters, digits, `_`, `.` and `-` that do not begin with a digit, and values without lone surrogates.
 */
export function describeOutputsProblem(outputs: Readonly<Record<string, string>>): string | undefined {
  const entries = Object.entries(outputs);
  if (entries.length > limits.outputs) {
    return `more than ${limits.outputs} outputs`;
  }
  let size = 0;
  for (const [name, value] of entries) {
    if (name.length > limits.outputName || !outputName.test(name)) {
      return `output name ${JSON.stringify(name.slice(0, limits.outputName).toWellFormed())} is not valid`;
    }
    if (!value.isWellFormed()) {
      return `output ${name} is not valid Unicode`;
    }
    const valueBytes = Buffer.byteLength(value, 'utf8');
    if (valueBytes > limits.outputValueBytes) {
      return `output ${name} is larger than ${limits.outputValueBytes} bytes`;
    }
    size += name.length + valueBytes;
    if (size > limits.outputsBytes) {
      return `outputs are larger than ${limits.outputsBytes} bytes`;
    }
  }
  return undefined;
}
