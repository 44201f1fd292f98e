import {mkdtemp, readFile, rm, stat, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {describe, expect, test} from '@jest/globals';
import {parse} from 'yaml';
import {changeFile, entryIn, withEntry, withoutEntry} from './kubeconfig-entry.ts';

const entry = {name: 'kruntimes-dev', server: 'https://127.0.0.1:6443', ca: 'PEM', token: 'secret'};
const others = `# mine
apiVersion: v1
kind: Config
current-context: prod
clusters:
  - name: prod # the important one
    cluster: { server: https://prod.example.com }
users:
  - name: prod
    user: { token: x }
contexts:
  - name: prod
    context: { cluster: prod, user: prod }
preferences: {}
`;

describe('withEntry', () => {
  test('makes a kubeconfig out of nothing', () => {
    expect(parse(withEntry('', entry))).toEqual({
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': 'kruntimes-dev',
      clusters: [
        {
          name: 'kruntimes-dev',
          cluster: {server: 'https://127.0.0.1:6443', 'certificate-authority-data': 'UEVN'},
        },
      ],
      users: [{name: 'kruntimes-dev', user: {token: 'secret'}}],
      contexts: [
        {name: 'kruntimes-dev', context: {cluster: 'kruntimes-dev', user: 'kruntimes-dev', namespace: 'default'}},
      ],
    });
  });

  test('leaves all others and their comments alone, and the current context', () => {
    const text = withEntry(others, entry);
    expect(text).toContain('# mine\n');
    expect(text).toContain('- name: prod # the important one\n');
    const {clusters, contexts, 'current-context': current} = parse(text) as Record<string, {name: string}[]>;
    expect(clusters?.map(({name}) => name)).toEqual(['prod', 'kruntimes-dev']);
    expect(contexts?.map(({name}) => name)).toEqual(['prod', 'kruntimes-dev']);
    expect(current).toBe('prod');
  });

  test('replaces the entry of the last time', () => {
    const again = withEntry(withEntry(others, entry), {...entry, server: 'https://127.0.0.1:7443'});
    expect(again).toBe(withEntry(others, {...entry, server: 'https://127.0.0.1:7443'}));
  });

  test('refuses what is no kubeconfig', () => {
    expect(() => withEntry('- a\n', entry)).toThrow('it is no kubeconfig');
    expect(() => withEntry('clusters: text\n', entry)).toThrow('its clusters are no list');
    expect(() => withEntry('a: [\n', entry)).toThrow();
  });
});

test('entryIn reads what withEntry has written', () => {
  expect(entryIn(withEntry(others, entry), entry.name)).toEqual(entry);
  expect(entryIn(others, 'kruntimes-dev')).toEqual({name: 'kruntimes-dev', server: '', ca: '', token: ''});
});

test('withoutEntry takes back what withEntry has added', () => {
  expect(withoutEntry(withEntry(others, entry), entry.name)).toBe(others);
  expect(parse(withoutEntry(withEntry('', entry), entry.name))).toMatchObject({clusters: [], 'current-context': ''});
});

test('changeFile makes a file that only its owner can read', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'krt-kubeconfig-'));
  try {
    const path = join(directory, 'new', 'config');
    await changeFile(path, (text) => `${text}one\n`);
    await changeFile(path, (text) => `${text}two\n`);
    expect(await readFile(path, 'utf8')).toBe('one\ntwo\n');
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    await writeFile(path, 'broken');
    const failing = changeFile(path, () => {
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    expect(await readFile(path, 'utf8')).toBe('broken');
  } finally {
    await rm(directory, {recursive: true});
  }
});
