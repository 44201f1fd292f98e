import {call, children, type Expr, type ListExpr, type MapExpr, type StructExpr} from './ast.ts';
import {CelError, type Position} from './cel-error.ts';
import {type Token, tokenize} from './lexer.ts';
import {type Extensions, expandMacro} from './macros.ts';
import {Uint} from './values.ts';

/** As deep as expressions may nest: what cel-go allows by default. */
const MAX_DEPTH = 250;
/** As deep as the tree may be. */
const MAX_TREE_DEPTH = 1_000;
/** Code points that an expression may have: what cel-go allows by default. */
const MAX_LENGTH = 100_000;

const reserved = new Set(
  'as break const continue else false for function if import in let loop namespace null package return true var void while'.split(
    ' ',
  ),
);
const relations: Readonly<Record<string, string>> = {
  '<': '_<_',
  '<=': '_<=_',
  '>': '_>_',
  '>=': '_>=_',
  '==': '_==_',
  '!=': '_!=_',
};

export interface ParseOptions {
  /** Which macros there are. Default: all. */
  extensions?: Extensions;
}

/**
 * Parses an expression and expands its macros.
 *
 * @throws CelError `SYNTAX`
 * @see https://github.com/google/cel-spec/blob/master/doc/langdef.md#syntax
 */
export function parse(source: string, {extensions = 'all'}: ParseOptions = {}): Expr {
  if (source.length > MAX_LENGTH) throw new CelError('SYNTAX', `expression longer than ${MAX_LENGTH} code points`);
  const expression = new Parser(tokenize(source), extensions).parse();
  requireDepth(expression);
  return expression;
}

/** Long chains of operators nest without brackets; what walks the tree later must not run out of stack. */
function requireDepth(root: Expr): void {
  let level: readonly Expr[] = [root];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > MAX_TREE_DEPTH) throw new CelError('SYNTAX', `expression nests deeper than ${MAX_TREE_DEPTH}`);
    level = level.flatMap(children);
  }
}

class Parser {
  readonly #tokens: readonly Token[];
  readonly #extensions: Extensions;
  #index = 0;
  #depth = 0;

  constructor(tokens: readonly Token[], extensions: Extensions) {
    this.#tokens = tokens;
    this.#extensions = extensions;
  }

  parse(): Expr {
    const expression = this.#expression();
    if (this.#peek().kind !== 'end') this.#failAtEnd();
    return expression;
  }

  #expression(): Expr {
    return this.#nested(() => {
      const condition = this.#or();
      const at = this.#peek().at;
      if (!this.#take('?')) return condition;
      const yes = this.#or();
      this.#expect(':');
      return call('_?_:_', [condition, yes, this.#expression()], at);
    });
  }

  #or(): Expr {
    return this.#balanced('||', '_||_', () => this.#balanced('&&', '_&&_', () => this.#relation()));
  }

  /** A long chain of `||` becomes a balanced tree, as in cel-go: evaluation then nests less deep. */
  #balanced(operator: string, name: string, operand: () => Expr): Expr {
    const terms = [operand()];
    const places: Position[] = [];
    for (;;) {
      const {at} = this.#peek();
      if (!this.#take(operator)) break;
      places.push(at);
      terms.push(operand());
    }
    const tree = (low: number, high: number): Expr => {
      if (low === high) return terms[low] as Expr;
      const middle = Math.floor((low + high + 1) / 2);
      return call(name, [tree(low, middle - 1), tree(middle, high)], places[middle - 1] ?? 0);
    };
    return tree(0, terms.length - 1);
  }

  #relation(): Expr {
    let left = this.#addition();
    for (;;) {
      const token = this.#peek();
      const name = this.#relationName(token);
      if (name === undefined) return left;
      this.#index++;
      left = call(name, [left, this.#addition()], token.at);
    }
  }

  #relationName(token: Token): string | undefined {
    if (token.kind === 'operator') return relations[token.text];
    return token.kind === 'identifier' && token.text === 'in' ? '@in' : undefined;
  }

  #addition(): Expr {
    return this.#leftToRight(['+', '-'], () => this.#leftToRight(['*', '/', '%'], () => this.#unary()));
  }

  #leftToRight(operators: readonly string[], operand: () => Expr): Expr {
    let left = operand();
    for (;;) {
      const token = this.#peek();
      if (token.kind !== 'operator' || !operators.includes(token.text)) return left;
      this.#index++;
      left = call(`_${token.text}_`, [left, operand()], token.at);
    }
  }

  #unary(): Expr {
    const token = this.#peek();
    if (token.kind !== 'operator' || (token.text !== '!' && token.text !== '-')) return this.#member();
    const following = this.#tokens[this.#index + 1];
    if (token.text === '-' && (following?.kind === 'int' || following?.kind === 'double')) return this.#member();
    let count = 0;
    while (this.#take(token.text)) count++;
    const operand = this.#member();
    // An even number of them cancel out.
    return count % 2 === 0 ? operand : call(`${token.text}_`, [operand], token.at);
  }

  #member(): Expr {
    let expression = this.#primary();
    for (;;) {
      const {at} = this.#peek();
      if (this.#take('.')) expression = this.#selection(expression, at);
      else if (this.#take('[')) {
        const optional = this.#take('?');
        const index = this.#expression();
        this.#expect(']');
        expression = call(optional ? '_[?_]' : '_[_]', [expression, index], at);
      } else return expression;
    }
  }

  #selection(operand: Expr, at: Position): Expr {
    const optional = this.#take('?');
    const token = this.#next();
    if (token.kind === 'quoted') {
      const field = token.text;
      return optional ? optionalSelect(operand, field, at) : {kind: 'select', operand, field, testOnly: false, at};
    }
    if (token.kind !== 'identifier' || token.text === 'in' || isConstant(token.text)) this.#failAfterDot(token);
    if (optional) return optionalSelect(operand, token.text, at);
    const open = this.#peek().at;
    if (!this.#take('(')) return {kind: 'select', operand, field: token.text, testOnly: false, at};
    const args = this.#expressions(')');
    return expandMacro({kind: 'call', name: token.text, target: operand, args, at: open}, this.#extensions);
  }

  #primary(): Expr {
    const token = this.#next();
    const {at} = token;
    switch (token.kind) {
      case 'string':
      case 'bytes':
      case 'double':
        return {kind: 'literal', value: token.value, at};
      case 'uint':
        return {kind: 'literal', value: new Uint(token.value.value), at};
      case 'int':
        if (token.value > 2n ** 63n - 1n) throw new CelError('SYNTAX', 'invalid int literal', at);
        return {kind: 'literal', value: token.value, at};
      case 'identifier':
        return this.#name(token.text, at);
      case 'operator':
        return this.#bracketed(token);
      default:
        return this.#fail(token);
    }
  }

  #bracketed(token: Token & {kind: 'operator'}): Expr {
    const {at} = token;
    switch (token.text) {
      case '(': {
        const expression = this.#expression();
        this.#expect(')');
        return expression;
      }
      case '[':
        return this.#list(at);
      case '{':
        return this.#map(at);
      case '-':
        return this.#negative(at);
      case '.': {
        const name = this.#next();
        if (name.kind !== 'identifier') this.#failAfterDot(name);
        return this.#name(`.${name.text}`, at);
      }
      default:
        return this.#fail(token);
    }
  }

  #negative(at: Position): Expr {
    const token = this.#next();
    if (token.kind !== 'int' && token.kind !== 'double') this.#fail(token);
    return {kind: 'literal', value: -token.value, at};
  }

  #name(text: string, at: Position): Expr {
    if (text === 'true' || text === 'false') return {kind: 'literal', value: text === 'true', at};
    if (text === 'null') return {kind: 'literal', value: null, at};
    if (reserved.has(text.replace(/^\./, ''))) throw new CelError('SYNTAX', `reserved identifier: ${text}`, at);
    const open = this.#peek().at;
    if (this.#take('(')) {
      const args = this.#expressions(')');
      return expandMacro({kind: 'call', name: text, target: undefined, args, at: open}, this.#extensions);
    }
    return this.#struct(text, at) ?? {kind: 'ident', name: text, at};
  }

  /** `a.b.C{field: value}`: only what follows the dotted name tells it from a selection. */
  #struct(first: string, at: Position): StructExpr | undefined {
    let name = first;
    let ahead = this.#index;
    const isOperator = (index: number, text: string): boolean => {
      const token = this.#tokens[index];
      return token?.kind === 'operator' && token.text === text;
    };
    for (;;) {
      const following = this.#tokens[ahead + 1];
      if (!isOperator(ahead, '.') || following?.kind !== 'identifier') break;
      name += `.${following.text}`;
      ahead += 2;
    }
    if (!isOperator(ahead, '{')) return undefined;
    this.#index = ahead + 1;
    const fields: StructExpr['fields'][number][] = [];
    this.#items('}', () => {
      const optional = this.#take('?');
      const field = this.#next();
      if (field.kind !== 'identifier' && field.kind !== 'quoted') this.#fail(field);
      this.#expect(':');
      fields.push({name: field.text, value: this.#expression(), optional});
    });
    return {kind: 'struct', name, fields, at};
  }

  #list(at: Position): ListExpr {
    const elements: ListExpr['elements'][number][] = [];
    this.#items(']', () => {
      const optional = this.#take('?');
      elements.push({value: this.#expression(), optional});
    });
    return {kind: 'list', elements, at};
  }

  #map(at: Position): MapExpr {
    const entries: MapExpr['entries'][number][] = [];
    this.#items('}', () => {
      const optional = this.#take('?');
      const key = this.#expression();
      this.#expect(':');
      entries.push({key, value: this.#expression(), optional});
    });
    return {kind: 'map', entries, at};
  }

  #expressions(end: string): Expr[] {
    const expressions: Expr[] = [];
    if (this.#take(end)) return expressions;
    do expressions.push(this.#expression());
    while (this.#take(','));
    this.#expect(end);
    return expressions;
  }

  /** Items between commas; a comma may follow the last. */
  #items(end: string, item: () => void): void {
    while (!this.#take(end)) {
      item();
      if (this.#take(',')) continue;
      this.#expect(end);
      return;
    }
  }

  #nested<T>(inside: () => T): T {
    if (++this.#depth > MAX_DEPTH) {
      throw new CelError('SYNTAX', `expression recursion limit exceeded: ${MAX_DEPTH}`, this.#peek().at);
    }
    const result = inside();
    this.#depth--;
    return result;
  }

  #peek(): Token {
    return this.#tokens[this.#index] as Token;
  }

  #next(): Token {
    const token = this.#peek();
    if (token.kind !== 'end') this.#index++;
    return token;
  }

  #take(text: string): boolean {
    const token = this.#peek();
    if (token.kind !== 'operator' || token.text !== text) return false;
    this.#index++;
    return true;
  }

  #expect(text: string): void {
    if (this.#take(text)) return;
    const token = this.#peek();
    const isClosing = text === ')' || text === ']';
    if (isClosing && token.kind === 'end') throw syntaxError(`missing '${text}' at '<EOF>'`, token);
    throw syntaxError(`mismatched input ${shown(token)} expecting '${text}'`, token);
  }

  /** Something stands behind the expression. */
  #failAtEnd(): never {
    const token = this.#peek();
    const isLast = this.#tokens[this.#index + 1]?.kind === 'end';
    throw syntaxError(`${isLast ? 'extraneous' : 'mismatched'} input ${shown(token)} expecting <EOF>`, token);
  }

  /** Here an expression should begin. */
  #fail(token: Token): never {
    // It is there behind what is too much.
    const following = this.#tokens[this.#tokens.indexOf(token) + 1];
    const isTooMuch = token.kind !== 'end' && following !== undefined && mayBegin(following);
    throw syntaxError(
      `${isTooMuch ? 'extraneous' : 'mismatched'} input ${shown(token)} expecting ${beginnings}`,
      token,
    );
  }

  /** Here a name should follow a dot. */
  #failAfterDot(token: Token): never {
    throw syntaxError(`no viable alternative at input '.${token.kind === 'end' ? '' : tokenText(token)}'`, token);
  }
}

const beginnings =
  "{'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}";

function mayBegin(token: Token): boolean {
  if (token.kind === 'operator') return ['[', '{', '(', '.', '-', '!'].includes(token.text);
  return token.kind !== 'end' && token.kind !== 'quoted';
}

function syntaxError(message: string, {at}: Token): CelError {
  return new CelError('SYNTAX', `Syntax error: ${message}`, at);
}

function shown(token: Token): string {
  return token.kind === 'end' ? "'<EOF>'" : `'${tokenText(token)}'`;
}

function tokenText(token: Exclude<Token, {kind: 'end'}>): string {
  if ('text' in token) return token.text;
  if (token.kind === 'string') return JSON.stringify(token.value);
  return token.kind === 'bytes' ? 'bytes' : token.kind === 'uint' ? `${token.value.value}u` : `${token.value}`;
}

function isConstant(text: string): boolean {
  return text === 'true' || text === 'false' || text === 'null';
}

function optionalSelect(operand: Expr, field: string, at: Position): Expr {
  return call('_?._', [operand, {kind: 'literal', value: field, at}], at);
}
