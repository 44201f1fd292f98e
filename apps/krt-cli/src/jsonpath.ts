import {usageError} from './krt-error.ts';

/**
 * kubectl's JSONPath templates, the part that people use: text, `{.a.b}`, `{['a.b']}`, `{.a\.b/c}`, `{.list[0]}`, `{.list[-1]}`,
 * `{.list[1:3]}`, `{.list[*]}`, `{.list[?(@.type=="Ready")].status}`, `{..name}`, `{"literal\n"}`, `{range .items[*]}...{end}`.
 * @see https://kubernetes.io/docs/reference/kubectl/jsonpath/
 */
export type JsonPath = readonly Segment[];

type Segment =
  | {kind: 'text'; text: string}
  | {kind: 'path'; steps: Step[]}
  | {kind: 'range'; steps: Step[]; body: Segment[]};

type Step =
  | {kind: 'field'; name: string}
  | {kind: 'index'; index: number}
  | {kind: 'slice'; from: number | undefined; to: number | undefined}
  | {kind: 'wildcard'}
  | {kind: 'recursive'}
  | {kind: 'filter'; left: Operand; operator: string | undefined; right: Operand | undefined};

type Operand = {kind: 'path'; steps: Step[]} | {kind: 'value'; value: unknown};

/** @throws KrtError `USAGE` with the place of the mistake */
export function parseJsonPath(template: string): JsonPath {
  const stack: Segment[][] = [[]];
  let position = 0;
  while (position < template.length) {
    const open = template.indexOf('{', position);
    const body = stack[stack.length - 1] ?? [];
    if (open < 0) {
      body.push({kind: 'text', text: template.slice(position)});
      break;
    }
    if (open > position) body.push({kind: 'text', text: template.slice(position, open)});
    const close = closingBrace(template, open);
    const expression = template.slice(open + 1, close).trim();
    position = close + 1;
    if (expression === 'end') {
      if (stack.length === 1) throw invalid(template, '{end} without {range}');
      stack.pop();
    } else if (/^range\s/.test(expression)) {
      const segment: Segment = {kind: 'range', steps: parsePath(expression.slice(5).trim(), template), body: []};
      body.push(segment);
      stack.push(segment.body);
    } else if (/^["']/.test(expression)) {
      body.push({kind: 'text', text: parseString(expression, template)});
    } else {
      body.push({kind: 'path', steps: parsePath(expression, template)});
    }
  }
  if (stack.length > 1) throw invalid(template, '{range} without {end}');
  return stack[0] ?? [];
}

/** Prints what the template selects from `root`; missing fields print nothing. */
export function formatJsonPath(path: JsonPath, root: unknown): string {
  return path.map((segment) => formatSegment(segment, root, root)).join('');
}

function formatSegment(segment: Segment, current: unknown, root: unknown): string {
  if (segment.kind === 'text') return segment.text;
  const values = evaluate(segment.steps, current, root);
  if (segment.kind === 'path') return values.map(formatValue).join(' ');
  return values.map((value) => segment.body.map((inner) => formatSegment(inner, value, root)).join('')).join('');
}

function formatValue(value: unknown): string {
  if (value === undefined || value === null) return '';
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function evaluate(steps: readonly Step[], current: unknown, root: unknown): unknown[] {
  let values: unknown[] = [current];
  for (const step of steps) values = values.flatMap((value) => applyStep(step, value, root));
  return values;
}

function applyStep(step: Step, value: unknown, root: unknown): unknown[] {
  switch (step.kind) {
    case 'field': {
      const fields = asRecord(value);
      return fields && Object.hasOwn(fields, step.name) ? [fields[step.name]] : [];
    }
    case 'index': {
      const item = Array.isArray(value) ? value.at(step.index) : undefined;
      return item === undefined ? [] : [item];
    }
    case 'slice':
      return Array.isArray(value) ? value.slice(step.from, step.to) : [];
    case 'wildcard':
      return Array.isArray(value) ? value : Object.values(asRecord(value) ?? {});
    case 'recursive':
      return descendants(value);
    case 'filter':
      return Array.isArray(value) ? value.filter((item) => matches(step, item, root)) : [];
    default:
      return step satisfies never;
  }
}

function descendants(value: unknown): unknown[] {
  const children = Array.isArray(value) ? value : Object.values(asRecord(value) ?? {});
  return [value, ...children.flatMap((child) => (typeof child === 'object' ? descendants(child) : []))];
}

function matches(filter: Extract<Step, {kind: 'filter'}>, item: unknown, root: unknown): boolean {
  const left = operandValue(filter.left, item, root);
  if (filter.operator === undefined || filter.right === undefined) return left !== undefined;
  const right = operandValue(filter.right, item, root);
  switch (filter.operator) {
    case '==':
      return left === right;
    case '!=':
      return left !== right;
    default:
      break;
  }
  const comparable =
    (typeof left === 'number' && typeof right === 'number') || (typeof left === 'string' && typeof right === 'string');
  if (!comparable) return false;
  switch (filter.operator) {
    case '<':
      return left < right;
    case '>':
      return left > right;
    case '<=':
      return left <= right;
    default:
      return left >= right;
  }
}

function operandValue(operand: Operand, item: unknown, root: unknown): unknown {
  return operand.kind === 'value' ? operand.value : evaluate(operand.steps, item, root)[0];
}

function asRecord(value: unknown): Record<string, unknown> | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : undefined;
}

/** The `}` that ends the expression opened at `open`: not one inside quotes. */
function closingBrace(template: string, open: number): number {
  let quote: string | undefined;
  for (let i = open + 1; i < template.length; i++) {
    const character = template[i];
    if (character === '\\') i++;
    else if (quote) {
      if (character === quote) quote = undefined;
    } else if (character === '"' || character === "'") quote = character;
    else if (character === '}') return i;
  }
  throw invalid(template, `"{" at position ${open + 1} is never closed`);
}

const fieldStep = /(?:\\.|[^.[\\])+/y;

function parsePath(expression: string, template: string): Step[] {
  const steps: Step[] = [];
  let rest = expression.replace(/^[$@]/, '');
  if (rest !== '' && !/^[.[]/.test(rest)) rest = `.${rest}`;
  while (rest !== '') {
    if (rest.startsWith('..')) {
      steps.push({kind: 'recursive'});
      rest = rest.slice(rest[2] === '[' ? 2 : 1);
    } else if (rest.startsWith('.')) {
      fieldStep.lastIndex = 1;
      const name = fieldStep.exec(rest)?.[0];
      if (name === undefined) {
        // `{.}` and `{.[0]}` are the object itself.
        if (rest !== '.' && rest[1] !== '[') throw invalid(template, `a name is missing after "." in "${expression}"`);
        rest = rest.slice(1);
        continue;
      }
      steps.push(name === '*' ? {kind: 'wildcard'} : {kind: 'field', name: name.replace(/\\(.)/g, '$1')});
      rest = rest.slice(1 + name.length);
    } else if (rest.startsWith('[')) {
      const end = closingBracket(rest, template);
      steps.push(parseBracket(rest.slice(1, end).trim(), template));
      rest = rest.slice(end + 1);
    } else {
      throw invalid(template, `"${rest}" in "${expression}" is neither .name nor [index]`);
    }
  }
  return steps;
}

function closingBracket(text: string, template: string): number {
  let depth = 0;
  let quote: string | undefined;
  for (let i = 0; i < text.length; i++) {
    const character = text[i];
    if (quote) {
      if (character === quote) quote = undefined;
    } else if (character === '"' || character === "'") quote = character;
    else if (character === '[') depth++;
    else if (character === ']' && --depth === 0) return i;
  }
  throw invalid(template, `"[" in "${text}" is never closed`);
}

function parseBracket(text: string, template: string): Step {
  if (text === '*') return {kind: 'wildcard'};
  if (/^["']/.test(text)) return {kind: 'field', name: parseString(text, template)};
  if (/^-?\d+$/.test(text)) return {kind: 'index', index: Number(text)};
  const slice = /^(-?\d+)?:(-?\d+)?$/.exec(text);
  if (slice) return {kind: 'slice', from: optionalNumber(slice[1]), to: optionalNumber(slice[2])};
  const filter = /^\?\((.*)\)$/s.exec(text)?.[1];
  if (filter === undefined) throw invalid(template, `"[${text}]" is not understood`);
  const comparison = /^(.*?)\s*(==|!=|<=|>=|<|>)\s*(.*)$/s.exec(filter);
  if (!comparison) return {kind: 'filter', left: parseOperand(filter, template), operator: undefined, right: undefined};
  return {
    kind: 'filter',
    left: parseOperand(comparison[1] ?? '', template),
    operator: comparison[2],
    right: parseOperand(comparison[3] ?? '', template),
  };
}

function parseOperand(text: string, template: string): Operand {
  const trimmed = text.trim();
  if (/^["']/.test(trimmed)) return {kind: 'value', value: parseString(trimmed, template)};
  if (/^[@$.]/.test(trimmed)) return {kind: 'path', steps: parsePath(trimmed, template)};
  if (trimmed === 'true' || trimmed === 'false') return {kind: 'value', value: trimmed === 'true'};
  if (/^-?\d+(\.\d+)?$/.test(trimmed)) return {kind: 'value', value: Number(trimmed)};
  throw invalid(template, `"${trimmed}" is neither a path, a "string" nor a number`);
}

const escapes: Readonly<Record<string, string>> = {n: '\n', t: '\t', r: '\r'};

function parseString(text: string, template: string): string {
  const quote = text[0] ?? '';
  if (text.length < 2 || !text.endsWith(quote)) throw invalid(template, `${text} is not closed`);
  return text.slice(1, -1).replace(/\\(.)/gs, (_, character: string) => escapes[character] ?? character);
}

function optionalNumber(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Number(text);
}

function invalid(template: string, problem: string): Error {
  return usageError(`-o jsonpath=${template}: ${problem}`, "quote the template: -o jsonpath='{.status.phase}'");
}
