import {describe, expect, test} from '@jest/globals';
import {usageGuideTests} from '@kruntimes/integration/support/usage-guide';
import type {User} from '@kruntimes/integration/support/user';
import {kinds} from '@kruntimes/reconciler-kit';
import {suite} from './support/suite.ts';
import {systemNamespace} from './support/world.ts';

const namespace = 'team-a';
const elsewhere = 'team-b';
let ann: User;

const e2e = suite(async (world) => {
  await world.installed();
  await world.createNamespace(namespace);
  await world.createNamespace(elsewhere);
  await world.createVolume({namespace, name: 'artifacts'});
  ann = await world.createUser('ann', namespace);
});

describe('installed from an OCI registry into a namespace with Pod Security restricted', () => {
  test(
    'helm test finds nothing wrong',
    e2e.reported(async () => {
      const {stdout, code, stderr} = await e2e.world.helm.try('test', 'kruntimes', '-n', systemNamespace);
      expect({code, stderr}).toEqual({code: 0, stderr: ''});
      expect(stdout).toMatch(/^Phase: +Succeeded$/m);
      expect(stdout).not.toMatch(/^Phase: +Failed$/m);
    }),
  );

  test(
    'the chart kruntimes-runtimes brings a Runtime that runs, and krt doctor is content',
    e2e.reported(async () => {
      const {helm, version} = e2e.world;
      const chart = helm.published('kruntimes-runtimes', version);
      await helm.run('install', 'runtimes', ...chart, '-n', elsewhere, '--set', 'runtimes.bash.replicas=1', '--wait');
      const administrator = await e2e.world.administrator(elsewhere);
      const waited = await administrator.kubectl([
        'wait',
        '--for=condition=Available',
        'runtime/bash',
        '--timeout=240s',
      ]);
      expect(waited).toMatchObject({code: 0});
      const run = await administrator.krt(['run', '--runtime', 'bash', '--follow', '--', 'echo', 'hello']);
      expect(run).toMatchObject({code: 0, stdout: 'hello\n'});
      const {code, stdout, stderr} = await administrator.krt(['doctor']);
      console.info(stdout);
      expect({code, stderr}).toEqual({code: 0, stderr: ''});
      for (const line of stdout.trim().split('\n')) expect(line).toMatch(/^ok /);
      await helm.run('uninstall', 'runtimes', '-n', elsewhere, '--wait');
    }),
  );
});

describe('somebody who has kruntimes-edit in one namespace follows the usage guide there', () => {
  usageGuideTests(() => ann, e2e.reported);

  test(
    'krt doctor finds no problem',
    e2e.reported(async () => {
      expect(await ann.kubectl(['delete', 'run', 'git-example'])).toMatchObject({code: 0});
      expect(await ann.kubectl(['scale', 'runtime', 'bash', '--replicas=1'])).toMatchObject({code: 0});
      const ready = await ann.kubectl(['wait', '--for=condition=Available', 'runtime/bash', '--timeout=240s']);
      expect(ready).toMatchObject({code: 0});
      const {code, stdout} = await ann.krt(['doctor']);
      console.info(stdout);
      expect(code).toBe(0);
      expect(stdout).toMatch(/^ok /m);
    }),
  );
});

describe('somebody who has kruntimes-edit in one namespace', () => {
  const run =
    'apiVersion: kruntimes.io/v1alpha1\nkind: Run\nmetadata: {name: r}\nspec: {runtime: bash, args: ["true"]}\n';

  for (const [what, args, input] of [
    ['create Runs', ['create', '-n', elsewhere, '-f', '-'], run],
    ['see Runs', ['get', 'runs', '-n', elsewhere]],
    ['see Runs of all namespaces', ['get', 'runs', '-A']],
    ['scale Runtimes', ['scale', 'runtime', 'bash', '--replicas=1', '-n', elsewhere]],
    ['read logs', ['logs', '-n', systemNamespace, '-l', 'app.kubernetes.io/component=controller']],
    ['see Pods', ['get', 'pods', '-n', elsewhere]],
    ['see Secrets', ['get', 'secrets', '-n', elsewhere]],
    ['change CustomResourceDefinitions', ['delete', 'crd', 'runs.kruntimes.io']],
  ] as const satisfies readonly (readonly [string, readonly string[], string?])[]) {
    test(
      `may not ${what} elsewhere`,
      e2e.reported(async () => {
        const {code, stderr} = await ann.kubectl(args, input);
        expect({code, stderr}).toEqual({code: 1, stderr: expect.stringMatching(/forbidden|Forbidden/)});
      }),
    );
  }

  test(
    'may write Secrets but not read them, also in that namespace',
    e2e.reported(async () => {
      const read = await ann.kubectl(['get', 'secrets']);
      expect(read).toEqual({code: 1, stdout: '', stderr: expect.stringContaining('(Forbidden)')});
      const {items} = await e2e.world.client.kind(kinds.Secret).list({namespace});
      expect(items.map(({metadata}) => metadata?.name)).toContain('github');
    }),
  );

  test(
    'gets the same from krt',
    e2e.reported(async () => {
      const refused = await ann.krt(['get', 'runs', '-n', elsewhere]);
      expect(refused.code).not.toBe(0);
      expect(refused.stderr).toContain('user "ann" may not list runs.kruntimes.io in namespace "team-b"');
    }),
  );
});
