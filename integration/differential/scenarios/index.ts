import type {Scenario} from '../scenario.ts';
import {accessScenarios} from './access.ts';
import {applyScenarios} from './apply.ts';
import {builtInKindScenarios} from './built-in-kinds.ts';
import {configMapScenarios} from './config-maps.ts';
import {customResourceScenarios} from './custom-resources.ts';
import {listScenarios} from './lists.ts';
import {randomWriteScenarios} from './random-writes.ts';
import {wireScenarios} from './wire.ts';

/** All of them. What they must answer is what kube-apiserver answers. */
export const scenarios: readonly Scenario[] = [
  ...configMapScenarios,
  ...listScenarios,
  ...applyScenarios,
  ...randomWriteScenarios,
  ...builtInKindScenarios,
  ...customResourceScenarios,
  ...accessScenarios,
  ...wireScenarios,
];
