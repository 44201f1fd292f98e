import type {CustomResourceDefinition} from 'kubernetes-types/apiextensions/v1.d.ts';
import {runCrd, runtimeCrd} from '../crds.ts';
import {reasonDescriptions, retryableReasons} from '../reasons.ts';
import type {StructuralSchema} from '../schema/schema-node.ts';

/** Fields whose inside is Kubernetes' own and documented there. */
const foreign: Readonly<Record<string, string>> = {
  'spec.template':
    'a [PodTemplateSpec](https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-template-v1/) with a container called `runtime`',
};

/** `docs/api-reference.md`: what the CRDs say, for people. */
export function apiReference(): string {
  return `${[
    '# API reference',
    'Generated from the schemas in `packages/api-types/src`; `kubectl explain run.spec` says the same. What the words mean stands in [concepts](concepts.md), examples in the [usage guide](usage-guide.md).',
    'All kinds belong to `kruntimes.io/v1alpha1` and are namespaced. v1alpha1 makes no promise of compatibility. The [Runtime server API](../packages/runtime-protocol/README.md) between the daemon of a Runtime Pod and a Runtime is a contract of its own.',
    kind(runCrd),
    kind(runtimeCrd),
    reasons(),
  ].join('\n\n')}\n`;
}

function kind(crd: CustomResourceDefinition): string {
  const {kind: name, plural, shortNames = []} = crd.spec.names;
  const [version] = crd.spec.versions;
  const described: unknown = version?.schema?.openAPIV3Schema;
  const schema = isSchema(described) ? described : {};
  const columns = (version?.additionalPrinterColumns ?? []).map((column) => `\`${column.name}\``).join(', ');
  const selectable = (version?.selectableFields ?? []).map(({jsonPath}) => `\`${jsonPath.slice(1)}\``).join(', ');
  const rules = rulesOf(schema);
  return [
    `## ${name}`,
    schema.description ?? '',
    [
      `- \`kubectl get ${[plural, ...shortNames].join('`, `kubectl get ')}\`: columns ${columns}`,
      ...(selectable === '' ? [] : [`- field selectors: ${selectable}`]),
      ...rules.map((rule) => `- rule: ${rule}`),
    ].join('\n'),
    ...['spec', 'status'].map((part) => table(part, schema.properties?.[part])),
  ].join('\n\n');
}

function table(part: string, schema: StructuralSchema | undefined): string {
  const rows = fields(part, schema ?? {}).map((cells) => `| ${cells.join(' | ')} |`);
  const rules = rulesOf(schema ?? {}).map((rule) => `- rule: ${rule}`);
  return [`### ${part}`, ['| field | type | |', '| --- | --- | --- |', ...rows].join('\n'), ...paragraph(rules)].join(
    '\n\n',
  );
}

function paragraph(lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : [lines.join('\n')];
}

function fields(path: string, schema: StructuralSchema): string[][] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, field]) => {
    const at = `${path}.${name}`;
    const required = schema.required?.includes(name) === true;
    const text = foreign[at];
    const row = [`\`${at}\`${required ? ' (required)' : ''}`, typeOf(field), descriptionOf(field, text)];
    return text === undefined ? [row, ...inside(at, field)] : [row];
  });
}

/** The fields of an object, of the items of a list, of the values of a map. */
function inside(path: string, field: StructuralSchema): string[][] {
  const {items, additionalProperties} = field;
  if (isSchema(items)) return fields(`${path}[]`, items);
  if (isSchema(additionalProperties)) return fields(`${path}.*`, additionalProperties);
  return fields(path, field);
}

function typeOf(field: StructuralSchema): string {
  const {items, additionalProperties} = field;
  if (isSchema(items)) return `list (at most ${field.maxItems}) of ${typeOf(items)}`;
  if (isSchema(additionalProperties)) return `map (at most ${field.maxProperties}) of ${typeOf(additionalProperties)}`;
  if (field['x-kubernetes-int-or-string']) return 'integer or string';
  if (field.enum) return field.enum.map((value) => `\`${value}\``).join(', ');
  if (field.format === 'date-time') return 'time';
  if (field.type === 'integer') return `integer, ${field.minimum} to ${field.maximum}`;
  if (field.type === 'string') return field.maxLength === undefined ? 'string' : `string (at most ${field.maxLength})`;
  return field.type ?? 'any';
}

function descriptionOf(field: StructuralSchema, text: string | undefined): string {
  const value = field.default === undefined ? [] : [`Default \`${JSON.stringify(field.default)}\`.`];
  const items = isSchema(field.items) ? rulesOf(field.items) : [];
  const rules = [...rulesOf(field), ...items].map((rule) => `Rule: ${rule}.`);
  const pattern = field.pattern === undefined ? [] : [`Pattern \`${field.pattern.replaceAll('|', '\\|')}\`.`];
  return [field.description ?? '', text ?? '', ...value, ...pattern, ...rules].filter((part) => part !== '').join(' ');
}

function rulesOf(schema: StructuralSchema): string[] {
  const rules = schema['x-kubernetes-validations'] ?? [];
  return rules.map(({message, rule}) => (message ?? `\`${rule}\``).replaceAll('|', '\\|'));
}

function isSchema(value: unknown): value is StructuralSchema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function reasons(): string {
  const rows = Object.entries(reasonDescriptions).map(
    ([reason, description]) =>
      `| \`${reason}\` | ${description} | ${(retryableReasons as readonly string[]).includes(reason) ? 'yes' : ''} |`,
  );
  return [
    '## Reasons',
    'Everything that may stand in `status.reason` of a Run. "Retried" are those that `spec.retryPolicy.retryableReasons` may name.',
    ['| reason | meaning | retried |', '| --- | --- | --- |', ...rows].join('\n'),
  ].join('\n\n');
}
