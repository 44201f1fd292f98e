import {runKind} from '@kruntimes/api-types';
import {isGone, type Kind, type KubernetesObject} from '@kruntimes/reconciler-kit';
import {type CommandContext, withConnection} from '../command-context.ts';
import type {Connection, ConnectionFlags} from '../connection.ts';
import {type ExitCode, exitCodes} from '../exit-code.ts';
import {explainFailure, notFound} from '../failure.ts';
import {usageError} from '../krt-error.ts';
import {getTable, listTables, type ObjectSelection, watchTables} from '../object-table.ts';
import {formatObject, listOf, type OutputFormat, parseOutputFormat, withoutManagedFields} from '../output-format.ts';
import {type Table, TablePrinter} from '../table.ts';
import {write} from '../terminal.ts';

export interface GetFlags extends ConnectionFlags {
  output?: string | undefined;
  watch?: boolean | undefined;
  allNamespaces?: boolean | undefined;
  selector?: string | undefined;
  fieldSelector?: string | undefined;
  showLabels?: boolean | undefined;
  /** commander's form of `--no-headers`. */
  headers?: boolean | undefined;
}

/** `krt get [NAME...]` */
export async function getRuns(context: CommandContext, flags: GetFlags, names: string[]): Promise<ExitCode> {
  return await getObjects(context, flags, names, runKind, 'Run');
}

/** The same for any kind: what `krt get` and `krt runtime list|get` share. */
export async function getObjects<T extends KubernetesObject>(
  context: CommandContext,
  flags: GetFlags,
  names: string[],
  kind: Kind<T>,
  word: 'Run' | 'Runtime',
): Promise<ExitCode> {
  const format = parseOutputFormat(flags.output, ['table', 'wide', 'json', 'yaml', 'name', 'jsonpath']);
  if (names.length > 0 && flags.allNamespaces) throw usageError('names cannot be combined with --all-namespaces');
  if (names.length > 0 && (flags.selector || flags.fieldSelector))
    throw usageError('names cannot be combined with selectors');
  if (names.length > 1 && flags.watch)
    throw usageError('--watch takes one name at most', 'krt get -w watches all Runs');
  return await withConnection(
    context,
    flags,
    async (connection) => {
      const getter = new ObjectGetter(context, connection, kind, word, flags, format);
      return await getter.run(names);
    },
    {kind: word},
  );
}

class ObjectGetter<T extends KubernetesObject> {
  readonly #context: CommandContext;
  readonly #connection: Connection;
  readonly #kind: Kind<T>;
  readonly #word: 'Run' | 'Runtime';
  readonly #flags: GetFlags;
  readonly #format: OutputFormat;
  readonly #printer: TablePrinter;

  constructor(
    context: CommandContext,
    connection: Connection,
    kind: Kind<T>,
    word: 'Run' | 'Runtime',
    flags: GetFlags,
    format: OutputFormat,
  ) {
    this.#context = context;
    this.#connection = connection;
    this.#kind = kind;
    this.#word = word;
    this.#flags = flags;
    this.#format = format;
    this.#printer = new TablePrinter({
      wide: format.kind === 'wide',
      showNamespace: Boolean(flags.allNamespaces),
      showLabels: Boolean(flags.showLabels),
      noHeaders: flags.headers === false,
    });
  }

  get #isTable(): boolean {
    return this.#format.kind === 'table' || this.#format.kind === 'wide';
  }

  async run(names: string[]): Promise<ExitCode> {
    if (this.#flags.watch) return await this.#watch(names[0]);
    if (names.length > 0) return await this.#getNamed(names);
    if (this.#isTable) await this.#printTables();
    else await this.#printList();
    return exitCodes.ok;
  }

  #selection(name?: string): ObjectSelection {
    return {
      namespace: this.#flags.allNamespaces ? undefined : this.#connection.namespace,
      labelSelector: this.#flags.selector,
      fieldSelector: this.#flags.fieldSelector,
      ...(name === undefined ? {} : {name}),
    };
  }

  /** Prints what exists, then fails for what does not, as kubectl does. */
  async #getNamed(names: string[]): Promise<ExitCode> {
    const {namespace} = this.#connection;
    const errors: unknown[] = [];
    if (this.#isTable) {
      const tables = await settled(
        names.map((name) => getTable(this.#connection, this.#kind, {namespace, name})),
        errors,
      );
      await this.#out(this.#printer.format(joinTables(tables)));
    } else {
      const client = this.#connection.client.kind(this.#kind);
      const objects = (
        await settled(
          names.map((name) => client.get(name, {namespace})),
          errors,
        )
      ).map(withoutManagedFields);
      const [first] = objects;
      if (first) await this.#out(await formatObject(this.#format, names.length === 1 ? first : listOf(objects)));
    }
    if (errors.length === 0) return exitCodes.ok;
    const attempted = {kind: this.#word, namespace};
    const explained = await Promise.all(errors.map((error) => explainFailure(error, this.#connection, attempted)));
    throw explained.length === 1 ? explained[0] : new AggregateError(explained);
  }

  /** @returns the resourceVersion from which a watch goes on */
  async #printTables(name?: string): Promise<string> {
    let resourceVersion = '';
    let rows = 0;
    for await (const table of listTables(this.#connection, this.#kind, this.#selection(name))) {
      await this.#out(this.#printer.format(table));
      rows += table.rows?.length ?? 0;
      resourceVersion = table.metadata?.resourceVersion ?? resourceVersion;
    }
    if (rows === 0) await this.#handleNothingFound(name);
    return resourceVersion;
  }

  async #handleNothingFound(name: string | undefined): Promise<void> {
    if (name !== undefined) throw await notFound(this.#word, name, this.#connection.namespace, this.#connection);
    if (this.#flags.watch) return;
    const where = this.#flags.allNamespaces ? '' : ` in ${this.#connection.namespace} namespace`;
    await write(this.#context.terminal.stderr, `No ${this.#word}s found${where}.\n`);
  }

  async #printList(): Promise<void> {
    const objects: T[] = [];
    const all = this.#connection.client.kind(this.#kind).listAll({...this.#objectSelection(), limit: 500});
    for await (const object of all) objects.push(withoutManagedFields(object));
    await this.#out(await formatObject(this.#format, listOf(objects)));
  }

  async #watch(name: string | undefined): Promise<ExitCode> {
    // Ends with Ctrl-C, which needs no word.
    const {signal} = new AbortController();
    for (;;) {
      const from = this.#isTable ? await this.#printTables(name) : await this.#printObjectsOf(name);
      try {
        if (this.#isTable) await this.#watchTables(name, from, signal);
        else await this.#watchObjects(name, from, signal);
      } catch (error) {
        if (!isGone(error)) throw error;
      }
    }
  }

  async #watchTables(name: string | undefined, from: string, signal: AbortSignal): Promise<void> {
    for await (const {table} of watchTables(this.#connection, this.#kind, this.#selection(name), from, signal)) {
      await this.#out(this.#printer.format(table));
    }
  }

  async #printObjectsOf(name: string | undefined): Promise<string> {
    const list = await this.#connection.client.kind(this.#kind).list(this.#objectSelection(name));
    if (name !== undefined && list.items.length === 0) await this.#handleNothingFound(name);
    for (const object of list.items) await this.#printObject(object);
    return list.metadata.resourceVersion ?? '';
  }

  async #watchObjects(name: string | undefined, from: string, signal: AbortSignal): Promise<void> {
    let resourceVersion = from;
    for (;;) {
      const options = {...this.#objectSelection(name), resourceVersion, allowWatchBookmarks: true, signal};
      for await (const event of this.#connection.client.kind(this.#kind).watch(options)) {
        resourceVersion = event.object.metadata?.resourceVersion ?? resourceVersion;
        if (event.type !== 'BOOKMARK') await this.#printObject(event.object);
      }
    }
  }

  #objectSelection(name?: string): {namespace: string | undefined; labelSelector?: string; fieldSelector?: string} {
    const {namespace, labelSelector, fieldSelector} = this.#selection();
    const fields = [name === undefined ? '' : `metadata.name=${name}`, fieldSelector ?? ''].filter(Boolean).join(',');
    return {namespace, ...(labelSelector ? {labelSelector} : {}), ...(fields ? {fieldSelector: fields} : {})};
  }

  async #printObject(object: T): Promise<void> {
    const text = await formatObject(this.#format, withoutManagedFields(object));
    await this.#out(this.#format.kind === 'yaml' ? `---\n${text}` : text.endsWith('\n') ? text : `${text}\n`);
  }

  async #out(text: string): Promise<void> {
    await write(this.#context.terminal.stdout, text);
  }
}

/** The values that came; the errors of the others are appended to `errors`. */
async function settled<V>(promises: Promise<V>[], errors: unknown[]): Promise<V[]> {
  const results = await Promise.allSettled(promises);
  errors.push(...results.flatMap((result) => (result.status === 'rejected' ? [result.reason as unknown] : [])));
  return results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
}

function joinTables(tables: Table[]): Table {
  return {
    kind: 'Table',
    columnDefinitions: tables[0]?.columnDefinitions ?? [],
    rows: tables.flatMap((table) => table.rows ?? []),
  };
}
