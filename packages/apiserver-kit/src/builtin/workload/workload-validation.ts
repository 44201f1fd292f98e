import type {DaemonSet, Deployment, ReplicaSet, StatefulSet} from 'kubernetes-types/apps/v1.js';
import type {PodTemplateSpec} from 'kubernetes-types/core/v1.js';
import type {LabelSelector} from 'kubernetes-types/meta/v1.js';
import {type FieldError, fieldErrors} from '../../errors/field-error.ts';
import type {JsonObject} from '../../json/json-value.ts';
import {toLabelSelector} from '../../selectors/label-selector.ts';
import {podTemplateProblems} from '../pod/pod-validation.ts';
import {immutable, labelSelector, notNegative, oneOf, sameJson} from '../validation/field-rules.ts';

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
    if (wrong.length > 0) return errors;
  } else errors.push(fieldErrors.required('spec.selector'));
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
        'activeDeadlineSeconds in a Deployment, ReplicaSet, StatefulSet or DaemonSet is not supported',
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

function notOverAll(value: string | number | undefined, path: string): FieldError[] {
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
  if (strategy?.type !== 'RollingUpdate') return oneOf(strategy?.type, ['Recreate', 'RollingUpdate'], `${at}.type`);
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
    ...selectionProblems('replicaset', spec.selector, spec.template),
    ...templateProblems(spec.template),
    ...(old ? immutable(spec.selector, old.spec?.selector, 'spec.selector') : []),
  ];
}

const STATEFUL =
  "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden";

/** Checks a StatefulSet. */
export function statefulSetProblems({spec}: StatefulSet, old: StatefulSet | undefined): FieldError[] {
  if (!spec) return [];
  const errors = [
    ...oneOf(spec.podManagementPolicy, ['OrderedReady', 'Parallel'], 'spec.podManagementPolicy'),
    ...oneOf(spec.updateStrategy?.type, ['OnDelete', 'RollingUpdate'], 'spec.updateStrategy.type'),
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

/** Checks a DaemonSet. */
export function daemonSetProblems({spec}: DaemonSet, old: DaemonSet | undefined): FieldError[] {
  if (!spec) return [];
  const {type, rollingUpdate} = spec.updateStrategy ?? {};
  const errors = [
    ...selectionProblems('daemonset', spec.selector, spec.template),
    ...templateProblems(spec.template),
    ...notNegative(spec.minReadySeconds, 'spec.minReadySeconds'),
    ...oneOf(type, ['OnDelete', 'RollingUpdate'], 'spec.updateStrategy.type'),
    ...countOrPercent(rollingUpdate?.maxUnavailable, 'spec.updateStrategy.rollingUpdate.maxUnavailable'),
    ...countOrPercent(rollingUpdate?.maxSurge, 'spec.updateStrategy.rollingUpdate.maxSurge'),
    ...notNegative(spec.revisionHistoryLimit, 'spec.revisionHistoryLimit'),
  ];
  if (old) errors.push(...immutable(spec.selector, old.spec?.selector, 'spec.selector'));
  return errors;
}
