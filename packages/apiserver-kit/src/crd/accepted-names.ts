import {goQuote} from '../errors/go-text.ts';
import {jsonEqual} from '../json/json-equal.ts';
import type {DefinitionCondition, DefinitionNames} from './definition.ts';

/** Names that definitions of a group have. */
export interface TakenNames {
  resources: ReadonlySet<string>;
  kinds: ReadonlySet<string>;
}

/** All names in one set each: a plural may not be what elsewhere is a short name. */
export function takenNames(accepted: readonly (DefinitionNames | undefined)[]): TakenNames {
  const resources = new Set<string>();
  const kinds = new Set<string>();
  for (const names of accepted) {
    if (!names) continue;
    for (const name of [names.plural, names.singular ?? '', ...(names.shortNames ?? [])]) resources.add(name);
    for (const kind of [names.kind, names.listKind ?? '']) kinds.add(kind);
  }
  // What has no name takes none.
  resources.delete('');
  kinds.delete('');
  return {resources, kinds};
}

/** Gives a definition those of its names that are free, or its own already. */
export function acceptNames(
  wanted: DefinitionNames,
  accepted: DefinitionNames | undefined,
  taken: TakenNames,
): {names: DefinitionNames; condition: DefinitionCondition} {
  const names: DefinitionNames = {...(accepted ?? {plural: '', kind: ''})};
  let conflict: {reason: string; message: string} | undefined;
  const accept = (field: 'plural' | 'singular' | 'kind' | 'listKind', used: ReadonlySet<string>, reason: string) => {
    const name = wanted[field] ?? '';
    if (name !== (accepted?.[field] ?? '') && used.has(name)) conflict = {reason, message: inUse(name)};
    else if (name !== '') names[field] = name;
  };
  accept('plural', taken.resources, 'PluralConflict');
  accept('singular', taken.resources, 'SingularConflict');
  const own = new Set(accepted?.shortNames);
  const strange = (wanted.shortNames ?? []).filter((name) => !own.has(name) && taken.resources.has(name));
  if (strange.length > 0 && !jsonEqual(wanted.shortNames, accepted?.shortNames)) {
    const texts = [...new Set(strange.map(inUse))];
    conflict = {reason: 'ShortNamesConflict', message: texts.length === 1 ? texts[0]! : `[${texts.join(', ')}]`};
  } else if (wanted.shortNames) names.shortNames = wanted.shortNames;
  else delete names.shortNames;
  accept('kind', taken.kinds, 'KindConflict');
  accept('listKind', taken.kinds, 'ListKindConflict');
  if (wanted.categories) names.categories = wanted.categories;
  else delete names.categories;
  const condition: DefinitionCondition = conflict
    ? {type: 'NamesAccepted', status: 'False', ...conflict}
    : {type: 'NamesAccepted', status: 'True', reason: 'NoConflicts', message: 'no conflicts found'};
  return {names, condition};
}

function inUse(name: string): string {
  return `${goQuote(name)} is already in use`;
}
