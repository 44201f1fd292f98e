import {parseAllDocuments, stringify, type Tags} from 'yaml';
import {KrtError} from './krt-error.ts';

/** `yes`, `on` and `0755` mean what they mean to kubectl (YAML 1.1), but times stay strings, as its reader leaves them. */
const tags = (all: Tags): Tags =>
  all.filter((tag) => typeof tag === 'string' || (tag.tag !== 'tag:yaml.org,2002:timestamp' && tag.format !== 'TIME'));

/**
 * All documents of a YAML or JSON text; empty documents are left out.
 * @param source the name to show in errors
 * @throws KrtError `INVALID` with line and column
 */
export function parseYamlDocuments(text: string, source: string): unknown[] {
  if (text.trimStart().startsWith('{')) {
    try {
      return [JSON.parse(text)];
    } catch {
      // A YAML flow mapping, or several documents: the YAML parser says it better.
    }
  }
  const documents = parseAllDocuments(text, {schema: 'yaml-1.1', customTags: tags, prettyErrors: true});
  const values: unknown[] = [];
  for (const document of Array.isArray(documents) ? documents : []) {
    const error = document.errors[0];
    if (error) {
      const [first = ''] = error.message.split('\n');
      throw new KrtError('INVALID', `${source} is not valid YAML: ${first.replace(/:$/, '')}`, {cause: error});
    }
    const value: unknown = document.toJS({maxAliasCount: 100});
    if (value !== null && value !== undefined) values.push(value);
  }
  return values;
}

/** As kubectl prints it: lists not indented, nothing folded, and strings quoted that YAML 1.1 would take for something else. */
export function formatYaml(value: unknown): string {
  return stringify(value, {version: '1.1', lineWidth: 0, indentSeq: false, aliasDuplicateObjects: false});
}
