import {afterAll, beforeAll, describe, expect, test} from '@jest/globals';
import {type RunSource, type RunSpec, runKind, runtimeKind} from '@kruntimes/api-types';
import {Client, kinds, Transport} from '@kruntimes/reconciler-kit';
import {GitServer} from '@kruntimes/runtimed/testing/git-server';
import {System} from './support/system.ts';

let system: System;
let server: GitServer;
let client: Client;
let namespace: string;

const password = 'correct-horse';

beforeAll(async () => {
  server = await GitServer.start();
  server.credentials = `ann:${password}`;
  server.repository('jobs.git').commit({
    'jobs/hello/run.sh': {
      mode: '100755',
      content: '#!/bin/sh\n. ../../lib.sh\ngreet "$1"; pwd\ncat .git/config 2>/dev/null\nenv\n',
    },
    'lib.sh': 'greet() { echo "hello $1"; }\n',
    passwd: {mode: '120000', content: '/etc/passwd'},
  });
  system = await System.start();
  client = new Client(new Transport(system.controlPlane.config));
  namespace = await system.createNamespace();
  const secrets = client.kind(kinds.Secret);
  const ca = server.authority.certificate;
  for (const [name, stringData] of [
    ['git', {username: 'ann', password, 'ca.crt': ca}],
    ['stale', {username: 'ann', password: 'battery-staple', 'ca.crt': ca}],
  ] as const) {
    await secrets.create({metadata: {name, namespace}, type: 'kubernetes.io/basic-auth', stringData});
  }
  const hosts = [`127.0.0.1:${server.port}`];
  await system.createRuntime(namespace, {
    replicas: 1,
    runs: 2,
    spec: {gitCredentials: ['git', 'stale', 'not-there'].map((secretName) => ({secretName, hosts}))},
  });
}, 180_000);

afterAll(async () => {
  await client?.transport.close();
  await system?.stop();
  await server?.[Symbol.asyncDispose]();
});

const git = (more: Partial<NonNullable<RunSource['git']>> = {}): Partial<RunSpec> => ({
  source: {git: {url: server.url('jobs.git'), secretName: 'git', subPath: 'jobs/hello', ...more}},
  entrypoint: 'run.sh',
  args: ['world'],
});

describe('a Run from git', () => {
  test('succeeds in the directory that it names, and knows no credentials', async () => {
    const {metadata} = await system.create(namespace, git());
    const run = await system.ended(namespace, metadata?.name ?? '', 120_000);
    expect(run.status).toMatchObject({phase: 'Succeeded', exitCode: 0});
    const {stdout} = await system.logs(run);
    expect(stdout.split('\n')[0]).toBe('hello world');
    expect(stdout.split('\n')[1]).toMatch(/\/work\/jobs\/hello$/);
    expect(stdout).not.toContain(password);
    expect(JSON.stringify(await client.kind(runKind).get(metadata?.name ?? '', {namespace}))).not.toContain(password);
  });

  test.each<[string, Partial<NonNullable<RunSource['git']>>, RegExp]>([
    [
      'credentials that are wrong',
      {secretName: 'stale'},
      /Authentication failed.*check the credentials in Secret stale/,
    ],
    ['a Secret that is not there', {secretName: 'not-there'}, /Secret not-there is not there or has no key password/],
    ['a Secret that the Runtime does not offer', {secretName: 'other'}, /not in spec\.gitCredentials of the Runtime/],
    ['another host', {url: 'https://localhost:1/jobs.git'}, /other hosts than localhost:1/],
    ['a branch that is not there', {revision: 'nowhere'}, /no branch, tag or commit "nowhere"/],
    ['a subPath that is not there', {subPath: 'nowhere'}, /subPath "nowhere" is not in the repository/],
  ])('ends with SourceError for %s', async (_what, more, message) => {
    const {metadata} = await system.create(namespace, git(more));
    const run = await system.ended(namespace, metadata?.name ?? '', 120_000);
    expect(run.status).toMatchObject({phase: 'Failed', reason: 'SourceError'});
    expect(run.status?.message).toMatch(message);
  });

  test('ends with SourceError where the entrypoint leads out', async () => {
    const spec = {...git(), entrypoint: 'passwd'};
    const {metadata} = await system.create(namespace, {
      ...spec,
      source: {git: {url: server.url('jobs.git'), secretName: 'git'}},
    });
    const run = await system.ended(namespace, metadata?.name ?? '', 120_000);
    expect(run.status).toMatchObject({phase: 'Failed', reason: 'SourceError'});
    expect(run.status?.message).toContain('leads out of the source by a symlink');
  });

  test('is cancelled while git waits for its server', async () => {
    const asked = Promise.withResolvers<void>();
    server.intercept = ({url = ''}) => {
      if (!url.startsWith('/slow.git')) return false;
      asked.resolve();
      return true;
    };
    const {metadata} = await system.create(namespace, git({url: server.url('slow.git')}));
    await asked.promise;
    await system.cancel(namespace, metadata?.name ?? '');
    const run = await system.ended(namespace, metadata?.name ?? '', 120_000);
    expect(run.status).toMatchObject({phase: 'Cancelled', message: 'cancelled before it was started'});
  });

  test('leaves no workspace behind', async () => {
    expect(await system.workspacesLeft()).toEqual([]);
    expect((await client.kind(runtimeKind).get('bash', {namespace})).spec.gitCredentials).toHaveLength(3);
  });
});
