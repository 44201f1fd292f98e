import {describe, expect, test} from '@jest/globals';
import {Value} from 'typebox/value';
import {parse} from 'yaml';
import {runSchema} from './run.ts';
import {runtimeSchema} from './runtime.ts';

const runtime = `
apiVersion: kruntimes.io/v1alpha1
kind: Runtime
metadata:
  name: bash
spec:
  replicas: 2
  capacity:
    resources:
      runs: 4
  template:
    metadata:
      labels:
        runtime: bash
    spec:
      containers:
        - name: runtime
          image: kruntimes-bash-runtime:latest
          imagePullPolicy: IfNotPresent
          ports:
            - containerPort: 19091
`;

const hello = `
apiVersion: kruntimes.io/v1alpha1
kind: Run
metadata:
  name: hello
spec:
  runtime: bash
  source:
    inline: |
      echo hello
  entrypoint: script
`;

const envExample = `
apiVersion: kruntimes.io/v1alpha1
kind: Run
metadata:
  name: env-example
spec:
  runtime: bash
  env:
    MESSAGE: hello
  source:
    inline: |
      echo "$MESSAGE"
  entrypoint: script
`;

const scriptExample = `
apiVersion: kruntimes.io/v1alpha1
kind: Run
metadata:
  name: script-example
spec:
  runtime: bash
  source:
    inline: |
      echo "hello from source"
  entrypoint: script
`;

describe('the examples of the usage guide are what the schemas describe', () => {
  test.each([
    ['Runtime bash', runtimeSchema, runtime],
    ['Run hello', runSchema, hello],
    ['Run env-example', runSchema, envExample],
    ['Run script-example', runSchema, scriptExample],
  ])('%s', (_name, schema, yaml) => {
    expect([...Value.Errors(schema, parse(yaml))]).toEqual([]);
  });

  test('and something else is not', () => {
    expect(Value.Check(runSchema, {spec: {runtime: 'bash', source: {inline: 5}}})).toBe(false);
    expect(Value.Check(runtimeSchema, {spec: {template: {}}})).toBe(false);
  });
});
