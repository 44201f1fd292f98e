import {DecodeError} from './decode-error.ts';
import {toNumber} from './json-reader.ts';

/** What a scalar of YAML 1.1 means, as sigs.k8s.io/yaml reads it. */
export type YamlScalar =
  | {tag: 'str' | 'binary' | 'timestamp'; value: string}
  | {tag: 'int'; value: number | bigint}
  | {tag: 'float'; value: number}
  | {tag: 'bool'; value: boolean}
  | {tag: 'null'; value: null};

const TRUE = new Set(['y', 'Y', 'yes', 'Yes', 'YES', 'true', 'True', 'TRUE', 'on', 'On', 'ON']);
const FALSE = new Set(['n', 'N', 'no', 'No', 'NO', 'false', 'False', 'FALSE', 'off', 'Off', 'OFF']);
const NULL = new Set(['', '~', 'null', 'Null', 'NULL']);
const INFINITY = /^([-+]?)\.(?:inf|Inf|INF)$/;
const NAN = new Set(['.nan', '.NaN', '.NAN']);
const INTEGER = /^([-+]?)(?:(0[xX][0-9a-fA-F]+)|(0[bB][01]+)|0[oO]?([0-7]+)|(0|[1-9][0-9]*))$/;
const FLOAT = /^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$/;

/** Of a scalar without quotes and without a tag. */
export function resolvePlain(text: string): YamlScalar {
  if (NULL.has(text)) return {tag: 'null', value: null};
  if (TRUE.has(text)) return {tag: 'bool', value: true};
  if (FALSE.has(text)) return {tag: 'bool', value: false};
  const infinite = INFINITY.exec(text);
  if (infinite) return {tag: 'float', value: infinite[1] === '-' ? -Infinity : Infinity};
  if (NAN.has(text)) return {tag: 'float', value: Number.NaN};
  if (/^[-+.0-9]/.test(text)) {
    const number = resolveNumber(text.replaceAll('_', ''));
    if (number) return number;
  }
  return {tag: 'str', value: text};
}

function resolveNumber(text: string): YamlScalar | undefined {
  const match = INTEGER.exec(text);
  if (match) {
    const [, sign, hexadecimal, binary, octal, decimal] = match;
    const magnitude = BigInt(hexadecimal ?? binary ?? (octal === undefined ? decimal! : `0o${octal}`));
    const value = sign === '-' ? -magnitude : magnitude;
    if (BigInt.asIntN(64, value) === value || BigInt.asUintN(64, value) === value) {
      return {tag: 'int', value: toNumber(value.toString(), true)};
    }
  }
  if (!FLOAT.test(text)) return undefined;
  const value = Number(text);
  return Number.isFinite(value) ? {tag: 'float', value} : undefined;
}

/**
 * Of a scalar that has a tag (`!!int`), or has quotes: `!!str`.
 *
 * @throws DecodeError where the text is nothing of the kind
 */
export function resolveTagged(text: string, tag: string): YamlScalar {
  const plain = resolvePlain(text);
  switch (tag) {
    case 'tag:yaml.org,2002:binary':
      if (!/^[A-Za-z0-9+/\s]*={0,2}\s*$/.test(text)) {
        throw new DecodeError('SYNTAX', 'yaml: !!binary value contains invalid base64 data');
      }
      return {tag: 'binary', value: Buffer.from(text, 'base64').toString('utf8')};
    case 'tag:yaml.org,2002:float':
      return plain.tag === 'int' ? {tag: 'float', value: Number(plain.value)} : expectTag(plain, 'float', text);
    case 'tag:yaml.org,2002:int':
      return expectTag(plain, 'int', text);
    case 'tag:yaml.org,2002:bool':
      return expectTag(plain, 'bool', text);
    case 'tag:yaml.org,2002:null':
      return expectTag(plain, 'null', text);
    case 'tag:yaml.org,2002:timestamp':
      if (!/^[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}/.test(text)) return expectTag(plain, 'timestamp', text);
      return {tag: 'timestamp', value: text};
    default:
      return {tag: 'str', value: text};
  }
}

function expectTag(scalar: YamlScalar, tag: YamlScalar['tag'], text: string): YamlScalar {
  if (scalar.tag === tag) return scalar;
  throw new DecodeError('SYNTAX', `yaml: cannot decode !!${scalar.tag} \`${text}\` as a !!${tag}`);
}

/**
 * The name that a scalar gives to a member of a JSON object.
 *
 * @throws DecodeError of null and of integers beyond 64 bits with a sign, as sigs.k8s.io/yaml
 */
export function memberName(key: YamlScalar): string {
  switch (key.tag) {
    case 'null':
      throw new DecodeError('SYNTAX', 'unsupported map key of type: %!s(<nil>), key: <nil>');
    case 'bool':
      return key.value ? 'true' : 'false';
    case 'int':
      if (BigInt.asIntN(64, BigInt(key.value)) !== BigInt(key.value)) {
        throw new DecodeError(
          'SYNTAX',
          `unsupported map key of type: uint64, key: 0x${BigInt(key.value).toString(16)}`,
        );
      }
      return key.value.toString();
    case 'float':
      return shortFloat(key.value);
    default:
      return key.value;
  }
}

/** As Go's %g writes a float of 32 bits. */
function shortFloat(value: number): string {
  if (Number.isNaN(value)) return '.nan';
  const narrow = Math.fround(value);
  if (!Number.isFinite(narrow)) return narrow > 0 ? '.inf' : '-.inf';
  let digits = 1;
  while (digits < 9 && Math.fround(Number(narrow.toPrecision(digits))) !== narrow) digits++;
  const [mantissa, exponent] = Number(narrow.toPrecision(digits)).toExponential().split('e') as [string, string];
  const power = Number(exponent);
  if (power >= -4 && power < 6) return String(Number(narrow.toPrecision(digits)));
  return `${mantissa}e${power < 0 ? '-' : '+'}${String(Math.abs(power)).padStart(2, '0')}`;
}
