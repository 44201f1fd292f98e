import {describe, expect, test} from '@jest/globals';
import {parseOptions} from './options.ts';
import type {Scenario} from './scenarios/scenario.ts';

const scenarios: Scenario[] = ['sequential', 'closed'].map((name) => ({
  name,
  title: '',
  run: () => Promise.resolve({}),
}));
const parse = (...args: string[]) => parseOptions(args, scenarios);

describe('options', () => {
  test('are the short profile on both control planes where nothing is said', () => {
    expect(parse()).toMatchObject({controlPlanes: ['embedded', 'kube'], pods: 2, slots: 32, profile: {name: 'short'}});
  });

  test('choose scenarios by name', () => {
    expect(parse('--scenario', 'closed,sequential')).toMatchObject({scenarios: ['closed', 'sequential']});
    expect(() => parse('--scenario', 'opened')).toThrow('--scenario opened: say sequential, closed');
  });

  test('say what is wrong with them', () => {
    expect(() => parse('--profile', 'long')).toThrow('say short, medium, full');
    expect(() => parse('--pods', '0')).toThrow('--pods 0: say a number from 1 on');
    expect(() => parse('--control-plane', 'embedded,minikube')).toThrow('say embedded, kube');
  });

  test('ask for help', () => {
    expect(parse('--help')).toBe('help');
  });
});
