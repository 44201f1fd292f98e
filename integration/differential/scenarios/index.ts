import type {Scenario} from '../scenario.ts';
import {configMapScenarios} from './config-maps.ts';
import {customResourceScenarios} from './custom-resources.ts';
import {listScenarios} from './lists.ts';

export const scenarios: readonly Scenario[] = [...configMapScenarios, ...listScenarios, ...customResourceScenarios];
