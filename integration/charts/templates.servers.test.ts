import {mkdtemp, readFile, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {afterAll, beforeAll, describe, expect, jest, test} from '@jest/globals';
import type {KubernetesObject} from '@kruntimes/reconciler-kit';
import {parseAllDocuments, parse as parseYaml, stringify} from 'yaml';
import {chartFolder, Helm} from '../support/helm.ts';

// Helm is built at first, and started some two hundred times.
jest.setTimeout(960_000);

const charts = ['kruntimes-crds', 'kruntimes', 'kruntimes-runtimes'] as const;
type Chart = (typeof charts)[number];

interface Rendered extends KubernetesObject {
  kind: string;
  spec?: Record<string, unknown>;
  rules?: unknown[];
}

let directory: string;
let helm: Helm;
let files = 0;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'charts-'));
  helm = await Helm.open(directory);
}, 960_000);
afterAll(() => rm(directory, {recursive: true, force: true}));

async function valuesFile(values: object): Promise<string> {
  const path = join(directory, `values-${files++}.yaml`);
  await writeFile(path, stringify(values));
  return path;
}

async function renderText(chart: Chart, values: object = {}, release = 'kruntimes'): Promise<string> {
  const file = await valuesFile(values);
  return helm.run(['template', release, chartFolder(chart), '--namespace', `${release}-system`, '--values', file]);
}

async function render(chart: Chart, values: object = {}, release = 'kruntimes'): Promise<Rendered[]> {
  const text = await renderText(chart, values, release);
  return parseAllDocuments(text)
    .map((document) => document.toJS() as Rendered | null)
    .filter((object) => object !== null);
}

const keyOf = ({kind, metadata}: Rendered): string => `${kind} ${metadata?.namespace ?? ''}/${metadata?.name ?? ''}`;
const keysOf = (objects: readonly Rendered[]): string[] => objects.map(keyOf).toSorted();
/** Kinds whose contents stand in files of their own. */
const abridgedKinds = ['ValidatingAdmissionPolicy', 'CustomResourceDefinition', 'PrometheusRule', 'ConfigMap'];

/** All features on. */
const everything = {
  watchNamespace: 'team-a',
  commonLabels: {team: 'a'},
  image: {registry: 'registry.example/kruntimes', tag: 'v1'},
  imagePullSecrets: [{name: 'regcred'}],
  controller: {
    replicas: 3,
    image: {digest: `sha256:${'0'.repeat(64)}`},
    env: [{name: 'A', value: 'b'}],
    nodeSelector: {disk: 'ssd'},
    tolerations: [{key: 'dedicated', operator: 'Exists'}],
    affinity: {nodeAffinity: {}},
    priorityClassName: 'high',
    podLabels: {l: 'x'},
    podAnnotations: {a: 'x'},
    serviceAccount: {annotations: {role: 'x'}},
    podDisruptionBudget: {maxUnavailable: '50%'},
    ports: {metrics: 9090, health: 9091},
  },
  networkPolicies: {metricsFrom: [{namespaceSelector: {matchLabels: {name: 'monitoring'}}}], runtimes: false},
  metrics: {
    service: {annotations: {scrape: 'often'}},
    serviceMonitor: {enabled: true, interval: '30s', labels: {prometheus: 'x'}},
    prometheusRule: {enabled: true, labels: {prometheus: 'x'}},
    podMonitor: {enabled: true, interval: '30s', labels: {prometheus: 'x'}},
    dashboard: {enabled: true},
  },
  runtimed: {env: {OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318'}},
};

const runtimes = {
  image: {registry: 'registry.example/kruntimes'},
  imagePullSecrets: [{name: 'regcred'}],
  namespace: 'team-a',
  runtimes: {
    tools: {
      namespace: 'team-b',
      image: {repository: 'tools', tag: 'v2'},
      pod: {nodeSelector: {disk: 'ssd'}, serviceAccountName: 'tools'},
      container: {env: [{name: 'A', value: 'b'}]},
      spec: {artifactStore: {filesystem: {claimName: 'artifacts'}}},
    },
  },
};

function abridged(objects: readonly Rendered[]): string {
  const documents = objects.map((object) =>
    abridgedKinds.includes(object.kind) ? {...object, spec: '(see its file)', data: undefined} : object,
  );
  return documents.map((object) => `---\n${stringify(object, {lineWidth: 0})}`).join('');
}

describe.each(charts)('the chart %s', (chart) => {
  test('has nothing that helm lint finds', async () => {
    expect(await helm.try(['lint', '--strict', chartFolder(chart)])).toMatchObject({code: 0});
  });

  test('takes no value that its schema does not name, at any depth', async () => {
    const schema = await schemaOf(chart);
    const closed = closedObjects(schema).map((path) => [...path, 'unknownValue']);
    const file = await valuesFile(nested(closed.map((path) => [path, 1])));
    const {code, stderr} = await helm.try(['template', 'x', chartFolder(chart), '--values', file]);
    expect(code).not.toBe(0);
    const refused = stderr.match(/additional properties 'unknownValue' not allowed/g) ?? [];
    expect([stderr, refused.length]).toEqual([stderr, closed.length]);
  });

  test('takes no value of another type', async () => {
    const schema = await schemaOf(chart);
    const leaves = leavesOf(schema).map(({path, type}) => [path, type === 'string' ? 5 : true] as const);
    const wrong = leavesOf(schema).filter(({type}) => type === 'boolean');
    const values = nested([...leaves, ...wrong.map(({path}) => [path, 'text'] as const)]);
    const {code, stderr} = await helm.try(['template', 'x', chartFolder(chart), '--values', await valuesFile(values)]);
    expect(code).not.toBe(0);
    for (const [path] of leaves) expect(stderr).toContain(`at '/${path.join('/')}': got`);
  });

  test('has a schema for each of its values, and uses each', async () => {
    const defaults = parseYaml(await readFile(join(chartFolder(chart), 'values.yaml'), 'utf8')) as object;
    const schema = await schemaOf(chart);
    const on = {enabled: true};
    const monitoring = {metrics: {serviceMonitor: on, prometheusRule: on, podMonitor: on, dashboard: on}};
    const switchedOn = chart === 'kruntimes' ? monitoring : {};
    const base = await renderText(chart, switchedOn);
    const unused: string[] = [];
    const leaves = leavesOf(schema);
    expect(leaves.map(({path}) => path.join('.')).toSorted()).toEqual(pathsOf(defaults, leaves).toSorted());
    for (const leaf of leaves) {
      const values = merged(
        switchedOn,
        nested([[leaf.path, another(leaf, at(merged(defaults, switchedOn), leaf.path))]]),
      );
      if ((await renderText(chart, values)) === base) unused.push(leaf.path.join('.'));
    }
    expect(unused).toEqual([]);
  });
});

describe('what is rendered', () => {
  test.each([
    ['cluster', 'kruntimes', {}],
    ['namespace', 'kruntimes', everything],
    ['runtimes', 'kruntimes-runtimes', runtimes],
    ['crds', 'kruntimes-crds', {}],
  ] as const)('is as in golden/%s.yaml', async (name, chart, values) => {
    const golden = fileURLToPath(new URL(`golden/${name}.yaml`, import.meta.url));
    const text = abridged(await render(chart, values));
    if (process.env['UPDATE_GOLDEN'] === '1') await writeFile(golden, text);
    expect(text).toBe(await readFile(golden, 'utf8'));
  });

  test('has no object of the cluster in common with another release, nor of another namespace than its own', async () => {
    const one = await render('kruntimes', {watchNamespace: 'team'}, 'kruntimes');
    const two = await render('kruntimes', {watchNamespace: 'other'}, 'second');
    const same = await render('kruntimes', {watchNamespace: 'third', fullnameOverride: 'kruntimes'}, 'third');
    const all = [one, two, same].flatMap(keysOf);
    expect(all.filter((key, index) => all.indexOf(key) !== index)).toEqual([]);
  });

  test('gives two releases of one scope the same Leases, which Helm gives to one of them', async () => {
    const leases = async (values: object, release: string): Promise<string[]> =>
      keysOf(await render('kruntimes', values, release)).filter((key) => key.startsWith('Lease '));
    const all = ['Lease kube-system/kruntimes-controller.cluster', 'Lease kube-system/kruntimes-scheduler.cluster'];
    expect(await leases({}, 'kruntimes')).toEqual(all);
    expect(await leases({}, 'second')).toEqual(all);
    expect(await leases({watchNamespace: 'team'}, 'third')).toEqual(
      all.map((key) => key.replace('cluster', 'namespace.team')),
    );
  });

  test('has ClusterRoles for all namespaces only, and the same rules as Roles for one', async () => {
    const rulesOf = (objects: Rendered[], kind: string): unknown[] =>
      objects
        .filter(
          (object) => object.kind === kind && /^kruntimes-(controller|scheduler)\./.test(object.metadata?.name ?? ''),
        )
        .map(({rules}) => rules);
    const cluster = await render('kruntimes');
    const one = await render('kruntimes', {watchNamespace: 'team'});
    expect(one.filter(({kind}) => kind.startsWith('ClusterRole'))).toEqual([]);
    expect(rulesOf(cluster, 'ClusterRole')).toHaveLength(2);
    expect(rulesOf(one, 'Role')).toEqual(rulesOf(cluster, 'ClusterRole'));
  });

  test('has the policies as they stand in their files, bound to the scope', async () => {
    const objects = await render('kruntimes', {watchNamespace: 'team'});
    const policies = objects.filter(({kind}) => kind === 'ValidatingAdmissionPolicy');
    for (const {metadata, spec} of policies) {
      const file = `${metadata?.name?.replace(/^kruntimes-(.*)\.kruntimes-system$/, '$1')}.yaml`;
      const text = await readFile(join(chartFolder('kruntimes'), 'files', 'admission', file), 'utf8');
      const [source] = parseAllDocuments(text).map((document) => document.toJS() as Rendered);
      expect({file, spec}).toEqual({file, spec: source?.spec});
    }
    const bindings = objects.filter(({kind}) => kind === 'ValidatingAdmissionPolicyBinding');
    expect([policies.length, bindings.length]).toEqual([6, 6]);
    for (const {spec, metadata} of bindings)
      expect(spec).toEqual({
        policyName: metadata?.name,
        validationActions: ['Deny'],
        matchResources: {namespaceSelector: {matchLabels: {'kubernetes.io/metadata.name': 'team'}}},
      });
  });

  test('has alerts that choose the metrics of the release', async () => {
    const metrics = {prometheusRule: {enabled: true}};
    const rules = (await render('kruntimes', {metrics})).filter(({kind}) => kind === 'PrometheusRule');
    const exprs = JSON.stringify(rules).match(/"expr":"(?:[^"\\]|\\.)*"/g) ?? [];
    const own = exprs.filter((expr) => expr.includes('namespace=\\"kruntimes-system\\",service=\\"kruntimes-'));
    expect(own.length).toBeGreaterThan(4);
    expect(exprs.filter((expr) => /CONTROLLER|SCHEDULER/.test(expr))).toEqual([]);
  });

  test.each([
    ['admissionPolicies.enabled', {admissionPolicies: {enabled: false}}, /^ValidatingAdmissionPolicy/, 12],
    [
      'admissionPolicies.requireUse',
      {admissionPolicies: {requireUse: false}},
      /^ValidatingAdmissionPolicy.*run-create/,
      2,
    ],
    ['networkPolicies.enabled', {networkPolicies: {enabled: false}}, /^NetworkPolicy /, 2],
    ['metrics.service.enabled', {metrics: {service: {enabled: false}}}, /^Service /, 2],
    ['uninstall.drain', {uninstall: {drain: false}}, /-uninstall/, 8],
    [
      'podDisruptionBudget',
      {controller: {podDisruptionBudget: {enabled: false}}},
      /^PodDisruptionBudget .*controller/,
      1,
    ],
  ])('leaves out without %s what belongs to it, and nothing else', async (_, values, pattern, count) => {
    const before = keysOf(await render('kruntimes'));
    const after = keysOf(await render('kruntimes', values));
    const gone = before.filter((key) => !after.includes(key));
    expect(after.filter((key) => !before.includes(key))).toEqual([]);
    expect(gone.filter((key) => !pattern.test(key))).toEqual([]);
    expect(gone).toHaveLength(count);
  });
});

interface Schema {
  type?: string | string[];
  properties?: Record<string, Schema>;
  additionalProperties?: boolean | Schema;
  enum?: string[];
  pattern?: string;
}

interface Leaf {
  path: string[];
  type: string;
  schema: Schema;
}

async function schemaOf(chart: Chart): Promise<Schema> {
  const schema = JSON.parse(await readFile(join(chartFolder(chart), 'values.schema.json'), 'utf8')) as Schema;
  delete schema.properties?.['global'];
  return schema;
}

/** A map of objects counts as its entry `bash`. */
function childrenOf({properties, additionalProperties}: Schema): [string, Schema][] | undefined {
  if (properties !== undefined) return Object.entries(properties);
  if (typeof additionalProperties === 'object' && additionalProperties.properties !== undefined)
    return [['bash', additionalProperties]];
  return undefined;
}

function leavesOf(schema: Schema, path: string[] = []): Leaf[] {
  const children = childrenOf(schema);
  if (children !== undefined) return children.flatMap(([name, child]) => leavesOf(child, [...path, name]));
  return [{path, type: String([schema.type].flat()[0]), schema}];
}

function closedObjects(schema: Schema, path: string[] = []): string[][] {
  const inside = (childrenOf(schema) ?? []).flatMap(([name, child]) => closedObjects(child, [...path, name]));
  return schema.additionalProperties === false ? [path, ...inside] : inside;
}

/** The values of values.yaml that the schema takes as a whole, and those it does not know. */
function pathsOf(value: object, leaves: readonly Leaf[], path: string[] = []): string[] {
  return Object.entries(value).flatMap(([name, child]: [string, unknown]) => {
    const own = [...path, name];
    const isLeaf = leaves.some((leaf) => leaf.path.join('.') === own.join('.'));
    return !isLeaf && typeof child === 'object' && child !== null ? pathsOf(child, leaves, own) : [own.join('.')];
  });
}

function at(value: object, path: readonly string[]): unknown {
  return path.reduce<unknown>((inner, name) => (inner as Record<string, unknown>)[name], value);
}

function nested(entries: Iterable<readonly [readonly string[], unknown]>): object {
  return [...entries].reduce(
    (whole, [path, value]) =>
      merged(whole, path.reduceRight<unknown>((inner, name) => ({[name]: inner}), value) as object),
    {},
  );
}

function merged(a: object, b: object): object {
  const isMap = (value: unknown): value is object =>
    typeof value === 'object' && value !== null && !Array.isArray(value);
  const entries = Object.entries(b).map(([key, value]: [string, unknown]) => {
    const before = (a as Record<string, unknown>)[key];
    return [key, isMap(before) && isMap(value) ? merged(before, value) : value] as const;
  });
  return {...a, ...Object.fromEntries(entries)};
}

/** A valid value other than the default. */
function another({type, schema}: Leaf, value: unknown): unknown {
  if (type === 'boolean') return value !== true;
  if (type === 'integer') return Number(value) + 1;
  if (type === 'array') return [{name: 'changed'}];
  if (type === 'object') return {changed: 'value'};
  if (schema.enum !== undefined) return schema.enum.find((choice) => choice !== value);
  return schema.pattern?.includes('sha256') ? `sha256:${'1'.repeat(64)}` : 'changed';
}
