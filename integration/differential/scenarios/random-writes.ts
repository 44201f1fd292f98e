import {
  apply,
  get,
  type Json,
  patch,
  post,
  put,
  quiet,
  type RequestStep,
  type Scenario,
  untilCondition,
  untilStatus,
} from '../scenario.ts';

type Members = {[key: string]: Json};
type Make = () => Json;

/** Tells items apart by the values of members. */
function by(keys: Members): (item: Json) => string {
  return (item) => JSON.stringify(Object.keys(keys).map((key) => (item as Members)[key] ?? keys[key]));
}

/** The same numbers in every run. */
class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  /** From 0 up to, not including, 1. */
  roll(): number {
    this.#state = (Math.imul(this.#state, 1_103_515_245) + 12_345) & 0x7fff_ffff;
    return ((this.#state >>> 8) & 0xffff) / 0x1_0000;
  }

  chance(probability: number): boolean {
    return this.roll() < probability;
  }

  one<T>(values: readonly T[]): T {
    return values[Math.floor(this.roll() * values.length)]!;
  }

  /** Each of the members with a probability. */
  some(members: Readonly<Record<string, Make>>, probability = 0.35): Members {
    return Object.fromEntries(
      Object.entries(members)
        .filter(() => this.chance(probability))
        .map(([key, make]) => [key, make()]),
    );
  }

  /** Up to `most` items, told apart by a key. */
  list(most: number, make: Make, key: (item: Json) => string = JSON.stringify): Json[] {
    const items = Array.from({length: Math.floor(this.roll() * (most + 1))}, make);
    return [...new Map(items.map((item) => [key(item), item])).values()];
  }

  word = (): string => this.one(['a', 'b', 'c']);
  words = (): Json => this.some({a: this.word, b: this.word, c: this.word}, 0.5);
  set = (): Json => this.list(3, this.word);

  /** Now and then nothing instead. */
  orNull(make: Make): Make {
    return () => (this.chance(0.06) ? null : make());
  }

  metadata(name: string): Members {
    const reference = (): Json => ({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      name: this.word(),
      uid: this.one(['u1', 'u2']),
      ...this.some({blockOwnerDeletion: () => this.chance(0.5)}),
    });
    return {
      name,
      ...this.some(
        {
          labels: this.orNull(this.words),
          annotations: this.orNull(this.words),
          finalizers: () => this.list(2, () => `example.com/${this.word()}`),
          ownerReferences: () => this.list(2, reference, by({uid: null})),
        },
        0.2,
      ),
    };
  }
}

interface Kind {
  apiVersion: string;
  kind: string;
  path: string;
  /** Everything but metadata. */
  body(dice: Dice): Members;
  status?(dice: Dice): Members;
  /** A PUT needs no resourceVersion. */
  unconditional: boolean;
  /** Its number of replicas is also written by `scale`. */
  scales?: boolean;
}

/** Writes of four managers to one object. */
function writes(kind: Kind, seed: number, count: number): RequestStep[] {
  const dice = new Dice(seed);
  const object = (body: Members, metadata = dice.metadata('one')): Members => ({
    apiVersion: kind.apiVersion,
    kind: kind.kind,
    metadata,
    ...body,
  });
  const one = `${kind.path}/one`;
  // One manager: of more than ten who update, those are joined who came in an earlier second.
  const scale = (): RequestStep => {
    const path = `${one}/scale?fieldManager=scaler`;
    const spec = {replicas: dice.one([1, 2, 3])};
    const applied = {apiVersion: 'autoscaling/v1', kind: 'Scale', metadata: {name: 'one'}, spec};
    switch (dice.one(['merge', 'apply', 'force', 'put'])) {
      case 'apply':
        return apply(path, applied);
      case 'force':
        return apply(`${path}&force=true`, applied);
      case 'put':
        return put(path, applied);
      default:
        return patch('merge', path, {spec});
    }
  };
  const step = (): RequestStep => {
    const manager = dice.one(['m1', 'm2', 'm3', 'kubectl']);
    if (kind.scales === true && dice.chance(0.25)) return scale();
    const ofStatus = kind.status !== undefined && dice.chance(0.2);
    const path = `${ofStatus ? `${one}/status` : one}?fieldManager=${manager}`;
    if (ofStatus) {
      // Of the status only: whether a change that it cannot make is a write depends on the second in Kubernetes.
      const status = kind.status!(dice);
      const applied = object(status, {name: 'one'});
      return dice.one([apply(path, applied), apply(`${path}&force=true`, applied), patch('merge', path, status)]);
    }
    const body = kind.body(dice);
    switch (dice.one(['apply', 'apply', 'apply', 'force', 'merge', 'put', 'json'])) {
      case 'apply':
        return apply(path, object(body));
      case 'force':
        return apply(`${path}&force=true`, object(body));
      case 'put':
        return kind.unconditional ? put(path, object(body)) : patch('merge', path, body);
      case 'json': {
        const label = {op: 'add', path: '/metadata/labels', value: dice.words()};
        const reset = {op: 'replace', path: '/metadata/managedFields', value: [{}]};
        return patch('json', path, [dice.chance(0.15) ? reset : label]);
      }
      default:
        return patch('merge', path, {...body, metadata: dice.some({labels: dice.orNull(dice.words)})});
    }
  };
  const first = object(kind.body(dice));
  return [post(`${kind.path}?fieldManager=m1`, first), ...Array.from({length: count}, step), get(one)];
}

const text: Json = {type: 'string'};
const texts: Json = {type: 'object', additionalProperties: text};
const pair: Members = {type: 'object', properties: {a: text, b: text}};
const set: Json = {type: 'array', items: text, 'x-kubernetes-list-type': 'set'};

function listBy(keys: string[], properties: Members): Json {
  return {
    type: 'array',
    'x-kubernetes-list-type': 'map',
    'x-kubernetes-list-map-keys': keys,
    items: {type: 'object', required: keys.slice(0, 1), properties},
  };
}

/** Every way of owning. */
const schema: Json = {
  type: 'object',
  properties: {
    spec: {
      type: 'object',
      properties: {
        text,
        default: {type: 'string', default: 'd'},
        either: {'x-kubernetes-int-or-string': true},
        nullable: {type: 'string', nullable: true},
        map: texts,
        atomicMap: {...(texts as Members), 'x-kubernetes-map-type': 'atomic'},
        pair: {...pair, properties: {...(pair['properties'] as Members), inner: pair}},
        atomicPair: {...pair, 'x-kubernetes-map-type': 'atomic'},
        pairs: {type: 'object', additionalProperties: pair},
        list: {type: 'array', items: text},
        set,
        byName: listBy(['name'], {name: text, value: text, inner: pair, set}),
        byPort: listBy(['port', 'protocol'], {
          port: {type: 'integer'},
          protocol: {type: 'string', default: 'TCP'},
          target: text,
        }),
        any: {'x-kubernetes-preserve-unknown-fields': true},
        open: {type: 'object', 'x-kubernetes-preserve-unknown-fields': true, properties: {set}},
      },
    },
    status: {type: 'object', properties: {phase: text, conditions: listBy(['type'], {type: text, status: text})}},
  },
};

function widgets(group: string): Kind {
  return {
    apiVersion: `${group}/v1`,
    kind: 'Widget',
    path: `/apis/${group}/v1/namespaces/{ns}/widgets`,
    unconditional: false,
    body(dice) {
      const two = (): Json => dice.some({a: dice.word, b: dice.word}, 0.6);
      const anything = (): Json => dice.one<Make>([dice.word, dice.words, dice.set, two])();
      const named = (): Json => ({
        name: dice.one(['x', 'y', '<z>']),
        ...dice.some({value: dice.word, inner: two, set: dice.set}),
      });
      const port = (): Json => ({
        port: dice.one([1, 2, 10]),
        ...dice.some({protocol: () => dice.one(['TCP', 'UDP']), target: dice.word}),
      });
      const spec = dice.some(
        {
          text: dice.orNull(dice.word),
          default: dice.word,
          either: () => dice.one([1, '1', '50%']),
          nullable: dice.orNull(dice.word),
          map: dice.orNull(dice.words),
          atomicMap: dice.orNull(dice.words),
          pair: () => dice.some({a: dice.word, b: dice.orNull(dice.word), inner: two}, 0.6),
          atomicPair: two,
          pairs: () => dice.some({x: two, y: two}, 0.6),
          list: dice.set,
          set: dice.orNull(dice.set),
          byName: dice.orNull(() => dice.list(3, named, by({name: null}))),
          byPort: () => dice.list(3, port, by({port: null, protocol: 'TCP'})),
          any: anything,
          open: () => dice.some({set: dice.set, other: anything}, 0.6),
        },
        0.3,
      );
      return {spec};
    },
    status(dice) {
      const condition = (): Json => ({type: dice.word(), ...dice.some({status: dice.word})});
      const conditions = (): Json => dice.list(3, condition, by({type: null}));
      return {status: dice.some({phase: dice.word, conditions}, 0.6)};
    },
  };
}

const configMaps: Kind = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  path: '/api/v1/namespaces/{ns}/configmaps',
  unconditional: true,
  body: (dice) => dice.some({data: dice.orNull(dice.words), binaryData: () => dice.some({x: () => 'YQ=='})}, 0.6),
};

const deployments: Kind = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  path: '/apis/apps/v1/namespaces/{ns}/deployments',
  unconditional: true,
  scales: true,
  body(dice) {
    const byName = by({name: null});
    const variable = (): Json => ({name: dice.word(), value: dice.word()});
    const port = (): Json => ({
      containerPort: dice.one([80, 443, 8080]),
      ...dice.some({protocol: () => dice.one(['TCP', 'UDP'])}),
    });
    const container = (): Json => ({
      name: dice.one(['c1', 'c2']),
      image: dice.word(),
      ...dice.some({
        env: () => dice.list(3, variable, byName),
        ports: () => dice.list(2, port, by({containerPort: null})),
        args: () => [dice.word()],
        resources: () => ({limits: {cpu: dice.one(['1', '1000m', '2'])}}),
      }),
    });
    const more = dice.some({
      nodeSelector: dice.words,
      tolerations: () => dice.list(2, () => ({key: dice.word(), operator: 'Exists'})),
      terminationGracePeriodSeconds: () => dice.one([1, 2]),
    });
    const containers = [...dice.list(1, container), container()];
    const unique = [...new Map(containers.map((each) => [byName(each), each])).values()];
    return {
      spec: {
        selector: {matchLabels: {app: 'one'}},
        template: {metadata: {labels: {app: 'one', ...dice.some({b: dice.word})}}, spec: {containers: unique, ...more}},
        ...dice.some({replicas: () => dice.one([1, 2]), paused: () => true}),
      },
    };
  },
  status: (dice) => ({status: dice.some({observedGeneration: () => 1, replicas: () => dice.one([2, 3])}, 0.6)}),
};

const crds = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';

function installed(group: string): RequestStep[] {
  const names = {plural: 'widgets', singular: 'widget', kind: 'Widget', listKind: 'WidgetList'};
  const version = {
    name: 'v1',
    served: true,
    storage: true,
    subresources: {status: {}},
    schema: {openAPIV3Schema: schema},
  };
  return [
    quiet(
      post(crds, {
        apiVersion: 'apiextensions.k8s.io/v1',
        kind: 'CustomResourceDefinition',
        metadata: {name: `widgets.${group}`},
        spec: {group, scope: 'Namespaced', names, versions: [version]},
      }),
    ),
    {...get(`${crds}/widgets.${group}`, {until: untilCondition('Established')}), quiet: true},
    {...get(`/apis/${group}/v1/widgets`, {until: untilStatus(200)}), quiet: true},
  ];
}

/** Writes by chance, always the same ones: what they leave and who owns it. */
export const randomWriteScenarios: readonly Scenario[] = [
  ...[1, 2, 3, 4].map((seed) => {
    const group = `random${seed}.example.com`;
    return {name: `random-widget-${seed}`, steps: [...installed(group), ...writes(widgets(group), seed, 40)]};
  }),
  ...[5, 6].map((seed) => ({name: `random-deployment-${seed}`, steps: writes(deployments, seed, 40)})),
  {name: 'random-config-map', steps: writes(configMaps, 7, 30)},
];
