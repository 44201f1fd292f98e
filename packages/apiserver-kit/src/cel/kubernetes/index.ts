/**
 * What Kubernetes adds to CEL, and the environment in which its rules are compiled.
 *
 * @module
 */
import type {FunctionTable} from '../function-table.ts';
import {addressLibrary} from './address.ts';
import {formatLibrary} from './format.ts';
import {listLibrary} from './list.ts';
import {listExtensions} from './list-extensions.ts';
import {quantityLibrary} from './quantity.ts';
import {semverLibrary} from './semver.ts';
import {urlLibrary} from './url.ts';

/** The libraries that every expression of Kubernetes may use. @see https://kubernetes.io/docs/reference/using-api/cel/ */
export const kubernetesLibraries: readonly FunctionTable[] = [
  listLibrary,
  listExtensions,
  formatLibrary,
  quantityLibrary,
  urlLibrary,
  addressLibrary,
  semverLibrary,
];
