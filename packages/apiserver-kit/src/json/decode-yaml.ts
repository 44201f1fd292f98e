import {isUtf8} from 'node:buffer';
import {
  Composer,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  Lexer,
  LineCounter,
  type Node,
  type ParsedNode,
  Parser,
  type Scalar,
  type YAMLMap,
} from 'yaml';
import {DecodeError} from './decode-error.ts';
import type {Decoded} from './decode-json.ts';
import {type JsonObject, type JsonValue, MAX_DEPTH, setMember} from './json-value.ts';
import {describeYamlProblem} from './yaml-problem.ts';
import {memberName, resolvePlain, resolveTagged, type YamlScalar} from './yaml-scalar.ts';

const MAX_DUPLICATES = 100;

// oxlint-disable-next-line no-control-regex
const CONTROL = /[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ufffe\uffff]/;

/** A large CustomResourceDefinition has about 150,000, spaces and line ends included. */
const MAX_LEXEMES = 300_000;

/**
 * Decodes the first document of a YAML text the way kube-apiserver does: YAML 1.1, in which `yes` is a boolean and `017` is 15, with
 * anchors and merge keys. Text without any document is null.
 *
 * @throws DecodeError, in the words of Go's yaml package where it has a word for the mistake
 */
export function decodeYaml(document: string | Uint8Array): Decoded {
  if (typeof document !== 'string' && !isUtf8(document)) {
    throw new DecodeError('SYNTAX', 'yaml: invalid leading UTF-8 octet');
  }
  const text = typeof document === 'string' ? document : Buffer.from(document).toString('utf8');
  if (CONTROL.test(text)) throw new DecodeError('SYNTAX', 'yaml: control characters are not allowed');
  const lines = new LineCounter();
  try {
    return new YamlReader(lines).read(withoutStackTraces(() => firstDocument(text, lines)));
  } catch (error) {
    if (error instanceof RangeError) throw tooDeep();
    throw error;
  }
}

/** Neither reads nor checks what comes behind. */
function firstDocument(text: string, lines: LineCounter): Document.Parsed | undefined {
  const composer = new Composer({
    version: '1.1',
    schema: 'failsafe',
    merge: false,
    uniqueKeys: false,
    keepSourceTokens: false,
    logLevel: 'silent',
    prettyErrors: false,
  });
  const parser = new Parser(lines.addNewLine);
  lines.addNewLine(0);
  let lexemes = 0;
  for (const lexeme of new Lexer().lex(text)) {
    if (++lexemes > MAX_LEXEMES) throw new DecodeError('SYNTAX', `yaml: more than ${MAX_LEXEMES} tokens`);
    for (const token of parser.next(lexeme)) {
      for (const document of composer.next(token)) return checked(document, text, lines);
    }
  }
  for (const token of parser.end()) {
    for (const document of composer.next(token)) return checked(document, text, lines);
  }
  for (const document of composer.end()) return checked(document, text, lines);
  return undefined;
}

/** Runs something that makes errors by the thousand and throws them away: without stack traces, which cost more than all the rest. */
function withoutStackTraces<T>(work: () => T): T {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  try {
    return work();
  } finally {
    Error.stackTraceLimit = limit;
  }
}

function checked(document: Document.Parsed, text: string, lines: LineCounter): Document.Parsed {
  const error = document.errors[0] ?? document.warnings.find(({code}) => code === 'BAD_DIRECTIVE');
  if (error?.code === 'RESOURCE_EXHAUSTION') throw tooDeep();
  if (error) throw new DecodeError('SYNTAX', describeYamlProblem(error, text, lines));
  return document;
}

function tooDeep(): DecodeError {
  return new DecodeError('SYNTAX', `yaml: exceeded max depth of ${MAX_DEPTH}`);
}

type AnyNode = Node | ParsedNode | null;

/** A member of an object, by its key as YAML sees it: 1 and "1" are two. */
interface Members {
  object: JsonObject;
  seen: Set<string>;
}

/** Makes values of the nodes of a document. */
class YamlReader {
  readonly #lines: LineCounter;
  readonly #duplicates: string[] = [];
  readonly #anchors = new Map<string, Node>();
  readonly #open = new Set<Node>();
  #depth = 0;
  #nodes = 0;
  #aliasedNodes = 0;
  #aliasDepth = 0;

  constructor(lines: LineCounter) {
    this.#lines = lines;
  }

  read(document: Document.Parsed | undefined): Decoded {
    const value = document === undefined ? null : this.#value(document.contents);
    const duplicates = this.#duplicates;
    const all =
      duplicates.length === 0 ? '' : `yaml: unmarshal errors:\n${duplicates.map((text) => `  ${text}`).join('\n')}`;
    return {value, duplicates, duplicatesText: all};
  }

  #value(node: AnyNode): JsonValue {
    this.#count();
    if (node === null) return null;
    if (isAlias(node)) return this.#aliased(node.source, (target) => this.#value(target));
    return this.#within(node, () => {
      if (isScalar(node)) return valueOf(this.#scalar(node));
      if (isSeq(node)) return node.items.map((item) => this.#value(item as AnyNode));
      const members: Members = {object: {}, seen: new Set()};
      if (isMap(node)) this.#members(node, members);
      return members.object;
    });
  }

  #members(map: YAMLMap, members: Members): void {
    for (const pair of map.items) {
      const key = pair.key as AnyNode;
      const value = pair.value as AnyNode;
      if (isMergeKey(key)) this.#merge(value, members);
      else this.#member(key, value, members);
    }
  }

  #member(keyNode: AnyNode, value: AnyNode, members: Members): void {
    const key = this.#key(keyNode);
    const shown = showKey(key);
    if (members.seen.has(shown) && this.#duplicates.length < MAX_DUPLICATES) {
      const line = keyNode?.range ? this.#lines.linePos(keyNode.range[0]).line : 1;
      this.#duplicates.push(`line ${line}: key ${shown} already set in map`);
    }
    members.seen.add(shown);
    setMember(members.object, memberName(key), this.#value(value));
  }

  #key(node: AnyNode): YamlScalar {
    if (node === null) return {tag: 'null', value: null};
    if (isAlias(node)) return this.#aliased(node.source, (target) => this.#key(target));
    if (isScalar(node)) return this.#within(node, () => this.#scalar(node));
    const shown = isSeq(node) ? '[]interface {}' : 'map[interface {}]interface {}';
    throw new DecodeError('SYNTAX', `yaml: invalid map key: ${shown}`);
  }

  /** @see https://yaml.org/type/merge.html */
  #merge(node: AnyNode, members: Members): void {
    if (isAlias(node)) {
      this.#aliased(node.source, (target) => {
        if (!isMap(target)) throw notMergeable();
        this.#merge(target, members);
      });
    } else if (isMap(node)) {
      this.#count();
      this.#within(node, () => this.#members(node, members));
    } else if (isSeq(node)) {
      // The first has precedence: it comes last.
      for (const item of node.items.toReversed() as AnyNode[]) {
        if (!isMap(item) && !isAlias(item)) throw notMergeable();
        this.#merge(item, members);
      }
    } else throw notMergeable();
  }

  #aliased<T>(name: string, read: (target: Node) => T): T {
    const target = this.#anchors.get(name);
    if (!target) throw new DecodeError('SYNTAX', `yaml: unknown anchor '${name}' referenced`);
    if (this.#open.has(target)) throw new DecodeError('SYNTAX', `yaml: anchor '${name}' value contains itself`);
    this.#aliasDepth++;
    try {
      return read(target);
    } finally {
      this.#aliasDepth--;
    }
  }

  /** Reads a node that is not an alias. */
  #within<T>(node: Node, read: () => T): T {
    const {anchor} = node as {anchor?: string};
    if (anchor !== undefined && this.#aliasDepth === 0) this.#anchors.set(anchor, node);
    if (this.#depth >= MAX_DEPTH) throw tooDeep();
    this.#depth++;
    this.#open.add(node);
    try {
      return read();
    } finally {
      this.#open.delete(node);
      this.#depth--;
    }
  }

  /** A small document may say by aliases that it is huge: at most a share of the nodes may come from them, less of many. */
  #count(): void {
    this.#nodes++;
    if (this.#aliasDepth === 0) return;
    this.#aliasedNodes++;
    if (this.#aliasedNodes > 100 && this.#nodes > 1_000 && this.#aliasedNodes / this.#nodes > aliasShare(this.#nodes)) {
      throw new DecodeError('SYNTAX', 'yaml: document contains excessive aliasing');
    }
  }

  #scalar(node: Scalar): YamlScalar {
    const text = String(node.value);
    if (!text.isWellFormed()) {
      const line = node.range ? this.#lines.linePos(node.range[0]).line : 1;
      throw new DecodeError(
        'SYNTAX',
        `yaml: ${line > 1 ? `line ${line}: ` : ''}found invalid Unicode character escape code`,
      );
    }
    if (node.tag !== undefined) return resolveTagged(text, node.tag);
    return node.type === 'PLAIN' || node.type === undefined ? resolvePlain(text) : {tag: 'str', value: text};
  }
}

/** How much of so many nodes may come from aliases: nearly all of 400,000, a tenth of 4,000,000, in between on a line. */
function aliasShare(nodes: number): number {
  const [few, many] = [400_000, 4_000_000];
  if (nodes <= few) return 0.99;
  if (nodes >= many) return 0.1;
  return 0.99 - 0.89 * ((nodes - few) / (many - few));
}

function isMergeKey(node: AnyNode): boolean {
  if (!isScalar(node) || node.value !== '<<') return false;
  return node.tag === undefined ? node.type === 'PLAIN' : node.tag === 'tag:yaml.org,2002:merge';
}

function notMergeable(): DecodeError {
  return new DecodeError('SYNTAX', 'yaml: map merge requires map or sequence of maps as the value');
}

function showKey(key: YamlScalar): string {
  if (key.tag === 'null') return '<nil>';
  if (typeof key.value === 'string') return JSON.stringify(key.value);
  // A float that is integral is another key than the integer, though it looks the same.
  return key.tag === 'float' && Number.isInteger(key.value) ? `${key.value} ` : String(key.value);
}

function valueOf(scalar: YamlScalar): JsonValue {
  if (scalar.tag === 'float' && !Number.isFinite(scalar.value)) {
    const shown = Number.isNaN(scalar.value) ? 'NaN' : `${scalar.value > 0 ? '+' : '-'}Inf`;
    throw new DecodeError('RANGE', `json: unsupported value: ${shown}`);
  }
  return scalar.value;
}
