import {describe, expect, test} from '@jest/globals';
import type {Pod} from 'kubernetes-types/core/v1.d.ts';
import {commandLine} from './container-environment.ts';
import {podField} from './pod-fields.ts';

const pod: Pod = {
  metadata: {name: 'bash-1', namespace: 'team', uid: 'u1', labels: {app: 'x', b: 'y"z'}, annotations: {}},
  spec: {containers: [], nodeName: 'local', serviceAccountName: 'builder'},
};
const addresses = {podIP: '127.77.0.1', hostIP: '127.0.0.1'};

describe('commandLine', () => {
  const sources = {
    base: {PATH: '/usr/bin', HOME: '/workspace/home'},
    envFrom: {FROM: 'config'},
    mappings: [{containerPath: '/workspace', hostPath: '/tmp/w'}],
    podIP: addresses.podIP,
    valueOf: ({fieldRef}: {fieldRef?: {fieldPath: string}}) => podField(pod, fieldRef?.fieldPath ?? '', addresses),
  };

  test('arguments follow the entrypoint of the image; variables see those before them', () => {
    const line = commandLine(
      {
        name: 'runtimed',
        args: [
          '--root=/workspace',
          '--bind=$(POD_IP):19092',
          '--name=$(LATER)',
          '--keep=$(NOT_SET)',
          '--x-bind-address=127.0.0.1:1',
        ],
        env: [
          {name: 'POD_IP', valueFrom: {fieldRef: {fieldPath: 'status.podIP'}}},
          {name: 'URL', value: 'http://$(POD_IP)/$(LATER)$(FROM)'},
          {name: 'LATER', value: '/workspace/x'},
        ],
      },
      ['/usr/bin/node', '/src/workspace/main.js'],
      sources,
    );
    expect(line.program).toBe('/usr/bin/node');
    expect(line.args).toEqual([
      '/src/workspace/main.js',
      '--root=/tmp/w',
      '--bind=127.77.0.1:19092',
      '--name=/tmp/w/x',
      '--keep=$(NOT_SET)',
      '--x-bind-address=127.77.0.1:1',
    ]);
    expect(line.env).toEqual({
      PATH: '/usr/bin',
      HOME: '/workspace/home',
      FROM: 'config',
      POD_IP: '127.77.0.1',
      URL: 'http://127.77.0.1/$(LATER)config',
      LATER: '/tmp/w/x',
    });
  });

  test('a command takes the place of the entrypoint', () => {
    const line = commandLine({name: 'c', command: ['sh', '-c'], args: ['ls /workspace']}, ['node', 'main.js'], sources);
    expect([line.program, ...line.args]).toEqual(['sh', '-c', 'ls /tmp/w']);
  });
});

describe('podField', () => {
  test.each([
    ['metadata.name', 'bash-1'],
    ['metadata.namespace', 'team'],
    ['metadata.uid', 'u1'],
    ["metadata.labels['app']", 'x'],
    ["metadata.annotations['none']", ''],
    ['metadata.labels', 'app="x"\nb="y\\"z"\n'],
    ['spec.nodeName', 'local'],
    ['spec.serviceAccountName', 'builder'],
    ['status.podIP', '127.77.0.1'],
    ['status.hostIP', '127.0.0.1'],
    ['spec.containers', undefined],
  ])('%s is %s', (path, value) => {
    expect(podField(pod, path, addresses)).toBe(value);
  });
});
