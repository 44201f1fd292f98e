import {formatOf} from '../schema/format-of.ts';
import type {DefinitionSpec} from './definition.ts';
import {everySchema} from './every-schema.ts';

/** Formats in the schemas that mean nothing and are ignored, as often as they stand there. */
export function unknownFormats({versions}: DefinitionSpec): string[] {
  const seen = new Set<unknown>();
  return versions.flatMap(({schema}) => {
    const root = schema?.openAPIV3Schema;
    if (root === undefined) return [];
    const key = JSON.stringify(root);
    if (seen.has(key)) return [];
    seen.add(key);
    return [...everySchema(root)].flatMap((each) => {
      const {format = ''} = each;
      return format !== '' && formatOf({...each, 'x-kubernetes-int-or-string': false}) === '' ? [format] : [];
    });
  });
}
