import type {DaemonSet, Deployment, ReplicaSet, StatefulSet} from 'kubernetes-types/apps/v1.js';
import type {PodTemplateSpec} from 'kubernetes-types/core/v1.js';
import type {LabelSelector} from 'kubernetes-types/meta/v1.js';
import {type FieldError, fieldErrors, type ShownValue} from '../../errors/field-error.ts';
import type {JsonObject} from '../../json/json-value.ts';
import {toLabelSelector} from '../../selectors/label-selector.ts';
import {podTemplateProblems} from '../pod/pod-validation.ts';
import {goStruct, immutable, labelSelector, notNegative, sameJson} from '../validation/field-rules.ts';

const TEMPLATE = 'spec.template';

/** The selector of a workload, and that it selects its own Pods. */
function selectionProblems(
  kind: string,
  selector: LabelSelector | undefined | null,
  template: PodTemplateSpec | undefined,
): FieldError[] {
  const errors: FieldError[] = [];
  if (selector) {
    const wrong = labelSelector(selector, 'spec.selector');
    errors.push(...wrong);
    const empty = Object.keys(selector.matchLabels ?? {}).length + (selector.matchExpressions ?? []).length === 0;
    if (empty) errors.push(fieldErrors.invalid('spec.selector', selector, `empty selector is invalid for ${kind}`));
    if (wrong.length > 0) return [...errors, fieldErrors.invalid('spec.selector', selector, 'invalid label selector')];
  } else if (kind !== 'daemonset') errors.push(fieldErrors.required('spec.selector'));
  const own = template?.metadata?.labels;
  const matches = selector ? toLabelSelector(selector as JsonObject).matches(own ?? {}) : false;
  if (!matches)
    errors.push(
      fieldErrors.invalid(`${TEMPLATE}.metadata.labels`, own ?? null, '`selector` does not match template `labels`'),
    );
  return errors;
}

function templateProblems(template: PodTemplateSpec | undefined): FieldError[] {
  const errors = template ? podTemplateProblems(template, TEMPLATE) : [];
  const policy = template?.spec?.restartPolicy;
  if (policy !== 'Always')
    errors.push(fieldErrors.notSupported(`${TEMPLATE}.spec.restartPolicy`, policy ?? '', ['Always']));
  const deadline = template?.spec?.activeDeadlineSeconds;
  if (deadline !== undefined)
    errors.push(
      fieldErrors.forbidden(
        `${TEMPLATE}.spec.activeDeadlineSeconds`,
        'activeDeadlineSeconds in ReplicaSet is not Supported',
      ),
    );
  return errors;
}

const PERCENT =
  "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')";

/** A number that is not negative, or a percentage. */
export function countOrPercent(value: string | number | undefined, path: string): FieldError[] {
  if (value === undefined) return [];
  if (typeof value === 'number') return notNegative(value, path);
  return /^\d+%$/.test(value) ? [] : [fieldErrors.invalid(path, value, PERCENT)];
}

/** A percentage of at most all. */
export function notOverAll(value: string | number | undefined, path: string): FieldError[] {
  return typeof value === 'string' && /^\d+%$/.test(value) && Number.parseInt(value, 10) > 100
    ? [fieldErrors.invalid(path, value, 'must not be greater than 100%')]
    : [];
}

function isZero(value: string | number | undefined): boolean {
  return value === undefined || Number.parseInt(`${value}`, 10) === 0;
}

/** Checks a Deployment. */
export function deploymentProblems({spec}: Deployment, old: Deployment | undefined): FieldError[] {
  if (!spec) return [];
  const errors = [
    ...notNegative(spec.replicas, 'spec.replicas'),
    ...selectionProblems('deployment', spec.selector, spec.template),
    ...templateProblems(spec.template),
    ...strategyProblems(spec.strategy),
    ...notNegative(spec.minReadySeconds, 'spec.minReadySeconds'),
    ...notNegative(spec.revisionHistoryLimit, 'spec.revisionHistoryLimit'),
    ...notNegative(spec.progressDeadlineSeconds, 'spec.progressDeadlineSeconds'),
  ];
  if (spec.progressDeadlineSeconds !== undefined && spec.progressDeadlineSeconds <= (spec.minReadySeconds ?? 0))
    errors.push(
      fieldErrors.invalid(
        'spec.progressDeadlineSeconds',
        spec.progressDeadlineSeconds,
        'must be greater than minReadySeconds',
      ),
    );
  if (old) errors.push(...immutable(spec.selector, old.spec?.selector, 'spec.selector'));
  return errors;
}

function strategyProblems(strategy: NonNullable<Deployment['spec']>['strategy']): FieldError[] {
  const at = 'spec.strategy';
  const rolling = strategy?.rollingUpdate;
  if (strategy?.type === 'Recreate') {
    return rolling
      ? [fieldErrors.forbidden(`${at}.rollingUpdate`, "may not be specified when strategy `type` is 'Recreate'")]
      : [];
  }
  if (strategy?.type !== 'RollingUpdate')
    return [fieldErrors.notSupported(at, shownStrategy(strategy), ['Recreate', 'RollingUpdate'])];
  if (!rolling) return [fieldErrors.required(`${at}.rollingUpdate`, 'this should be defaulted and never be nil')];
  const {maxUnavailable, maxSurge} = rolling;
  const errors = [
    ...countOrPercent(maxUnavailable, `${at}.rollingUpdate.maxUnavailable`),
    ...countOrPercent(maxSurge, `${at}.rollingUpdate.maxSurge`),
  ];
  if (isZero(maxUnavailable) && isZero(maxSurge))
    errors.push(
      fieldErrors.invalid(`${at}.rollingUpdate.maxUnavailable`, maxUnavailable, 'may not be 0 when `maxSurge` is 0'),
    );
  errors.push(...notOverAll(maxUnavailable, `${at}.rollingUpdate.maxUnavailable`));
  return errors;
}

/** Checks a ReplicaSet. */
export function replicaSetProblems({spec}: ReplicaSet, old: ReplicaSet | undefined): FieldError[] {
  if (!spec) return [];
  return [
    ...notNegative(spec.replicas, 'spec.replicas'),
    ...notNegative(spec.minReadySeconds, 'spec.minReadySeconds'),
    ...selectionProblems('deployment', spec.selector, spec.template),
    ...templateProblems(spec.template),
    ...(old ? immutable(spec.selector, old.spec?.selector, 'spec.selector') : []),
  ];
}

/** An unknown strategy as it is shown: with the names of Go's fields. */
function shownStrategy(strategy: {type?: string} | undefined): ShownValue {
  return goStruct({Type: strategy?.type ?? '', RollingUpdate: null});
}

function statefulStrategyProblems(strategy: NonNullable<StatefulSet['spec']>['updateStrategy']): FieldError[] {
  const at = 'spec.updateStrategy';
  const rolling = strategy?.rollingUpdate;
  switch (strategy?.type) {
    case 'OnDelete': {
      if (!rolling) return [];
      const shown = goStruct({Partition: rolling.partition ?? null, MaxUnavailable: rolling.maxUnavailable ?? null});
      return [fieldErrors.invalid(`${at}.rollingUpdate`, shown, "only allowed for updateStrategy 'RollingUpdate'")];
    }
    case 'RollingUpdate':
      return notNegative(rolling?.partition, `${at}.rollingUpdate.partition`);
    default:
      return [fieldErrors.invalid(at, shownStrategy(strategy), "must be 'RollingUpdate' or 'OnDelete'")];
  }
}

const STATEFUL =
  "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden";

/** Checks a StatefulSet. */
export function statefulSetProblems({spec}: StatefulSet, old: StatefulSet | undefined): FieldError[] {
  if (!spec) return [];
  const errors = [
    ...(spec.podManagementPolicy === 'OrderedReady' || spec.podManagementPolicy === 'Parallel'
      ? []
      : [
          fieldErrors.invalid(
            'spec.podManagementPolicy',
            spec.podManagementPolicy,
            "must be 'OrderedReady' or 'Parallel'",
          ),
        ]),
    ...statefulStrategyProblems(spec.updateStrategy),
    ...notNegative(spec.replicas, 'spec.replicas'),
    ...notNegative(spec.minReadySeconds, 'spec.minReadySeconds'),
    ...selectionProblems('statefulset', spec.selector, spec.template),
    ...templateProblems(spec.template),
  ];
  if (old && !sameJson(fixedParts(spec), fixedParts(old.spec))) errors.push(fieldErrors.forbidden('spec', STATEFUL));
  return errors;
}

function fixedParts(spec: StatefulSet['spec']): unknown {
  return {
    selector: spec?.selector,
    serviceName: spec?.serviceName,
    podManagementPolicy: spec?.podManagementPolicy,
    volumeClaimTemplates: spec?.volumeClaimTemplates,
  };
}

function daemonRollingProblems({
  maxUnavailable,
  maxSurge,
}: {
  maxUnavailable?: string | number;
  maxSurge?: string | number;
} = {}): FieldError[] {
  const at = 'spec.updateStrategy.rollingUpdate';
  const errors = [
    ...countOrPercent(maxUnavailable, `${at}.maxUnavailable`),
    ...notOverAll(maxUnavailable, `${at}.maxUnavailable`),
    ...countOrPercent(maxSurge, `${at}.maxSurge`),
    ...notOverAll(maxSurge, `${at}.maxSurge`),
  ];
  if (!isZero(maxUnavailable) && !isZero(maxSurge))
    errors.push(fieldErrors.invalid(`${at}.maxSurge`, maxSurge, 'may not be set when maxUnavailable is non-zero'));
  if (isZero(maxUnavailable) && isZero(maxSurge))
    errors.push(fieldErrors.required(`${at}.maxUnavailable`, 'cannot be 0 when maxSurge is 0'));
  return errors;
}

/** Checks the counts in a status: none may be negative, and parts not more than the whole. */
export function replicaStatusProblems(status: object | undefined, counts: readonly string[]): FieldError[] {
  const number = (name: string): number => Number(Object.entries(status ?? {}).find(([key]) => key === name)?.[1] ?? 0);
  const whole = number('replicas');
  return [
    ...['replicas', ...counts].flatMap((name) => notNegative(number(name), `status.${name}`)),
    ...counts
      .filter((name) => number(name) > whole)
      .map((name) => fieldErrors.invalid(`status.${name}`, number(name), 'cannot be greater than status.replicas')),
  ];
}

/** Checks a DaemonSet. */
export function daemonSetProblems({spec}: DaemonSet, old: DaemonSet | undefined): FieldError[] {
  if (!spec) return [];
  const {type, rollingUpdate} = spec.updateStrategy ?? {};
  const errors = [
    ...selectionProblems('daemonset', spec.selector, spec.template),
    ...templateProblems(spec.template),
    ...notNegative(spec.minReadySeconds, 'spec.minReadySeconds'),
    ...(type === 'RollingUpdate' || type === 'OnDelete'
      ? []
      : [
          fieldErrors.notSupported('spec.updateStrategy', shownStrategy(spec.updateStrategy), [
            'RollingUpdate',
            'OnDelete',
          ]),
        ]),
    ...(type === 'RollingUpdate' ? daemonRollingProblems(rollingUpdate) : []),
    ...notNegative(spec.revisionHistoryLimit, 'spec.revisionHistoryLimit'),
  ];
  if (old) errors.push(...immutable(spec.selector, old.spec?.selector, 'spec.selector'));
  return errors;
}
