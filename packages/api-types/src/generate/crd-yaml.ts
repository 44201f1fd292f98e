import type {CustomResourceDefinition} from 'kubernetes-types/apiextensions/v1.d.ts';
import {stringify} from 'yaml';
import {runCrd, runtimeCrd} from '../crds.ts';

/** The files of `crds/`, by name. */
export const crdFiles: Readonly<Record<string, CustomResourceDefinition>> = {
  'kruntimes.io_runs.yaml': runCrd,
  'kruntimes.io_runtimes.yaml': runtimeCrd,
};

/** A CRD as YAML, the same text for the same object. */
export function crdYaml(crd: CustomResourceDefinition): string {
  const body = stringify(crd, {lineWidth: 120, aliasDuplicateObjects: false});
  return `# Generated from packages/api-types/src by "node --run generate". Do not edit.\n---\n${body}`;
}
