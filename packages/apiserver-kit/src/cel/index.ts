/**
 * The Common Expression Language, as Kubernetes uses it.
 *
 * @example
 * ```ts
 * import {CelEnvironment, fromJson, types} from '@kruntimes/apiserver-kit/cel';
 *
 * const environment = new CelEnvironment({variables: {self: types.dyn}});
 * const program = environment.compile('self.replicas <= self.maxReplicas');
 * console.log(program.evaluate({self: fromJson({replicas: 3, maxReplicas: 5})}).value);
 * ```
 *
 * @module
 */
export {CelError, type CelErrorCode, lineAndColumn} from './cel-error.ts';
export {CelEnvironment, type EnvironmentOptions, type Program} from './environment.ts';
export type {EvaluationResult} from './evaluator.ts';
export {type FunctionTable, functionTable, type Implementation} from './function-table.ts';
export {kubernetesLibraries} from './kubernetes/index.ts';
export {type CelType, listType, mapType, objectType, optionalType, types, typeText} from './types.ts';
export {
  type CelMap,
  type CelValue,
  Duration,
  fromJson,
  MapValue,
  type Opaque,
  Optional,
  Timestamp,
  TypeValue,
  Uint,
} from './values.ts';
