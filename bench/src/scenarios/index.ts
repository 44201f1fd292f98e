import {growth} from './growth.ts';
import {idle} from './idle.ts';
import {bursts, closed, open, sequential} from './loads.ts';
import {rawLimit} from './raw-limit.ts';
import type {Scenario} from './scenario.ts';

export const scenarios: readonly Scenario[] = [sequential, closed, open, bursts, rawLimit, growth, idle];
