import {formatJsonPath, type JsonPath, parseJsonPath} from './jsonpath.ts';
import {usageError} from './krt-error.ts';

/** What `-o` asks for. `table` is the human form of a command and its default. */
export type OutputFormat =
  | {kind: 'table'}
  | {kind: 'wide'}
  | {kind: 'json'}
  | {kind: 'yaml'}
  | {kind: 'name'}
  | {kind: 'jsonpath'; path: JsonPath};

export type OutputFormatName = OutputFormat['kind'];

/** @throws KrtError `USAGE` when `text` is none of `allowed` */
export function parseOutputFormat(text: string | undefined, allowed: readonly OutputFormatName[]): OutputFormat {
  const [name, template] = splitOnce(text ?? 'table', '=');
  const kind = allowed.find((candidate) => candidate === name);
  if (kind === undefined) {
    throw usageError(
      `-o ${name} is not one of ${allowed.map((each) => (each === 'jsonpath' ? 'jsonpath=…' : each)).join(', ')}`,
    );
  }
  if (kind !== 'jsonpath') return {kind};
  if (!template) throw usageError('-o jsonpath needs a template', "for example -o jsonpath='{.status.phase}'");
  return {kind, path: parseJsonPath(template)};
}

function splitOnce(text: string, separator: string): [string, string?] {
  const at = text.indexOf(separator);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}

interface Named {
  apiVersion?: string;
  kind?: string;
  metadata?: {name?: string; managedFields?: unknown};
}

/** Formats one object (or List) for every format but `table` and `wide`; ends with a newline except for jsonpath. */
export async function formatObject(format: OutputFormat, object: object): Promise<string> {
  switch (format.kind) {
    case 'json':
      return `${JSON.stringify(object, undefined, 4)}\n`;
    case 'yaml': {
      const {formatYaml} = await import('./yaml-document.ts');
      return formatYaml(object);
    }
    case 'jsonpath':
      return formatJsonPath(format.path, object);
    case 'name': {
      const items = (object as {items?: Named[]}).items ?? [object];
      return items.map((item) => `${qualifiedName(item)}\n`).join('');
    }
    case 'table':
    case 'wide':
      break;
  }
  throw new TypeError(`${format.kind} is not a format of objects`);
}

/** `run.kruntimes.io/hello`, which kubectl takes back as an argument. */
export function qualifiedName(object: Named): string {
  const group = object.apiVersion?.includes('/') ? `.${object.apiVersion.split('/')[0]}` : '';
  return `${(object.kind ?? 'object').toLowerCase()}${group}/${object.metadata?.name ?? ''}`;
}

/** kubectl hides managedFields too: nobody reads them. */
export function withoutManagedFields<T extends Named>(object: T): T {
  if (!object.metadata?.managedFields) return object;
  const {managedFields: _, ...metadata} = object.metadata;
  return {...object, metadata};
}

/** The List that `kubectl get -o json` prints for several objects. */
export function listOf(items: readonly object[]): object {
  return {apiVersion: 'v1', items, kind: 'List', metadata: {resourceVersion: ''}};
}
