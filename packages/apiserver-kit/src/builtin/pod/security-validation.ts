import type {PodSpec, SecurityContext} from 'kubernetes-types/core/v1.js';
import {type FieldError, fieldErrors} from '../../errors/field-error.ts';
import {inRange, oneOf} from '../validation/field-rules.ts';

const LARGEST_ID = 2_147_483_647;

interface SeccompProfile {
  type: string;
  localhostProfile?: string;
}

/** Checks who the processes of a Pod are. */
export function podSecurityProblems(spec: PodSpec, path: string): FieldError[] {
  const at = `${path}.securityContext`;
  const context = spec.securityContext ?? {};
  const errors: FieldError[] = [];
  if (spec.hostPID && spec.shareProcessNamespace)
    errors.push(
      fieldErrors.invalid(
        `${at}.shareProcessNamespace`,
        true,
        'ShareProcessNamespace and HostPID cannot both be enabled',
      ),
    );
  errors.push(...idProblems(context.fsGroup, `${at}.fsGroup`));
  errors.push(...idProblems(context.runAsUser, `${at}.runAsUser`));
  errors.push(...idProblems(context.runAsGroup, `${at}.runAsGroup`));
  for (const [index, group] of (context.supplementalGroups ?? []).entries())
    errors.push(...idProblems(group, `${at}.supplementalGroups[${index}]`));
  for (const [index, {name}] of (context.sysctls ?? []).entries())
    if (!name) errors.push(fieldErrors.required(`${at}.sysctls[${index}].name`));
  if (context.fsGroupChangePolicy !== undefined)
    errors.push(...oneOf(context.fsGroupChangePolicy, ['Always', 'OnRootMismatch'], `${at}.fsGroupChangePolicy`));
  errors.push(...seccompProblems(context.seccompProfile, `${at}.seccompProfile`));
  return errors;
}

/** Checks who the processes of a container are. */
export function containerSecurityProblems(context: SecurityContext | undefined, at: string): FieldError[] {
  if (!context) return [];
  const errors: FieldError[] = [];
  errors.push(
    ...idProblems(context.runAsUser, `${at}.runAsUser`),
    ...idProblems(context.runAsGroup, `${at}.runAsGroup`),
  );
  if (context.procMount !== undefined)
    errors.push(...oneOf(context.procMount, ['Default', 'Unmasked'], `${at}.procMount`));
  errors.push(...seccompProblems(context.seccompProfile, `${at}.seccompProfile`));
  if (context.allowPrivilegeEscalation === false) {
    if (context.privileged)
      errors.push(
        fieldErrors.invalid(at, context, 'cannot set `allowPrivilegeEscalation` to false and `privileged` to true'),
      );
    if ((context.capabilities?.add ?? []).some((name) => name === 'CAP_SYS_ADMIN'))
      errors.push(
        fieldErrors.invalid(
          at,
          context,
          'cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN',
        ),
      );
  }
  return errors;
}

function idProblems(id: number | undefined, path: string): FieldError[] {
  return id === undefined ? [] : inRange(id, 0, LARGEST_ID, path);
}

function seccompProblems(profile: SeccompProfile | undefined, at: string): FieldError[] {
  if (!profile) return [];
  if (profile.type === 'Localhost' && !profile.localhostProfile)
    return [fieldErrors.required(`${at}.localhostProfile`, 'must be set when seccomp type is Localhost')];
  if (profile.type !== 'Localhost' && profile.localhostProfile !== undefined)
    return [
      fieldErrors.invalid(
        `${at}.localhostProfile`,
        profile.localhostProfile,
        'can only be set when seccomp type is Localhost',
      ),
    ];
  return oneOf(profile.type, ['Localhost', 'RuntimeDefault', 'Unconfined'], `${at}.type`);
}
