import {Buffer} from 'node:buffer';
import {limits} from './limits.ts';

const outputName = /^[A-Za-z_][A-Za-z0-9_.-]*$/;

/**
 * Why a Run's outputs can't stand in its status; undefined if they can. At most 256 entries and 64 KiB of UTF-8 in all, names of letters,
 * digits, `_`, `.` and `-` that do not begin with a digit, and values without lone surrogates.
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
    size += name.length + Buffer.byteLength(value, 'utf8');
    if (size > limits.outputsBytes) {
      return `outputs are larger than ${limits.outputsBytes} bytes`;
    }
  }
  return undefined;
}
