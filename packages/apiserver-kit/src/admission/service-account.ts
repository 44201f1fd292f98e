import {findObject, type Stores} from '../auth/stores.ts';
import {isJsonObject, type JsonObject} from '../json/json-value.ts';
import type {KubeObject} from '../kube-object.ts';
import type {AdmissionAttributes, AdmissionPlugin} from './admission.ts';
import {newPod, objectsIn, specOf, textOf} from './pod-spec.ts';
import {refuse} from './refusal.ts';

const TOKEN_PATH = '/var/run/secrets/kubernetes.io/serviceaccount';
const VOLUME_PREFIX = 'kube-api-access-';
const MIRROR_ANNOTATION = 'kubernetes.io/config.mirror';
const ENFORCE_ANNOTATION = 'kubernetes.io/enforce-mountable-secrets';
/** An hour, and the seconds by which Kubernetes knows tokens that it asked for itself. */
const TOKEN_SECONDS = 3607;
const NAME_CHARACTERS = 'bcdfghjklmnpqrstvwxz2456789';

export interface ServiceAccountAdmissionOptions {
  stores: Stores;
  /** From 0 to 1, without 1. Default: `Math.random`. */
  random?: () => number;
}

/**
 * Gives Pods a ServiceAccount, its imagePullSecrets, and the volume with its token where neither Pod nor account decline it.
 *
 * @see https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/#serviceaccount-admission-controller
 */
export function serviceAccountAdmission({
  stores,
  random = Math.random,
}: ServiceAccountAdmissionOptions): AdmissionPlugin {
  const accountOf = (attributes: AdmissionAttributes, spec: JsonObject): KubeObject => {
    const {namespace} = attributes.context;
    const name = textOf(spec['serviceAccountName']);
    const account = findObject(stores, '', 'serviceaccounts', `${namespace}/${name}`)?.object;
    if (account) return account;
    const what = `error looking up service account ${namespace}/${name}`;
    throw refuse(attributes, `${what}: serviceaccount ${JSON.stringify(name)} not found`);
  };
  return {
    name: 'ServiceAccount',
    async admit(attributes) {
      const pod = newPod(attributes);
      if (!pod || isMirror(pod)) return;
      const spec = specOf(pod);
      if (textOf(spec['serviceAccountName']) === '') {
        spec['serviceAccountName'] = 'default';
        // The old name of the field has the same value.
        spec['serviceAccount'] = 'default';
      }
      const account = accountOf(attributes, spec);
      if (wantsToken(account, spec)) mountToken(spec, random);
      const secrets = objectsIn(account['imagePullSecrets']);
      if (objectsIn(spec['imagePullSecrets']).length === 0 && secrets.length > 0) {
        spec['imagePullSecrets'] = secrets.map(({name}) => ({name: textOf(name)}));
      }
    },
    async validate(attributes) {
      const pod = newPod(attributes);
      if (!pod) return;
      const spec = specOf(pod);
      if (isMirror(pod)) return checkMirror(attributes, spec);
      if (textOf(spec['serviceAccountName']) === '') {
        const {namespace} = attributes.context;
        throw refuse(attributes, `no service account specified for pod ${namespace}/${pod.metadata.name ?? ''}`);
      }
      const account = accountOf(attributes, spec);
      const enforce = account.metadata.annotations?.[ENFORCE_ANNOTATION] ?? '';
      if (!/^(?:1|t|true)$/i.test(enforce)) return;
      const problem = forbiddenSecret(account, spec);
      if (problem !== undefined) throw refuse(attributes, problem);
    },
  };
}

function isMirror(pod: KubeObject): boolean {
  return Object.hasOwn(pod.metadata.annotations ?? {}, MIRROR_ANNOTATION);
}

/** The Pod decides, then the account; both may say nothing. */
function wantsToken(account: KubeObject, spec: JsonObject): boolean {
  return (spec['automountServiceAccountToken'] ?? account['automountServiceAccountToken'] ?? true) === true;
}

function mountToken(spec: JsonObject, random: () => number): void {
  const volumes = objectsIn(spec['volumes']);
  const present = volumes.find((volume) => textOf(volume['name']).startsWith(VOLUME_PREFIX) && isTokenVolume(volume));
  const name = textOf(present?.['name']) || freshName(volumes, random);
  let isMounted = false;
  for (const key of ['initContainers', 'containers']) {
    for (const container of objectsIn(spec[key])) {
      const mounts = objectsIn(container['volumeMounts']);
      // What a Pod mounts there itself stays.
      if (mounts.some(({mountPath}) => mountPath === TOKEN_PATH)) continue;
      container['volumeMounts'] = [...mounts, {name, readOnly: true, mountPath: TOKEN_PATH}];
      isMounted = true;
    }
  }
  if (!present && isMounted) spec['volumes'] = [...volumes, {name, projected: tokenVolume()}];
}

function isTokenVolume({projected}: JsonObject): boolean {
  return isJsonObject(projected) && objectsIn(projected['sources']).some((source) => source['serviceAccountToken']);
}

function freshName(volumes: readonly JsonObject[], random: () => number): string {
  for (;;) {
    const suffix = Array.from({length: 5}, () => NAME_CHARACTERS[Math.floor(random() * NAME_CHARACTERS.length)]);
    const name = `${VOLUME_PREFIX}${suffix.join('')}`;
    if (!volumes.some((volume) => volume['name'] === name)) return name;
  }
}

function tokenVolume(): JsonObject {
  const namespace = {path: 'namespace', fieldRef: {apiVersion: 'v1', fieldPath: 'metadata.namespace'}};
  return {
    sources: [
      {serviceAccountToken: {expirationSeconds: TOKEN_SECONDS, path: 'token'}},
      {configMap: {name: 'kube-root-ca.crt', items: [{key: 'ca.crt', path: 'ca.crt'}]}},
      {downwardAPI: {items: [namespace]}},
    ],
    defaultMode: 0o644,
  };
}

/** @throws StatusError 403 */
function checkMirror(attributes: AdmissionAttributes, spec: JsonObject): void {
  if (textOf(spec['serviceAccountName']) !== '') {
    throw refuse(attributes, 'a mirror pod may not reference service accounts');
  }
  if (secretReferences(spec).length > 0) throw refuse(attributes, 'a mirror pod may not reference secrets');
  if (objectsIn(spec['volumes']).some(isTokenVolume)) {
    throw refuse(attributes, 'a mirror pod may not use ServiceAccountToken volume projections');
  }
}

/** Secrets that volumes and variables name, with the words for each. */
function secretReferences(spec: JsonObject): {secret: string; where: string}[] {
  const references: {secret: string; where: string}[] = [];
  for (const {secret} of objectsIn(spec['volumes'])) {
    if (isJsonObject(secret)) references.push({secret: textOf(secret['secretName']), where: 'volume with'});
  }
  for (const [key, title] of [
    ['initContainers', 'init container'],
    ['containers', 'container'],
  ] as const) {
    for (const container of objectsIn(spec[key])) {
      const of = `${title} ${textOf(container['name'])}`;
      for (const {name, valueFrom} of objectsIn(container['env'])) {
        const reference = isJsonObject(valueFrom) ? valueFrom['secretKeyRef'] : undefined;
        if (!isJsonObject(reference)) continue;
        references.push({secret: textOf(reference['name']), where: `${of} with envVar ${textOf(name)} referencing`});
      }
      for (const {secretRef} of objectsIn(container['envFrom'])) {
        if (!isJsonObject(secretRef)) continue;
        references.push({secret: textOf(secretRef['name']), where: `${of} with envFrom referencing`});
      }
    }
  }
  return references;
}

/** What is wrong with a Pod whose account lists the only Secrets that it may use. */
function forbiddenSecret(account: KubeObject, spec: JsonObject): string | undefined {
  const namesIn = (key: string): Set<string> => new Set(objectsIn(account[key]).map(({name}) => textOf(name)));
  const name = account.metadata.name ?? '';
  const allowed = namesIn('secrets');
  const found = secretReferences(spec).find(({secret}) => !allowed.has(secret));
  const why = `is not allowed because service account ${name} does not reference that`;
  if (found) return `${found.where} secret.secretName="${found.secret}" ${why} secret`;
  const pullable = namesIn('imagePullSecrets');
  const pulls = objectsIn(spec['imagePullSecrets']).map((secret) => textOf(secret['name']));
  const index = pulls.findIndex((secret) => !pullable.has(secret));
  return index < 0 ? undefined : `imagePullSecrets[${index}].name="${pulls[index]}" ${why} imagePullSecret`;
}
