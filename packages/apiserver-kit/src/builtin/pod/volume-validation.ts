import type {KeyToPath, ObjectFieldSelector, Volume} from 'kubernetes-types/core/v1.js';
import {type FieldError, fieldErrors} from '../../errors/field-error.ts';
import {labelProblems} from '../../registry/name-rules.ts';
import {parseQuantity} from '../quantity.ts';
import {asInvalid, oneOf} from '../validation/field-rules.ts';
import {localPathProblems} from './container-validation.ts';

const hostPathTypes = [
  '',
  'BlockDevice',
  'CharDevice',
  'Directory',
  'DirectoryOrCreate',
  'File',
  'FileOrCreate',
  'Socket',
];

/** Checks the volumes of a Pod. */
export function volumesProblems(volumes: readonly Volume[], path: string): FieldError[] {
  const errors: FieldError[] = [];
  const names = new Set<string>();
  for (const [index, volume] of volumes.entries()) {
    const at = `${path}[${index}]`;
    const own = sourceProblems(volume, at);
    if (!volume.name) own.push(fieldErrors.required(`${at}.name`));
    else {
      own.push(...asInvalid(labelProblems(volume.name), volume.name, `${at}.name`));
      if (names.has(volume.name)) own.push(fieldErrors.duplicate(`${at}.name`, volume.name));
    }
    if (own.length === 0) names.add(volume.name);
    errors.push(...own);
  }
  return errors;
}

function sourceProblems(volume: Volume, at: string): FieldError[] {
  const sources = Object.keys(volume).filter((key) => key !== 'name');
  if (sources.length === 0) return [fieldErrors.required(at, 'must specify a volume type')];
  const errors: FieldError[] = [];
  // In Kubernetes' order the empty directory comes first.
  const ordered = sources.toSorted((a, b) => order.indexOf(a) - order.indexOf(b));
  for (const extra of ordered.slice(1))
    errors.push(fieldErrors.forbidden(`${at}.${extra}`, 'may not specify more than 1 volume type'));
  switch (ordered[0]) {
    case 'emptyDir': {
      const limit = volume.emptyDir?.sizeLimit;
      if (limit !== undefined && (parseQuantity(limit)?.nanos ?? 0n) < 0n)
        errors.push(
          fieldErrors.forbidden(`${at}.emptyDir.sizeLimit`, 'SizeLimit field must be a valid resource quantity'),
        );
      break;
    }
    case 'hostPath':
      if (!volume.hostPath?.path) errors.push(fieldErrors.required(`${at}.hostPath.path`));
      else if (volume.hostPath.path.split('/').includes('..'))
        errors.push(fieldErrors.invalid(`${at}.hostPath.path`, volume.hostPath.path, "must not contain '..'"));
      errors.push(...oneOf(volume.hostPath?.type, hostPathTypes, `${at}.hostPath.type`));
      break;
    case 'secret':
      if (!volume.secret?.secretName) errors.push(fieldErrors.required(`${at}.secret.secretName`));
      errors.push(...modeProblems(volume.secret?.defaultMode, `${at}.secret.defaultMode`));
      errors.push(...itemsProblems(volume.secret?.items, `${at}.secret.items`));
      break;
    case 'configMap':
      if (!volume.configMap?.name) errors.push(fieldErrors.required(`${at}.configMap.name`));
      errors.push(...modeProblems(volume.configMap?.defaultMode, `${at}.configMap.defaultMode`));
      errors.push(...itemsProblems(volume.configMap?.items, `${at}.configMap.items`));
      break;
    case 'persistentVolumeClaim':
      if (!volume.persistentVolumeClaim?.claimName)
        errors.push(fieldErrors.required(`${at}.persistentVolumeClaim.claimName`));
      break;
    case 'nfs':
      if (!volume.nfs?.server) errors.push(fieldErrors.required(`${at}.nfs.server`));
      if (!volume.nfs?.path) errors.push(fieldErrors.required(`${at}.nfs.path`));
      else if (!volume.nfs.path.startsWith('/'))
        errors.push(fieldErrors.invalid(`${at}.nfs.path`, volume.nfs.path, 'must be an absolute path'));
      break;
    case 'downwardAPI':
      errors.push(...modeProblems(volume.downwardAPI?.defaultMode, `${at}.downwardAPI.defaultMode`));
      for (const {path, fieldRef} of volume.downwardAPI?.items ?? [])
        errors.push(...downwardProblems(path, fieldRef, `${at}.downwardAPI`));
      break;
    case 'projected':
      errors.push(...projectedProblems(volume, `${at}.projected`));
      break;
    default:
  }
  return errors;
}

const order = ['emptyDir', 'hostPath', 'gitRepo', 'secret', 'nfs', 'persistentVolumeClaim', 'configMap', 'downwardAPI'];

const downwardFields = [
  'metadata.annotations',
  'metadata.labels',
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
];

function downwardProblems(path: string, fieldRef: ObjectFieldSelector | undefined, at: string): FieldError[] {
  const errors = path ? localPathProblems(path, `${at}.path`) : [fieldErrors.required(`${at}.path`)];
  const field = fieldRef?.fieldPath;
  if (field !== undefined && !/^metadata\.(?:annotations|labels)\['.+'\]$/.test(field))
    errors.push(...oneOf(field, downwardFields, `${at}.fieldRef.fieldPath`));
  return errors;
}

function projectedProblems({projected}: Volume, at: string): FieldError[] {
  const errors: FieldError[] = [];
  const paths = new Set<string>();
  const once = (path: string, shown: string): void => {
    if (paths.has(path)) errors.push(fieldErrors.invalid(at, shown, 'conflicting duplicate paths'));
    paths.add(path);
  };
  for (const [index, {secret, configMap, serviceAccountToken}] of (projected?.sources ?? []).entries()) {
    const from = `${at}.sources[${index}]`;
    for (const [source, name] of [
      [secret, 'secret'],
      [configMap, 'configMap'],
    ] as const) {
      if (!source) continue;
      if (!source.name) errors.push(fieldErrors.required(`${from}.${name}.name`));
      errors.push(...itemsProblems(source.items, `${from}.${name}.items`));
      for (const {path} of source.items ?? []) once(path, source.name ?? '');
    }
    if (serviceAccountToken) {
      const {path, expirationSeconds = 3600} = serviceAccountToken;
      const field = `${from}.serviceAccountToken`;
      if (expirationSeconds < 600)
        errors.push(
          fieldErrors.invalid(
            `${field}.expirationSeconds`,
            expirationSeconds,
            'may not specify a duration less than 10 minutes',
          ),
        );
      if (expirationSeconds > 2 ** 32)
        errors.push(
          fieldErrors.invalid(
            `${field}.expirationSeconds`,
            expirationSeconds,
            'may not specify a duration larger than 2^32 seconds',
          ),
        );
      if (path) {
        errors.push(...localPathProblems(path, `${field}.path`));
        once(path, path);
      } else errors.push(fieldErrors.required(`${at}.path`));
    }
  }
  errors.push(...modeProblems(projected?.defaultMode, `${at}.defaultMode`));
  return errors;
}

function modeProblems(mode: number | undefined, path: string): FieldError[] {
  return mode !== undefined && (mode < 0 || mode > 0o777)
    ? [fieldErrors.invalid(path, mode, 'must be a number between 0 and 0777 (octal), both inclusive')]
    : [];
}

function itemsProblems(items: readonly KeyToPath[] | undefined, path: string): FieldError[] {
  return (items ?? []).flatMap(({key, path: target, mode}, index) => {
    const at = `${path}[${index}]`;
    return [
      ...(key ? [] : [fieldErrors.required(`${at}.key`)]),
      ...(target ? localPathProblems(target, `${at}.path`) : [fieldErrors.required(`${at}.path`)]),
      ...modeProblems(mode, `${at}.mode`),
    ];
  });
}
