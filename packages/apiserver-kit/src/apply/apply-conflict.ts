import {goQuote} from '../errors/go-text.ts';
import {StatusError} from '../errors/status-error.ts';
import {byBytes} from '../json/sorted-keys.ts';
import {describePath} from './field-set.ts';
import type {Manager} from './managed-fields.ts';
import type {PathElement} from './path-element.ts';

/** A field that is applied with another value than its manager gave it. */
export interface Conflict {
  id: string;
  manager: Manager;
  path: PathElement[];
}

/** Somebody else owns what is applied. */
export class ConflictsError extends Error {
  readonly conflicts: readonly Conflict[];

  constructor(conflicts: readonly Conflict[]) {
    super('apply conflicts');
    this.conflicts = conflicts;
  }

  /** 409, with a cause for each field. */
  toStatusError(): StatusError {
    const conflicts = this.conflicts.toSorted((left, right) => byBytes(left.id, right.id));
    const causes = conflicts.map(({manager, path}) => ({
      reason: 'FieldManagerConflict',
      message: `conflict with ${describeManager(manager)}`,
      field: describePath(path),
    }));
    return new StatusError(409, 'Conflict', messageOf(conflicts), {causes});
  }
}

function messageOf(conflicts: readonly Conflict[]): string {
  const [first] = conflicts;
  if (conflicts.length === 1 && first) {
    return `Apply failed with 1 conflict: conflict with ${describeManager(first.manager)}: ${describePath(first.path)}`;
  }
  const lines: string[] = [];
  let before: string | undefined;
  for (const {id, manager, path} of conflicts) {
    if (id !== before) lines.push(`conflicts with ${describeManager(manager)}:`);
    before = id;
    lines.push(`- ${describePath(path)}`);
  }
  return `Apply failed with ${conflicts.length} conflicts: ${lines.join('\n')}`;
}

function describeManager({name, subresource, operation, apiVersion}: Manager): string {
  const who = subresource === '' ? goQuote(name) : `${goQuote(name)} with subresource ${goQuote(subresource)}`;
  return operation === 'Update' ? `${who} using ${apiVersion}` : who;
}
