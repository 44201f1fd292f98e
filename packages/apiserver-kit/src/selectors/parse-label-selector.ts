import {statusErrors} from '../errors/status-error.ts';
import {type LabelOperator, type LabelRequirement, LabelSelector, labelRequirement} from './label-selector.ts';
import {labelKeyProblems} from './label-syntax.ts';

/**
 * Parses what `labelSelector=` says: `app=x,tier in (a,b),!old,n>5`.
 *
 * @throws StatusError 400 in Kubernetes' words
 * @see https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors
 */
export function parseLabelSelector(text: string): LabelSelector {
  if (text === '') return LabelSelector.everything;
  try {
    return new LabelSelector(new Parser(text).requirements());
  } catch (error) {
    throw statusErrors.badRequest((error as Error).message);
  }
}

const SYMBOLS = new Set([')', ',', '!', '==', '=', '>', '<', '!=', '(']);
const TOKEN = /[ \t\r\n]*([=!(),<>]|[^=!(),<> \t\r\n]+|$)/y;

/** A symbol, or an identifier; `in` and `notin` are identifiers too. An empty text is the end. */
interface Token {
  text: string;
  identifier: boolean;
}

const OPERATORS: Readonly<Record<string, LabelOperator>> = {
  in: 'in',
  notin: 'notin',
  '=': 'in',
  '==': 'in',
  '!=': 'notin',
  '>': 'gt',
  '<': 'lt',
};

class Parser {
  readonly #tokens: Token[];
  #at = 0;

  constructor(text: string) {
    this.#tokens = tokensOf(text);
  }

  requirements(): LabelRequirement[] {
    const requirements: LabelRequirement[] = [];
    let token = this.#peek();
    if (isEnd(token)) return requirements;
    for (;;) {
      if (!token.identifier && token.text !== '!') fail(token, ", expected: !, identifier, or 'end of string'");
      try {
        requirements.push(this.#requirement());
      } catch (error) {
        throw new Error(`unable to parse requirement: ${(error as Error).message}`, {cause: error});
      }
      token = this.#next();
      if (isEnd(token)) return requirements;
      if (token.identifier || token.text !== ',') fail(token, ", expected: ',' or 'end of string'");
      token = this.#peek();
      if (!token.identifier && token.text !== '!') fail(token, ", expected: identifier after ','");
    }
  }

  #requirement(): LabelRequirement {
    let token = this.#next();
    const negated = isSymbol(token, '!');
    if (negated) token = this.#next();
    if (!token.identifier) fail(token, ', expected: identifier');
    const key = token.text;
    const problems = labelKeyProblems(key);
    if (problems.length > 0) throw new Error(`<nil>: Invalid value: ${JSON.stringify(key)}: ${problems.join('; ')}`);
    if (negated) return labelRequirement(key, '!', []);
    const after = this.#peek();
    if (isEnd(after) || isSymbol(after, ',')) return labelRequirement(key, 'exists', []);
    const sign = this.#next();
    const operator = Object.hasOwn(OPERATORS, sign.text) ? OPERATORS[sign.text] : undefined;
    if (operator === undefined) return fail(sign, ', expected: in, notin, =, ==, !=, gt, lt');
    return labelRequirement(key, operator, sign.identifier ? this.#list() : [this.#exactValue()]);
  }

  #exactValue(): string {
    const token = this.#peek();
    if (isEnd(token) || isSymbol(token, ',')) return '';
    this.#at++;
    return token.identifier ? token.text : fail(token, ', expected: identifier');
  }

  #list(): string[] {
    const open = this.#next();
    if (!isSymbol(open, '(')) fail(open, " expected: '('");
    const first = this.#peek();
    if (!first.identifier && first.text !== ',' && first.text !== ')')
      fail(first, ", expected: ',', ')' or identifier");
    const values: string[] = [];
    let expectsValue = true;
    for (;;) {
      const token = this.#next();
      if (isSymbol(token, ')')) {
        if (expectsValue) values.push('');
        return values;
      }
      if (token.identifier) {
        if (!expectsValue) fail(token, ", expected: ',' or ')'");
        values.push(token.text);
        expectsValue = false;
      } else if (token.text === ',') {
        if (expectsValue) values.push('');
        expectsValue = true;
      } else fail(token, expectsValue ? ", expected: ',', or identifier" : ", expected: ',' or ')'");
    }
  }

  #peek(): Token {
    return this.#tokens[this.#at] ?? END;
  }

  #next(): Token {
    const token = this.#peek();
    this.#at++;
    return token;
  }
}

const END: Token = {text: '', identifier: false};

function isEnd(token: Token): boolean {
  return token.text === '';
}

function isSymbol(token: Token, symbol: string): boolean {
  return !token.identifier && token.text === symbol;
}

function fail(token: Token, expected: string): never {
  throw new Error(`found '${token.text}'${expected}`);
}

function tokensOf(text: string): Token[] {
  const tokens: Token[] = [];
  TOKEN.lastIndex = 0;
  for (;;) {
    const part = TOKEN.exec(text)?.[1] ?? '';
    if (part === '') return tokens;
    const identifier = !SYMBOLS.has(part);
    const pair = part + (text[TOKEN.lastIndex] ?? '');
    if (!identifier && SYMBOLS.has(pair)) TOKEN.lastIndex++;
    tokens.push({text: !identifier && SYMBOLS.has(pair) ? pair : part, identifier});
  }
}
