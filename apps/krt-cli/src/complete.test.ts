import {describe, expect, test} from '@jest/globals';
import type {Command} from 'commander';
import {type Completion, completeWords, type NameLookup} from './complete.ts';
import {createProgram} from './program.ts';
import {MemoryTerminal} from './testing/memory-terminal.ts';

const context = () => Promise.reject(new Error('not needed'));

function program(): Command {
  return createProgram({program: 'krt', argv: [], terminal: new MemoryTerminal(), context, finish: () => undefined});
}

const asked: unknown[] = [];
const lookup: NameLookup = async (source, flags, words) => {
  asked.push([source.kind, flags, [...words]]);
  return source.kind === 'runs'
    ? [{value: 'hello', description: 'Succeeded'}, {value: 'help'}, {value: 'other'}]
    : [{value: source.kind}];
};

async function complete(...words: string[]): Promise<Completion> {
  asked.length = 0;
  return await completeWords(program(), words, lookup);
}

const names = ({candidates}: Completion): string[] => candidates.map(({value}) => value);

describe('completion', () => {
  test('commands', async () => {
    expect(names(await complete(''))).toEqual([
      'run',
      'get',
      'describe',
      'why',
      'result',
      'logs',
      'artifacts',
      'wait',
      'cancel',
      'delete',
      'runtime',
      'doctor',
      'dev',
      'completion',
      'version',
    ]);
    expect(await complete('res')).toEqual({
      candidates: [{value: 'result', description: 'show how a Run ended and what it gave'}],
      directive: 4,
    });
    expect(names(await complete('runtime', ''))).toEqual(['list', 'get']);
    expect(names(await complete('dev', ''))).toEqual(['up', 'down', 'status', 'logs', 'reset']);
    expect(names(await complete('dev', 'logs', 'sch'))).toEqual(['scheduler']);
    expect(names(await complete('-n', 'team', 'lo'))).toEqual(['logs']);
  });

  test('names of Runs, without those that stand there already', async () => {
    expect(names(await complete('get', 'hel'))).toEqual(['hello', 'help']);
    expect(names(await complete('wait', 'hello', ''))).toEqual(['help', 'other']);
    expect(asked).toEqual([['runs', {}, ['hello']]]);
    expect(names(await complete('logs', 'hello', ''))).toEqual([]);
    expect(names(await complete('result', 'hello', ''))).toEqual(['outputs']);
  });

  test('uses the flags that stand before', async () => {
    await complete('get', '-n', 'team', '--context=prod', '--kubeconfig', 'f', '-w', '');
    expect(asked).toEqual([['runs', {namespace: 'team', context: 'prod', kubeconfig: 'f'}, []]]);
  });

  test('flags and their values', async () => {
    expect(names(await complete('logs', '--t'))).toEqual(['--tail', '--timestamps', '--token']);
    expect(names(await complete('run', '--runtime', ''))).toEqual(['runtimes']);
    expect(names(await complete('run', '--runtime='))).toEqual(['--runtime=runtimes']);
    expect(names(await complete('run', '-r', ''))).toEqual(['runtimes']);
    expect(names(await complete('get', '-o', 'y'))).toEqual(['yaml']);
    expect(await complete('get', '-o', 'jsonp')).toEqual({candidates: [{value: 'jsonpath='}], directive: 6});
    expect(names(await complete('wait', 'hello', '--for', 'phase/S'))).toEqual(['phase/Scheduled', 'phase/Succeeded']);
    expect(names(await complete('delete', '--n'))).toEqual(['--namespace']);
  });

  test('leaves files and the words of other programs to the shell', async () => {
    expect(await complete('run', '-f', '')).toEqual({candidates: [], directive: 0});
    expect(await complete('run', '--runtime', 'bash', '--', 'l')).toEqual({candidates: [], directive: 0});
  });
});
