import type {Expr} from './ast.ts';

/** The dotted name that a chain of selections spells, `a.b.c`; undefined for any other expression. */
export function qualifiedName(expression: Expr): string | undefined {
  if (expression.kind === 'ident') return expression.name;
  if (expression.kind !== 'select' || expression.testOnly) return undefined;
  const operand = qualifiedName(expression.operand);
  return operand === undefined ? undefined : `${operand}.${expression.field}`;
}

/** Name of the variable at the root of a chain of selections. */
export function rootName(expression: Expr): string | undefined {
  if (expression.kind === 'ident') return expression.name;
  return expression.kind === 'select' ? rootName(expression.operand) : undefined;
}

/** What a name may mean in a container, the nearest first. A leading dot leaves only the name itself. */
export function candidateNames(container: string, name: string): string[] {
  if (name.startsWith('.')) return [name.slice(1)];
  const candidates: string[] = [];
  for (let prefix = container; prefix !== ''; prefix = prefix.slice(0, Math.max(0, prefix.lastIndexOf('.')))) {
    candidates.push(`${prefix}.${name}`);
  }
  return [...candidates, name];
}
