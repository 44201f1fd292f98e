import {expect, test} from '@jest/globals';
import type {JsonObject} from '../../json/json-value.ts';
import {create, update} from '../builtin.fixture.ts';

const SUBRESOURCE = 'ephemeralcontainers';
const main = {name: 'a', image: 'i:1'};

async function debugged(containers: JsonObject[], more: JsonObject = {}) {
  const {object} = await create('pods', {spec: {containers: [main]}});
  return await update(
    'pods',
    object,
    {...more, spec: {...(object['spec'] as JsonObject), ephemeralContainers: containers}},
    SUBRESOURCE,
  );
}

test('containers are added, and nothing else is changed', async () => {
  const {object, errors} = await debugged([{name: 'debug', image: 'busybox', targetContainerName: 'a'}], {
    metadata: {name: 'x', namespace: 'team', labels: {a: 'b'}},
    status: {phase: 'Failed'},
  });
  expect(errors).toEqual([]);
  expect(object).toMatchObject({
    metadata: {generation: 2},
    spec: {
      containers: [main],
      ephemeralContainers: [{name: 'debug', targetContainerName: 'a', terminationMessagePath: '/dev/termination-log'}],
    },
    status: {phase: 'Pending'},
  });
  expect(object.metadata.labels).toBeUndefined();
});

test('they are neither changed nor taken away', async () => {
  const {object} = await debugged([{name: 'debug', image: 'busybox'}]);
  const change = async (ephemeralContainers: JsonObject[]): Promise<string[]> =>
    (await update('pods', object, {spec: {...(object['spec'] as JsonObject), ephemeralContainers}}, SUBRESOURCE))
      .errors;
  const [present] = (object['spec'] as {ephemeralContainers: JsonObject[]}).ephemeralContainers;
  expect(await change([{...present}, {name: 'other', image: 'busybox'}])).toEqual([]);
  expect(await change([])).toEqual([
    'spec.ephemeralContainers: Forbidden: existing ephemeral containers "debug" may not be removed\n',
  ]);
  expect(await change([{...present, image: 'other'}])).toEqual([
    'spec.ephemeralContainers: Forbidden: existing ephemeral containers "debug" may not be changed\n',
  ]);
});

test('nobody may rely on them', async () => {
  const {errors} = await debugged([
    {name: 'a', image: 'x', targetContainerName: 'b', ports: [{containerPort: 80}], lifecycle: {}},
    {name: 'c', image: 'x', resources: {limits: {cpu: '1'}}, livenessProbe: {exec: {command: ['x']}}},
  ]);
  const at = 'spec.ephemeralContainers';
  expect(errors).toEqual([
    `${at}[0].name: Duplicate value: "a"`,
    `${at}[0].targetContainerName: Not found: "b"`,
    `${at}[0].ports: Forbidden: cannot be set for an Ephemeral Container`,
    `${at}[1].livenessProbe: Forbidden: cannot be set for an Ephemeral Container`,
    `${at}[1].resources: Forbidden: cannot be set for an Ephemeral Container`,
  ]);
});
