import {
  API_VERSION,
  type RetryPolicy,
  type Run,
  type RunSource,
  type RunSpec,
  retryableReasons,
} from '@kruntimes/api-types';
import {parseDurationSeconds} from './duration.ts';
import {KrtError, usageError} from './krt-error.ts';

/** The flags of `krt run` that shape the Run. */
export interface RunManifestFlags {
  runtime?: string | undefined;
  name?: string | undefined;
  generateName?: string | undefined;
  /** Where its files come from. */
  source?: RunSource | undefined;
  entrypoint?: string | undefined;
  /** What stood after `--`. */
  args?: readonly string[] | undefined;
  env?: readonly string[] | undefined;
  timeout?: string | undefined;
  priority?: string | undefined;
  request?: readonly string[] | undefined;
  maxAttempts?: string | undefined;
  retryBackoff?: string | undefined;
  retryMaxBackoff?: string | undefined;
  retryOn?: readonly string[] | undefined;
  ttl?: string | undefined;
  artifacts?: string | undefined;
  label?: readonly string[] | undefined;
  annotation?: readonly string[] | undefined;
}

type WithoutUndefined<T> = {[K in keyof T]?: Exclude<T[K], undefined>};

/**
 * The Run that flags alone describe.
 * @throws KrtError `USAGE` when something is missing or contradicts itself
 */
export function runFromFlags(flags: RunManifestFlags, processEnv: NodeJS.ProcessEnv): Run {
  if (!flags.runtime) throw usageError('--runtime is missing', 'krt runtime list shows the Runtimes of the namespace');
  if (flags.source === undefined && !flags.args?.length) {
    throw usageError(
      'nothing to run',
      'give a command after "--", --script TEXT, --script-file FILE, --file FILE, --git URL or -f MANIFEST',
    );
  }
  if (flags.source && flags.source.inline === undefined && !flags.entrypoint && !flags.args?.length)
    throw usageError(
      'nothing says which file of the source to start',
      'give --entrypoint PATH, or a command after "--"',
    );
  return overrideRun({apiVersion: API_VERSION, kind: 'Run', spec: {} as RunSpec}, flags, processEnv);
}

/**
 * A copy of `run` on which flags that were given win over what it says; `--env`, `--label` and `--annotation` add to it.
 * A Run that has no name afterwards gets `generateName`.
 */
export function overrideRun(run: Run, flags: RunManifestFlags, processEnv: NodeJS.ProcessEnv): Run {
  if (flags.name && flags.generateName) throw usageError('--name and --generate-name exclude each other');
  const env = {...run.spec.env, ...parseEnv(flags.env ?? [], processEnv)};
  const requests = {...run.spec.resources?.requests, ...parseRequests(flags.request ?? [])};
  const spec = {
    ...run.spec,
    ...defined<RunSpec>({
      runtime: flags.runtime,
      source: flags.source,
      entrypoint: flags.entrypoint,
      args: flags.args?.length ? [...flags.args] : undefined,
      env: Object.keys(env).length > 0 ? env : undefined,
      timeoutSeconds: flags.timeout === undefined ? undefined : parseDurationSeconds(flags.timeout, '--timeout'),
      priority: parseInteger(flags.priority, '--priority'),
      resources: Object.keys(requests).length > 0 ? {...run.spec.resources, requests} : undefined,
      retryPolicy: retryPolicy(run, flags),
      artifacts: flags.artifacts === undefined ? undefined : {when: parseWhen(flags.artifacts)},
      ttlSecondsAfterFinished: flags.ttl === undefined ? undefined : parseDurationSeconds(flags.ttl, '--ttl'),
    }),
  };
  const {apiVersion, kind, metadata: _metadata, spec: _spec, ...rest} = run;
  return {apiVersion, kind, metadata: metadata(run, flags, spec.runtime), spec, ...rest} as Run;
}

/** `on-success` and the word of the API alike. */
function parseWhen(text: string): 'OnSuccess' | 'Always' {
  const word = text.replaceAll('-', '').toLowerCase();
  if (word === 'onsuccess') return 'OnSuccess';
  if (word === 'always') return 'Always';
  throw usageError(`--artifacts "${text}" is not one of Always, OnSuccess`);
}

function metadata(run: Run, flags: RunManifestFlags, runtime: string | undefined): NonNullable<Run['metadata']> {
  const {name: oldName, generateName: oldGenerateName, ...rest} = run.metadata ?? {};
  const labels = {...rest.labels, ...parsePairs(flags.label ?? [], '--label')};
  const annotations = {...rest.annotations, ...parsePairs(flags.annotation ?? [], '--annotation')};
  const name = flags.name ?? (flags.generateName ? undefined : oldName);
  return {
    ...(name === undefined ? {generateName: flags.generateName ?? oldGenerateName ?? `${runtime ?? 'run'}-`} : {name}),
    ...rest,
    ...(Object.keys(labels).length > 0 ? {labels} : {}),
    ...(Object.keys(annotations).length > 0 ? {annotations} : {}),
  };
}

function retryPolicy(run: Run, flags: RunManifestFlags): RetryPolicy | undefined {
  const given = defined<RetryPolicy>({
    maxAttempts: parseInteger(flags.maxAttempts, '--max-attempts'),
    backoffSeconds:
      flags.retryBackoff === undefined ? undefined : parseDurationSeconds(flags.retryBackoff, '--retry-backoff'),
    maxBackoffSeconds:
      flags.retryMaxBackoff === undefined
        ? undefined
        : parseDurationSeconds(flags.retryMaxBackoff, '--retry-max-backoff'),
    retryableReasons: flags.retryOn?.length
      ? flags.retryOn.flatMap((list) => list.split(',')).map(parseRetryReason)
      : undefined,
  });
  return Object.keys(given).length > 0 ? {...run.spec.retryPolicy, ...given} : undefined;
}

function parseRetryReason(text: string): (typeof retryableReasons)[number] {
  const reason = retryableReasons.find((each) => each === text);
  if (reason === undefined) throw usageError(`--retry-on "${text}" is not one of ${retryableReasons.join(', ')}`);
  return reason;
}

/** `K=V`, or `K` alone for the value it has in krt's own environment, as docker run reads them. */
export function parseEnv(pairs: readonly string[], processEnv: NodeJS.ProcessEnv): Record<string, string> {
  const env: Record<string, string> = {};
  for (const pair of pairs) {
    const at = pair.indexOf('=');
    const key = at < 0 ? pair : pair.slice(0, at);
    if (!key) throw usageError(`--env "${pair}" has no name before "="`, 'write --env NAME=VALUE');
    const value = at < 0 ? processEnv[key] : pair.slice(at + 1);
    if (value === undefined)
      throw usageError(`--env ${key}: there is no such variable here`, `write --env ${key}=VALUE`);
    env[key] = value;
  }
  return env;
}

function parsePairs(pairs: readonly string[], flag: string): Record<string, string> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const at = pair.indexOf('=');
      if (at <= 0) throw usageError(`${flag} "${pair}" is not KEY=VALUE`);
      return [pair.slice(0, at), pair.slice(at + 1)];
    }),
  );
}

function parseRequests(pairs: readonly string[]): Record<string, number> {
  return Object.fromEntries(
    Object.entries(parsePairs(pairs, '--request')).map(([key, value]) => {
      const amount = parseInteger(value, `--request ${key}`);
      return [key, amount ?? 0];
    }),
  );
}

function parseInteger(text: string | undefined, flag: string): number | undefined {
  if (text === undefined) return undefined;
  if (!/^-?\d{1,15}$/.test(text.trim())) throw usageError(`${flag} "${text}" is not an integer`);
  return Number(text);
}

function defined<T extends object>(fields: {[K in keyof T]?: T[K] | undefined}): WithoutUndefined<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as WithoutUndefined<T>;
}

/**
 * The Runs of a manifest: one document, several, or a List.
 * @throws KrtError `INVALID` for anything that is not a Run of our API version
 */
export function runsFromDocuments(documents: readonly unknown[], source: string): Run[] {
  const runs: Run[] = [];
  for (const document of documents) {
    const object = document as {apiVersion?: unknown; kind?: unknown; items?: unknown; spec?: unknown};
    if (typeof document !== 'object' || Array.isArray(document)) {
      throw new KrtError('INVALID', `${source} holds something that is not an object`);
    }
    if (object.kind === 'List' && Array.isArray(object.items)) {
      runs.push(...runsFromDocuments(object.items, source));
      continue;
    }
    if (object.kind !== 'Run' || object.apiVersion !== API_VERSION) {
      const what = [object.apiVersion, object.kind].map((each) => (typeof each === 'string' ? each : '?')).join(' ');
      throw new KrtError('INVALID', `${source} holds ${what}, not ${API_VERSION} Run`, {
        hint: 'krt run takes Runs only; use kubectl apply -f for everything else',
      });
    }
    if (typeof object.spec !== 'object' || object.spec === null)
      throw new KrtError('INVALID', `${source}: a Run has no spec`);
    runs.push(document as Run);
  }
  return runs;
}
