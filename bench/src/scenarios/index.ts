import {growth} from './growth.ts';
import {idle} from './idle.ts';
import {krt} from './krt.ts';
import {bursts, closed, open, sequential} from './loads.ts';
import {artifacts, output} from './payloads.ts';
import {rawLimit} from './raw-limit.ts';
import {scalePods} from './scale-pods.ts';
import type {Scenario} from './scenario.ts';
import {schedulerFinished, schedulerPending, schedulerPods} from './scheduler-alone.ts';

export const scenarios: readonly Scenario[] = [
  sequential,
  closed,
  open,
  bursts,
  rawLimit,
  growth,
  idle,
  output,
  artifacts,
  krt,
  schedulerPods,
  schedulerFinished,
  schedulerPending,
  scalePods,
];
