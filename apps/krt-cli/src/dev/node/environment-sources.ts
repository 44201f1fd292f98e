import type {Container, EnvVarSource} from 'kubernetes-types/core/v1.d.ts';
import type {EnvironmentSources} from './container-environment.ts';
import {podField} from './pod-fields.ts';
import {configMapData, type ProjectionContext, secretData} from './projected-files.ts';

/** Fetches the ConfigMaps and Secrets that a container's environment names. */
export async function loadEnvironment(
  container: Container,
  context: ProjectionContext,
): Promise<Pick<EnvironmentSources, 'valueOf' | 'envFrom'>> {
  const configMaps = new Map<string, ReadonlyMap<string, Buffer> | undefined>();
  const secrets = new Map<string, ReadonlyMap<string, Buffer> | undefined>();
  const envFrom: Record<string, string> = {};
  for (const {prefix = '', configMapRef, secretRef} of container.envFrom ?? []) {
    const data =
      (configMapRef && (await configMapData(configMapRef.name ?? '', configMapRef.optional, context))) ??
      (secretRef && (await secretData(secretRef.name ?? '', secretRef.optional, context)));
    for (const [key, value] of data ?? []) envFrom[prefix + key] = value.toString('utf8');
  }
  for (const {valueFrom} of container.env ?? []) {
    const {configMapKeyRef, secretKeyRef} = valueFrom ?? {};
    if (configMapKeyRef)
      configMaps.set(
        configMapKeyRef.name ?? '',
        await configMapData(configMapKeyRef.name ?? '', configMapKeyRef.optional, context),
      );
    if (secretKeyRef)
      secrets.set(secretKeyRef.name ?? '', await secretData(secretKeyRef.name ?? '', secretKeyRef.optional, context));
  }

  const valueOf = ({fieldRef, configMapKeyRef, secretKeyRef}: EnvVarSource): string | undefined => {
    if (fieldRef) {
      const value = podField(context.pod, fieldRef.fieldPath, context.addresses);
      if (value === undefined) throw new Error(`a Pod has no field ${fieldRef.fieldPath} for its environment`);
      return value;
    }
    const reference = configMapKeyRef ?? secretKeyRef;
    if (!reference) throw new Error('a local node knows fieldRef, configMapKeyRef and secretKeyRef only');
    const value = (configMapKeyRef ? configMaps : secrets).get(reference.name ?? '')?.get(reference.key);
    if (value === undefined && !reference.optional) {
      throw new Error(`${configMapKeyRef ? 'ConfigMap' : 'Secret'} ${reference.name} has no key ${reference.key}`);
    }
    return value?.toString('utf8');
  };
  return {envFrom, valueOf};
}
