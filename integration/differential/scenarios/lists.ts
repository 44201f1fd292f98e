import {get, part, patch, post, quiet, remove, type Scenario, watch} from '../scenario.ts';

const all = '/api/v1/namespaces/{ns}/configmaps';

function labelled(name: string, labels: {[key: string]: string}, data: {[key: string]: string} = {}) {
  return {apiVersion: 'v1', kind: 'ConfigMap', metadata: {name, labels}, data};
}

const five = ['a', 'b', 'c', 'd', 'e'].map((name, index) =>
  quiet(
    post(all, labelled(name, {app: name, tier: index % 2 === 0 ? 'even' : 'odd'}), {
      save: {[`rv_${name}`]: 'metadata.resourceVersion'},
    }),
  ),
);
const names = part('items');

/** What lists and watches give, and how they refuse. */
export const listScenarios: readonly Scenario[] = [
  {
    name: 'selectors',
    steps: [
      ...five,
      ...[
        'app=a',
        'app==a',
        'app!=a',
        'app in (a,b)',
        'app notin (a, b)',
        'app',
        '!app',
        'none',
        'tier=even,app!=a',
        'app in (a',
        'app in a',
        'app=a=b',
        'app=a,',
        ',',
        '',
        'app>1',
        'app gt 1',
        'app in ()',
        'x y',
        'a b=c',
        'app=not valid!',
        '-bad-=x',
        `app=${'x'.repeat(64)}`,
      ].map((selector) => get(`${all}?labelSelector=${encodeURIComponent(selector)}`)),
      ...[
        'metadata.name=a',
        'metadata.name==b',
        'metadata.name!=a',
        'metadata.namespace={ns}',
        'metadata.name=a,metadata.namespace={ns}',
        'metadata.name=a,metadata.name=b',
        'data.a=b',
        'metadata.labels.app=a',
        'nonsense',
        'metadata.name in (a)',
        '',
        'metadata.name=',
        'metadata.name=a\\,b',
        '=x',
      ].map((selector) =>
        get(`${all}?fieldSelector=${encodeURIComponent(selector).replaceAll('%7B', '{').replaceAll('%7D', '}')}`),
      ),
      get(`${all}?labelSelector=tier%3Deven&fieldSelector=metadata.name%3Da`),
      get('/api/v1/configmaps?fieldSelector=metadata.namespace%3D{ns}&labelSelector=tier%3Deven'),
      get(`${all}/a?fieldSelector=nonsense`),
    ],
  },
  {
    name: 'chunks',
    steps: [
      ...five,
      get(`${all}?limit=2`, {save: {next: 'metadata.continue'}}),
      get(`${all}?limit=2&continue={next}`, {save: {last: 'metadata.continue'}}),
      get(`${all}?limit=2&continue={last}`),
      get(`${all}?continue={next}`),
      quiet(post(all, labelled('f', {app: 'f'}))),
      quiet(remove(`${all}/c`)),
      get(`${all}?limit=10&continue={next}`),
      get(`${all}?limit=5`),
      get(`${all}?limit=6`),
      get(`${all}?limit=0`),
      get(`${all}?limit=-1`),
      get(`${all}?limit=x`),
      get(`${all}?limit=2&labelSelector=app`, {save: {selected: 'metadata.continue'}}),
      get(`${all}?limit=2&labelSelector=app&continue={selected}`),
      get(`${all}?limit=1&continue=nonsense`),
      get(`${all}?limit=1&continue=bm9uc2Vuc2U`),
      get(`${all}?limit=1&continue={next}&resourceVersion={rv_a}`),
      get(`${all}?limit=1&continue={next}&resourceVersion=0`),
      get(`${all}?limit=1&continue={next}&resourceVersionMatch=Exact`),
      get(`${all}?limit=1&continue=eyJ2IjoibWV0YS5rOHMuaW8vdjIiLCJydiI6MSwic3RhcnQiOiJhIn0`),
      get(`${all}?limit=1&continue=eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6MCwic3RhcnQiOiJhIn0`),
      get(`${all}?limit=1&continue=eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6NSwic3RhcnQiOiIuLi9hIn0`),
      get(`${all}?limit=2&fieldSelector=metadata.name%3Dd`),
    ],
  },
  {
    name: 'list-versions',
    steps: [
      ...five,
      get(`${all}?resourceVersion=0`, {view: part('kind')}),
      get(`${all}?resourceVersion={rv_c}`),
      get(`${all}?resourceVersion={rv_e}&resourceVersionMatch=NotOlderThan`),
      get(`${all}?resourceVersion={rv_c}&resourceVersionMatch=Exact`, {view: names}),
      get(`${all}?resourceVersion={rv_c}&limit=2`, {view: names}),
      get(`${all}?resourceVersion={rv_c}&limit=2&resourceVersionMatch=Exact`, {view: names}),
      get(`${all}?resourceVersion=0&resourceVersionMatch=Exact`),
      get(`${all}?resourceVersionMatch=Exact`),
      get(`${all}?resourceVersion=5&resourceVersionMatch=Sometimes`),
      get(`${all}?resourceVersion=abc`),
      get(`${all}?resourceVersion=-1`),
      get(`${all}?resourceVersion=999999999`),
      get(`${all}?resourceVersion=99999999999999999999999`),
      get(`${all}?sendInitialEvents=true`),
      get(`${all}?sendInitialEvents=true&resourceVersionMatch=NotOlderThan`),
      get(`${all}/a?resourceVersion=0`),
      get(`${all}/a?resourceVersion={rv_a}`),
      get(`${all}/a?resourceVersion=abc`),
      get(`${all}/a?resourceVersion=999999999`),
      get(`${all}?timeoutSeconds=x`),
      watch(`${all}?watch=maybe&timeoutSeconds=1&fieldSelector=metadata.name%3Da`, 'end'),
      get(`${all}?unknownParameter=1`, {view: part('kind')}),
      get('/api/v1/namespaces/no-such-namespace/configmaps'),
    ],
  },
  {
    name: 'watch',
    steps: [
      ...five,
      watch(`${all}?watch=true`, 5),
      watch(`${all}?watch=true&resourceVersion={rv_c}`, 2),
      watch(`${all}?watch=true&resourceVersion={rv_e}`, 4, {
        during: [
          post(all, labelled('new', {app: 'new'})),
          patch('merge', `${all}/new`, {data: {a: 'b'}}),
          patch('merge', `${all}/new`, {data: {a: 'b'}}),
          remove(`${all}/new`),
          quiet(post(all, labelled('end', {}))),
        ],
      }),
      watch(`${all}?watch=1&labelSelector=tier%3Deven`, 3),
      watch(`${all}?watch=true&labelSelector=tier%3Deven&resourceVersion={rv_e}`, 4, {
        during: [
          patch('merge', `${all}/a`, {metadata: {labels: {tier: 'odd'}}}),
          patch('merge', `${all}/a`, {data: {unseen: 'x'}}),
          patch('merge', `${all}/b`, {metadata: {labels: {tier: 'even'}}}),
          patch('merge', `${all}/b`, {data: {seen: 'x'}}),
          remove(`${all}/b`),
        ],
      }),
      watch(`${all}?watch=true&fieldSelector=metadata.name%3Dc`, 2, {
        after: 1,
        during: [patch('merge', `${all}/d`, {data: {x: 'y'}}), patch('merge', `${all}/c`, {data: {x: 'y'}})],
      }),
      watch(`${all}?watch=true&timeoutSeconds=1&labelSelector=none`, 'end'),
      watch(`${all}?watch=true&timeoutSeconds=1&fieldSelector=metadata.name%3Dc`, 'end'),
      watch(`/api/v1/watch/namespaces/{ns}/configmaps?timeoutSeconds=1&labelSelector=app%3De`, 'end'),
      watch(`/api/v1/watch/namespaces/{ns}/configmaps/e?timeoutSeconds=1`, 'end'),
      watch(
        `/api/v1/watch/configmaps?timeoutSeconds=1&fieldSelector=metadata.namespace%3D{ns},metadata.name%3De`,
        'end',
      ),
      watch(`${all}/e?watch=true&timeoutSeconds=1`, 'end'),
      watch(`${all}?watch=true&timeoutSeconds=1&resourceVersion=1`, 'end'),
      watch(`${all}?watch=true&timeoutSeconds=1&resourceVersion=abc`, 'end'),
      watch(`${all}?watch=true&timeoutSeconds=1&resourceVersion=0&fieldSelector=metadata.name%3Dc`, 'end'),
      watch(`${all}?watch=true&timeoutSeconds=1&labelSelector=(`, 'end'),
      watch(`${all}?watch=true&timeoutSeconds=1&fieldSelector=a%3Db`, 'end'),
      watch(`${all}?watch=true&timeoutSeconds=1&resourceVersionMatch=NotOlderThan`, 'end'),
      watch(`${all}?watch=true&timeoutSeconds=1&continue=abc`, 'end'),
      watch(`${all}?watch=true&timeoutSeconds=1&limit=1&fieldSelector=metadata.name%3Dc`, 'end'),
    ],
  },
  {
    name: 'watch-list',
    steps: [
      ...five,
      watch(`${all}?watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true`, 6),
      watch(
        `${all}?watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&labelSelector=app%3Da`,
        3,
        {
          after: 2,
          during: [patch('merge', `${all}/b`, {data: {x: 'y'}}), patch('merge', `${all}/a`, {data: {x: 'y'}})],
        },
      ),
      watch(
        `${all}?watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&resourceVersion={rv_c}&labelSelector=app%3Da`,
        2,
      ),
      watch(
        `${all}?watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&resourceVersion=0&labelSelector=none`,
        1,
      ),
      watch(
        `${all}?watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&timeoutSeconds=1&labelSelector=app%3Da`,
        'end',
      ),
      watch(`${all}?watch=true&sendInitialEvents=true&timeoutSeconds=1`, 'end'),
      watch(`${all}?watch=true&sendInitialEvents=true&resourceVersionMatch=Exact&timeoutSeconds=1`, 'end'),
      watch(
        `${all}?watch=true&sendInitialEvents=false&resourceVersionMatch=NotOlderThan&resourceVersion={rv_e}&timeoutSeconds=1`,
        'end',
      ),
      watch(`${all}?watch=true&sendInitialEvents=false&timeoutSeconds=1`, 'end'),
      watch(`${all}?watch=true&allowWatchBookmarks=true&timeoutSeconds=4&labelSelector=none`, 'end'),
      watch(
        `${all}?watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&labelSelector=app%3Da`,
        2,
        {
          headers: {accept: 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1'},
        },
      ),
      watch(`${all}?watch=true&labelSelector=tier%3Deven`, 3, {
        headers: {accept: 'application/json;as=Table;g=meta.k8s.io;v=v1'},
      }),
      watch(`${all}?watch=true&labelSelector=app%3Da`, 1, {
        headers: {accept: 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1'},
      }),
      watch(`${all}?watch=true&labelSelector=app%3Da`, 1, {headers: {accept: 'application/json;stream=watch'}}),
      watch(`${all}?watch=true&labelSelector=app%3Da&timeoutSeconds=1`, 'end', {headers: {accept: 'application/yaml'}}),
      watch(`${all}?watch=true&labelSelector=app%3Da&timeoutSeconds=1`, 'end', {headers: {accept: 'text/html'}}),
    ],
  },
];
