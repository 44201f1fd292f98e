import {type Call, children, type Expr} from './ast.ts';
import {CelError} from './cel-error.ts';
import type {CheckIssue} from './checker.ts';
import {regularExpression} from './standard-library.ts';
import {parseDuration, parseTimestamp} from './time.ts';

/** Literals that no evaluation could make anything of: patterns, durations and times are looked at before, as in Kubernetes. */
export function literalIssues(root: Expr): CheckIssue[] {
  const issues: CheckIssue[] = [];
  visit(root, issues);
  return issues;
}

function visit(expression: Expr, issues: CheckIssue[]): void {
  if (expression.kind === 'call') checkCall(expression, issues);
  for (const part of children(expression)) visit(part, issues);
}

function checkCall({name, target, args}: Call, issues: CheckIssue[]): void {
  const isMember = target !== undefined;
  const literal = isMember || name !== 'matches' ? args[0] : args[1];
  if (literal?.kind !== 'literal' || typeof literal.value !== 'string') return;
  const text = literal.value;
  const {at} = literal;
  if (name === 'duration' && !isMember && fails(() => parseDuration(text))) {
    issues.push({message: 'invalid duration argument', at});
  } else if (name === 'timestamp' && !isMember && fails(() => parseTimestamp(text))) {
    issues.push({message: 'invalid timestamp argument', at});
  } else if (name === 'matches' && isMember && fails(() => regularExpression(text))) {
    issues.push({message: 'invalid matches argument', at});
  }
}

/** Why a pattern in an expression can't be compiled; undefined: all can. */
export function patternProblem(expression: Expr): string | undefined {
  if (expression.kind === 'call') {
    const {name, target, args} = expression;
    const isSearch = target !== undefined && (name === 'find' || name === 'findAll');
    const pattern = isSearch ? args[0] : name === 'matches' && target === undefined ? args[1] : undefined;
    if (pattern?.kind === 'literal' && typeof pattern.value === 'string') {
      const {value} = pattern;
      const problem = errorOf(() => regularExpression(value));
      if (problem !== undefined) return problem;
    }
  }
  for (const part of children(expression)) {
    const problem = patternProblem(part);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function errorOf(attempt: () => unknown): string | undefined {
  try {
    attempt();
    return undefined;
  } catch (error) {
    if (error instanceof CelError) return error.message;
    throw error;
  }
}

function fails(attempt: () => unknown): boolean {
  return errorOf(attempt) !== undefined;
}
