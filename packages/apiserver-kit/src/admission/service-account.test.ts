import {beforeEach, describe, expect, test} from '@jest/globals';
import {FixtureStores} from '../auth/stores.fixture.ts';
import type {JsonObject} from '../json/json-value.ts';
import type {KubeObject} from '../kube-object.ts';
import {admissionAttributes} from './admission.fixture.ts';
import type {AdmissionPlugin} from './admission.ts';
import {serviceAccountAdmission} from './service-account.ts';

const MOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';
let stores: FixtureStores;
let plugin: AdmissionPlugin;

const account = (name: string, more: JsonObject = {}, annotations: Record<string, string> = {}): KubeObject => ({
  apiVersion: 'v1',
  kind: 'ServiceAccount',
  metadata: {name, namespace: 'ns', annotations},
  ...more,
});
beforeEach(() => {
  stores = new FixtureStores().put('serviceaccounts', account('default'), account('other'));
  plugin = serviceAccountAdmission({stores, random: () => 0});
});

const admit = async (spec: JsonObject, annotations: Record<string, string> = {}): Promise<JsonObject> => {
  const pod: KubeObject = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {name: 'p', namespace: 'ns', annotations},
    spec: {containers: [{name: 'c', image: 'i'}], ...spec},
  };
  const attributes = admissionAttributes({object: pod});
  await plugin.admit?.(attributes);
  await plugin.validate?.(attributes);
  return pod['spec'] as JsonObject;
};

describe('a Pod', () => {
  test('gets the ServiceAccount default and a volume with its token in each container', async () => {
    const spec = await admit({initContainers: [{name: 'i', image: 'i'}]});
    const mount = {name: 'kube-api-access-bbbbb', readOnly: true, mountPath: MOUNT};
    expect(spec).toEqual({
      containers: [{name: 'c', image: 'i', volumeMounts: [mount]}],
      initContainers: [{name: 'i', image: 'i', volumeMounts: [mount]}],
      serviceAccount: 'default',
      serviceAccountName: 'default',
      volumes: [
        {
          name: 'kube-api-access-bbbbb',
          projected: {
            defaultMode: 420,
            sources: [
              {serviceAccountToken: {expirationSeconds: 3607, path: 'token'}},
              {configMap: {name: 'kube-root-ca.crt', items: [{key: 'ca.crt', path: 'ca.crt'}]}},
              {
                downwardAPI: {
                  items: [{path: 'namespace', fieldRef: {apiVersion: 'v1', fieldPath: 'metadata.namespace'}}],
                },
              },
            ],
          },
        },
      ],
    });
  });

  test('keeps what it says itself', async () => {
    const volumeMounts = [{name: 'own', mountPath: MOUNT}];
    const spec = await admit({
      serviceAccountName: 'other',
      containers: [{name: 'c', image: 'i', volumeMounts}],
      volumes: [{name: 'own', emptyDir: {}}],
    });
    expect(spec).toMatchObject({serviceAccountName: 'other', containers: [{volumeMounts}]});
    expect(spec['volumes']).toEqual([{name: 'own', emptyDir: {}}]);
  });

  test.each([
    [undefined, undefined, true],
    [false, undefined, false],
    [undefined, false, false],
    [true, false, true],
    [false, true, false],
  ])('that wants a token (%s) of an account that gives it (%s): %s', async (pod, owner, mounted) => {
    stores.put('serviceaccounts', account('default', owner === undefined ? {} : {automountServiceAccountToken: owner}));
    const spec = await admit(pod === undefined ? {} : {automountServiceAccountToken: pod});
    expect(spec['volumes'] !== undefined).toBe(mounted);
  });

  test('gets the imagePullSecrets of its account, unless it has own ones', async () => {
    stores.put('serviceaccounts', account('default', {imagePullSecrets: [{name: 'registry'}]}));
    expect((await admit({}))['imagePullSecrets']).toEqual([{name: 'registry'}]);
    const own = [{name: 'own'}];
    expect((await admit({imagePullSecrets: own}))['imagePullSecrets']).toEqual(own);
  });

  test('of an account that is not there is refused', async () => {
    await expect(admit({serviceAccountName: 'none'})).rejects.toMatchObject({
      code: 403,
      message: 'pods "p" is forbidden: error looking up service account ns/none: serviceaccount "none" not found',
    });
  });

  test('uses only Secrets that its account lists, where that wants it so', async () => {
    const enforced = {'kubernetes.io/enforce-mountable-secrets': 'true'};
    stores.put('serviceaccounts', account('default', {secrets: [{name: 'listed'}]}, enforced));
    const volumes = (secretName: string): JsonObject => ({volumes: [{name: 'v', secret: {secretName}}]});
    await expect(admit(volumes('listed'))).resolves.toBeDefined();
    await expect(admit(volumes('other'))).rejects.toThrow(
      'volume with secret.secretName="other" is not allowed because service account default does not reference that secret',
    );
  });

  test('that mirrors one of a node has no account and no Secrets', async () => {
    const mirror = {'kubernetes.io/config.mirror': 'x'};
    expect((await admit({}, mirror))['serviceAccountName']).toBeUndefined();
    await expect(admit({serviceAccountName: 'default'}, mirror)).rejects.toThrow('may not reference service accounts');
  });
});
